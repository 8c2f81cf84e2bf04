"""The files of the replica in the data folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw

ENDS = ("", "-wal", "-shm")
"""What SQLite adds to the name of a database."""


def replica_path(data: str | os.PathLike[str]) -> Path:
    """The replica."""
    return Path(data).absolute() / "records.db"


def marker_path(data: str | os.PathLike[str]) -> Path:
    """Exists while the replica knows more than the database; holds the reason."""
    return Path(data).absolute() / "records.ahead"


def is_ahead(data: str | os.PathLike[str]) -> bool:
    """Whether the replica knows more than the database, so that nothing may be removed."""
    return marker_path(data).exists()


def attach(path: Path, main: Path) -> apsw.Connection:
    """The replica (made if it is not there) with the database beside it as ``m``, which can only be read. Raises
    apsw.Error."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(str(path), flags=flags)
    try:
        connection.set_busy_timeout(5000)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")
        connection.pragma("cache_size", -1024)
        connection.execute("ATTACH ? AS m", (f"{main.absolute().as_uri()}?mode=ro",))
        connection.execute("PRAGMA m.cache_size = -1024")
    except BaseException:
        connection.close()
        raise
    return connection


def move_aside(path: Path, folder: Path, name: str) -> list[Path]:
    """Move a database and what belongs to it into ``folder``; where they are now. Nothing is overwritten."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moved = []
    for end in ENDS:
        source, target = Path(f"{path}{end}"), folder / f"{name}{end}"
        if source.exists() and not target.exists():
            os.rename(source, target)
            moved.append(target)
    return moved


def put_replica_aside(data: str | os.PathLike[str]) -> list[Path]:
    """Move the replica to ``records/aside-<time>.db``."""
    path = replica_path(data)
    return move_aside(path, path.parent / "records", f"aside-{stamp()}.db")


def stamp() -> str:
    """Now, for names of files; not used before."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.time_ns() % 1_000_000_000:09d}"
