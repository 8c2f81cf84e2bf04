"""Countries of addresses, from a database in MaxMind's format (mmdb) that the administrator keeps on this machine.

The file is read into memory and by Python alone: one that is replaced while it is used, or that is broken, can then
do no more than give no answer.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

LARGEST = 512 * 1024 * 1024
"""Bytes of a database that are read at most."""
MOST_SEEN = 20_000
_PROBES = ("1.1.1.1", "8.8.8.8", "127.0.0.1", "203.0.113.1", "223.255.255.255")
"""Looked up when a file is opened: one whose tree is broken is better found then."""


class Database(Protocol):
    """What knows countries."""

    def country(self, address: str) -> str:
        """Two capital letters (ISO 3166), "" where it knows none."""


class Keeper(Protocol):
    """Keeps a database as its file is."""

    @property
    def file(self) -> CountryFile | None:
        """The open database, if there is one."""

    @property
    def trouble(self) -> str:
        """Why there is none though one is wanted; "" where there is no trouble."""


class Unreadable(Exception):
    """The file is of no use; the text says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one state of a file from another."""

    path: str
    inode: int
    size: int
    changed: int


def version_of(path: str) -> Version:
    """The state of a file now. Raises OSError."""
    found = os.stat(path)
    return Version(path, found.st_ino, found.st_size, found.st_mtime_ns)


class CountryFile:
    """An open database. Safe from any thread."""

    def __init__(self, path: str) -> None:
        """Read it; work for a thread. Raises Unreadable."""
        try:
            import maxminddb
        except ImportError:
            raise Unreadable("the package maxminddb is not installed (the extra geoip)") from None
        try:
            data = _content(path)
        except OSError as problem:
            raise Unreadable(problem.strerror or type(problem).__name__) from None
        try:
            self._reader = maxminddb.open_database(io.BytesIO(data), maxminddb.MODE_FD)
            metadata = self._reader.metadata()
            self.built = float(metadata.build_epoch)
            """When it was made, in seconds since 1970."""
            self.kind = str(metadata.database_type)[:100]
            """What it calls itself."""
            for probe in _PROBES:
                self._look_up(probe)
        except Exception as problem:  # whatever the library meets in a broken file
            raise Unreadable(f"it is no database of MaxMind's format ({type(problem).__name__})") from None
        self._seen: dict[str, str] = {}
        self._lock = threading.Lock()
        self.failed = 0
        """How many look-ups met something broken."""

    def country(self, address: str) -> str:
        """See :class:`Database`."""
        found = self._seen.get(address)
        if found is not None:
            return found
        with self._lock:
            try:
                found = country_in(self._look_up(address))
            except Exception:  # as above: a broken part of the file knows no country
                self.failed += 1
                found = ""
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen[address] = found
        return found

    def _look_up(self, address: str) -> object:
        try:
            return self._reader.get(address)
        except ValueError:
            if ":" in address:
                return None  # an IPv6 address in a database of IPv4
            raise


def country_in(record: object) -> str:
    """The country in a record of GeoLite2 or GeoIP2, DB-IP, or IPinfo."""
    if not isinstance(record, Mapping):
        return ""
    for name in ("country", "registered_country", "country_code"):
        found: Any = record.get(name)
        if isinstance(found, Mapping):
            found = found.get("iso_code")
        if isinstance(found, str) and len(found) == 2 and found.isascii() and found.isalpha():
            return found.upper()
    return ""


def _content(path: str) -> bytes:
    """A regular file, whole. Raises OSError and Unreadable."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise Unreadable("it is no file")
        if state.st_size > LARGEST:
            raise Unreadable(f"it is larger than {LARGEST >> 20} MiB")
        return file.read(LARGEST)
