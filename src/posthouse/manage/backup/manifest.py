"""What a backup is: its tables as lists of pieces, and the lists of its bodies."""

from __future__ import annotations

import msgspec

from posthouse.manage.backup.sealing import Damaged

FORMAT = 1
MAX_MANIFEST = 256 << 20
MAX_PIECE = 64 << 20
"""Bytes of one piece of rows or of one list of bodies."""
MAX_BODY = 4 << 30


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """One object of rows or body entries: SHA-256, bytes and number of rows, and the range of the first key column
    where that is a number (0, 0 where not)."""

    digest: bytes
    size: int
    rows: int
    first: int = 0
    last: int = 0


class TablePieces(msgspec.Struct, frozen=True):
    """One table. ``last_id``: the highest id ever given out, which may be above the highest kept."""

    name: str
    columns: list[str]
    rows: int
    last_id: int
    pieces: list[Piece]


class AccountSummary(msgspec.Struct, frozen=True):
    """An account with what it holds."""

    address: str
    mailboxes: int
    messages: int
    size: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Times in seconds since 1970; ``started`` is the moment of the picture. ``new_objects`` and
    ``new_bytes`` were written by this backup, all else is shared with earlier ones. ``lost``: bodies whose file was
    missing or damaged in the mail store itself."""

    format: int
    id: str
    started: float
    finished: float
    parent: str
    program: str
    schema: str
    hostname: str
    domains: list[str]
    accounts: list[AccountSummary]
    tables: list[TablePieces]
    body_lists: list[Piece]
    bodies: int
    body_bytes: int
    lost: list[bytes]
    new_objects: int
    new_bytes: int

    def table(self, name: str) -> TablePieces | None:
        """A table by its name."""
        return next((table for table in self.tables if table.name == name), None)


class BodyEntry(msgspec.Struct, frozen=True, array_like=True):
    """A body in a list: SHA-256, size, and when it came (seconds since 1970)."""

    digest: bytes
    size: int
    created_at: int


def check_manifest(manifest: Manifest, backup: str) -> None:
    """Raise Damaged for what no program of this format writes."""
    if manifest.format != FORMAT:
        raise Damaged(f"its format is {manifest.format}, this program knows {FORMAT}")
    pieces = [piece for table in manifest.tables for piece in table.pieces] + manifest.body_lists
    good = manifest.id == backup and all(
        len(piece.digest) == 32 and 0 <= piece.size <= MAX_PIECE and 0 <= piece.rows <= piece.size
        for piece in pieces
    )
    if not good or len({table.name for table in manifest.tables}) != len(manifest.tables):
        raise Damaged("its manifest contradicts itself")


def check_entry(entry: BodyEntry) -> None:
    """Raise Damaged for a body no backup holds."""
    if len(entry.digest) != 32 or not 0 <= entry.size <= MAX_BODY:
        raise Damaged("its list of bodies contradicts itself")
