"""The numbered schema versions, applied by Alembic in a process of its own (``database/migrate.py``).

A released version is never edited; a change of the schema is a new file in ``versions/`` and a new entry
here.
"""

VERSIONS: tuple[str, ...] = ("0001", "0002", "0003", "0004")
"""Every version in order; a database at any other is newer than this program."""

HEAD = VERSIONS[-1]
"""The version this program works with."""
