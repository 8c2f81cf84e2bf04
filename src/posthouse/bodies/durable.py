"""Which layout makes bodies durable."""

from __future__ import annotations

import os

from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import SEGMENT_BYTES, Journal
from posthouse.bodies.journaled import JournalDurability
from posthouse.bodies.plain import PlainDurability
from posthouse.database.contract import Database
from posthouse.database.sqlite import SqliteDatabase

Durable = PlainDurability | JournalDurability


def durable(
    layout: str,
    database: Database,
    bodies: FileBodies,
    data: str | os.PathLike[str],
    slot: int,
    segment_bytes: int = SEGMENT_BYTES,
) -> Durable:
    """The layout that is asked for, where the database allows it; ``slot`` is the worker's number. Raises OSError."""
    if layout == "journal" and isinstance(database, SqliteDatabase):
        return JournalDurability(database, bodies, Journal(data, bodies, slot, segment_bytes=segment_bytes))
    return PlainDurability(database, bodies)
