"""Named write steps: the places where a crash would hurt, made reachable for the crash tests.

``step("body.synced")`` costs one global look-up in normal operation. With ``POSTHOUSE_CRASH_AT=NAME[:N]`` in the
environment the process kills itself with SIGKILL the Nth time the named step is reached; with
``POSTHOUSE_STEP_LOG=FILE`` every step is appended to a file.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

NAMES: tuple[str, ...] = (
    "body.written",  # temporary file written, not synced
    "body.synced",  # temporary file synced
    "body.renamed",  # renamed into place, directory not synced
    "body.directory",  # directory synced
    "unit.begun",  # write transaction begun
    "unit.applied",  # all statements of the batch done, not committed
    "unit.committed",  # commit returned
    "accept.reply",  # acceptance returned, reply not yet written
    "append.reply",  # APPEND durable, OK not yet written
    "queue.leased",  # a queue row was leased
    "queue.delivered",  # its delivery and settlement committed
    "removal.condemned",  # a body was condemned
    "removal.unlinked",  # its file is unlinked, row not yet removed by commit
)
"""Every step by name, in the order a message meets them on its way in."""

JOURNAL: tuple[str, ...] = (
    "journal.synced",  # some bodies are in the journal, their files not written
    "journal.put",  # a body is in the journal and its file is written
    "journal.turned",  # a journal file is full, the other is begun
    "journal.flushed",  # the files of the bodies of a full journal file are flushed
)
"""The steps of bodies that go through the journal, in place of those of bodies above."""

SENDING: tuple[str, ...] = (
    "queue.answered",  # another server answered for a queue row, nothing of it is written
    "queue.settled",  # what it answered is durable
)
"""The steps of mail that leaves."""

BACKUP: tuple[str, ...] = (
    "backup.pictured",  # a backup has its picture of the rows, nothing of it is written
    "backup.object",  # a backup wrote one object
    "backup.rows",  # all rows of a backup are written
    "backup.bodies",  # all of a backup is written but its manifest
    "restore.body",  # a restore put one batch of bodies back
    "restore.rows",  # a restore committed one unit of rows
)
"""The steps of a backup and of a restore."""

REPAIR: tuple[str, ...] = (
    "repair.begun",  # a new database is begun beside the old one
    "repair.table",  # it has the rows of one table
    "repair.read",  # all bodies are read
    "repair.made",  # it is whole and on the disk, the old one still in place
    "repair.aside",  # the old one is moved aside
    "repair.renamed",  # the new one is in its place
)
"""The steps of a repair."""

KEEPING: tuple[str, ...] = (
    "mailbox.purged",  # some messages of a deleted mailbox are removed or kept, others are still there
    "undelete.restored",  # one unit of deleted messages is back
    "removed.put_away",  # an account or domain is removed, its mail is all there
    "removed.purging",  # its mail is being removed for good, the directory still knows it
)
"""The steps of what is deleted and may come back."""

LISTS: tuple[str, ...] = (
    "list.written",  # some members of a list are served in a unit that is not committed
    "list.stretch",  # some members of a list are served, and it is written down how far it came
)
"""The steps of a post to a list."""


def _nothing(name: str) -> None:
    """A step in normal operation."""


def _make() -> Callable[[str], None]:
    where = os.environ.get("POSTHOUSE_CRASH_AT", "")
    log = os.environ.get("POSTHOUSE_STEP_LOG", "")
    if not where and not log:
        return _nothing
    name, _, count = where.partition(":")
    left = int(count or "1")

    def reached(step_name: str) -> None:
        nonlocal left
        if log:
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, step_name.encode() + b"\n")
            os.close(descriptor)
        if step_name == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    return reached


step: Callable[[str], None] = _make()
