"""Rows as pieces and back, the same on every engine.

A table is written in the order of its primary key, as MessagePack arrays of rows (integers, doubles, texts, bytes
and nothing). Where a piece ends depends on the keys themselves, not on how many rows came before, so a row that is
added or removed changes one piece and leaves all others what they were.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from zlib import crc32

import msgspec
from sqlalchemy import Double, LargeBinary, String, Table, select
from sqlalchemy.sql import Select

import posthouse
from posthouse.database import schema
from posthouse.database.contract import Row
from posthouse.manage.backup.manifest import MAX_PIECE, BodyEntry, Piece, check_entry
from posthouse.manage.backup.sealing import Damaged

LEFT_OUT = frozenset(
    (
        "leases",
        "versions",
        "bodies",
        "backup_state",
        "browser_sessions",
        "sign_in_links",
        "idempotency",
        "probations",
        "samples",
        "events",
        "route_tokens",
        "tls_results",
        "sending_counts",
        "oauth_tokens",
        "oauth_codes",
        "network_list_states",
        "network_list_parts",
        "cram_md5_keys",
    )
)
"""Who runs which job, versions of caches (raised by a restore), bodies (they have their own lists), what the backups
themselves remember; and what is over by the time of a restore: sessions of browsers, links to sign in, changes on
probation, plots, events (written at any time, also while rows are put back), access tokens of routes, results
of TLS that are not reported yet, what was sent in the last hours, and tokens that may have been
taken back since: programs ask their owners again. Copies of lists of networks: they are got anew. And the keys for
CRAM-MD5, which are as good as passwords and are made anew at the next sign-ins."""

ROWS = 512
"""Rows of a piece, on average."""
BYTES = 4 << 20
"""Bytes after which a piece ends in any case."""

_CELLS = frozenset((int, float, str, bytes, type(None)))
_rows_of = msgspec.msgpack.Decoder(list[list[Any]]).decode
_entries_of = msgspec.msgpack.Decoder(list[BodyEntry]).decode
_encode = msgspec.msgpack.Encoder().encode

Keep = Callable[[bytes, bytes], None]
"""Takes SHA-256 and content of a piece."""


def every_table() -> dict[str, Table]:
    """Every table a backup holds, in an order in which rows may be put in (referred ones first)."""
    for folder in pkgutil.iter_modules(posthouse.__path__):
        if folder.ispkg:
            package = importlib.import_module(f"posthouse.{folder.name}")
            for module in pkgutil.iter_modules(package.__path__):
                if module.name.endswith("records"):
                    importlib.import_module(f"posthouse.{folder.name}.{module.name}")
    return {
        table.name: table
        for table in schema.metadata.sorted_tables
        if table.name not in LEFT_OUT and table.columns
    }


def select_all(table: Table) -> Select[Row]:
    """All rows in the order of the primary key."""
    return select(*table.columns).order_by(*table.primary_key.columns)


def converters(columns: Iterable[Any]) -> list[Callable[[Any], Any]]:
    """For each column what makes a driver's value the portable one."""
    return [_converter(column.type) for column in columns]


def _converter(kind: Any) -> Callable[[Any], Any]:
    for python, mark in ((bytes, LargeBinary), (float, Double), (str, String)):
        if isinstance(kind, mark):
            return _nullable(python)
    return _nullable(int)


def _nullable(python: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else python(value)


class Cutter:
    """Collects encoded rows and hands over a piece whenever one is complete."""

    def __init__(self, keep: Keep, rows: int = ROWS) -> None:
        self.pieces: list[Piece] = []
        self.rows = 0
        self._keep = keep
        self._every = rows
        self._waiting: list[bytes] = []
        self._size = 0
        self._first = self._last = 0

    def add(self, row: Any, key: tuple[Any, ...]) -> None:
        """Take one row; ``key`` is its primary key."""
        first = key[0] if key and isinstance(key[0], int) else 0
        if not self._waiting:
            self._first = first
        self._last = first
        encoded = _encode(row)
        self._waiting.append(encoded)
        self._size += len(encoded)
        self.rows += 1
        if crc32(repr(key).encode()) % self._every == 0 or self._size >= BYTES:
            self.end()

    def end(self) -> None:
        """Hand over what is left."""
        if not self._waiting:
            return
        content = b"\xdd" + len(self._waiting).to_bytes(4, "big") + b"".join(self._waiting)
        digest = hashlib.sha256(content).digest()
        self._keep(digest, content)
        self.pieces.append(Piece(digest, len(content), len(self._waiting), self._first, self._last))
        self._waiting, self._size = [], 0


def read_rows(content: bytes, piece: Piece, columns: int) -> list[list[Any]]:
    """The rows of a piece. Raises Damaged."""
    try:
        rows = _rows_of(content)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise Damaged("its rows cannot be read") from None
    strange = any(len(row) != columns or not _CELLS.issuperset(map(type, row)) for row in rows)
    if strange or len(rows) != piece.rows:
        raise Damaged("its rows are not what the manifest says")
    return rows


def read_entries(content: bytes, piece: Piece) -> list[BodyEntry]:
    """The bodies of a list. Raises Damaged."""
    try:
        entries = _entries_of(content)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise Damaged("its list of bodies cannot be read") from None
    if len(entries) != piece.rows:
        raise Damaged("its list of bodies is not what the manifest says")
    for entry in entries:
        check_entry(entry)
    return entries


def content_of(pieces: Iterator[bytes]) -> bytes:
    """A whole piece; its reader has seen to it that it is not larger than allowed."""
    return b"".join(pieces)


def limit_of(piece: Piece) -> int:
    """The most bytes a piece may turn out to have."""
    return min(piece.size, MAX_PIECE)
