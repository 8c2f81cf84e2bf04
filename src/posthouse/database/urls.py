"""Database URLs: what may be written in ``database_url``, and what it means to each library."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg", "postgresql"),
    "mysql": ("mysql+pymysql", "pymysql", "mysql"),
    "mariadb": ("mysql+pymysql", "pymysql", "mysql"),
    "mssql": ("mssql+pymssql", "pymssql", "mssql"),
}
"""Back end: SQLAlchemy's name with our driver, the driver's module, the extra that installs it."""


class BadUrl(ValueError):
    """The database URL cannot be used; the text says why and never shows a password."""


def parse(url: str) -> URL:
    """A checked URL with our driver in it. ``sqlite:///relative``, ``sqlite:////absolute/path``,
    ``postgresql://…``,
    ``mysql://…``, ``mariadb://…``, ``mssql://…``."""
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise BadUrl("database_url is not a URL like postgresql://user:password@host/name") from None
    backend = made.get_backend_name()
    if backend == "sqlite":
        if not made.database or made.database == ":memory:":
            raise BadUrl("a SQLite database_url names a file: sqlite:////var/lib/posthouse/posthouse.db")
        return made.set(drivername="sqlite")
    if backend not in _DRIVERS:
        raise BadUrl(
            f"database_url: {backend} is not supported; use sqlite, postgresql, mysql, mariadb or mssql"
        )
    if made.drivername == backend or backend == "mariadb":
        made = made.set(drivername=_DRIVERS[backend][0])
    if made.get_backend_name() == "mysql" and "charset" not in made.query:
        made = made.update_query_dict({"charset": "utf8mb4"})
    return made


def sqlite_url(path: str | Path) -> str:
    """The URL of a SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def extra_for(url: URL) -> str:
    """The extra of the package that installs the driver, e.g. ``postgresql``."""
    known = _DRIVERS.get(url.get_backend_name())
    return known[2] if known else ""
