"""The trace of each message: one id from the first byte to the mailbox, and what every stage decided and
why.

For accepted mail the rows are written in the unit that accepts or delivers it (:func:`write`), so that they
are as durable as the mail. Refusals are gathered and written in batches, best effort (:class:`Refusals`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from posthouse.database.contract import Transaction
from posthouse.queue import records

Entry = tuple[str, str]
"""(stage, text)"""

MAX_TEXT = 1000
"""Characters of one entry's text; the rest is cut."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Entry]).decode


@dataclass(frozen=True, slots=True)
class TraceRow:
    """What one unit of work wrote down about a message. ``queue_id`` and ``message_id`` (a copy in the
    store) are 0 and ``header_id`` (its Message-ID field) is empty where there is none. ``at`` in seconds
    since 1970."""

    trace: str
    at: float
    entries: Sequence[Entry]
    queue_id: int = 0
    message_id: int = 0
    header_id: str = ""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One line of a message's story."""

    trace: str
    at: float
    stage: str
    text: str
    queue_id: int
    message_id: int
    header_id: str


def write(tx: Transaction, rows: Sequence[TraceRow]) -> None:
    """Write rows within the caller's unit."""
    tx.execute_many(records.INSERT_TRACE, [_values(row) for row in rows])


def read(tx: Transaction, trace: str) -> list[TraceEntry]:
    """The story of a trace id, in order (its first 500 rows)."""
    return [
        TraceEntry(row[0], row[1], stage, text, row[2], row[3], row[4])
        for row in tx.execute(records.SELECT_TRACE, {"trace": trace})
        for stage, text in _decode(row[5])
    ]


def of_message(tx: Transaction, message_id: int) -> list[str]:
    """Trace ids of a message in the store (its row id)."""
    return _ids(tx.execute(records.SELECT_TRACE_OF_MESSAGE, {"message_id": message_id}))


def of_header(tx: Transaction, header_id: str) -> list[str]:
    """Trace ids of a Message-ID field, with its angle brackets; anyone may have used the same one."""
    return _ids(tx.execute(records.SELECT_TRACE_OF_HEADER, {"header_id": _plain(header_id, 255)}))


def newest(tx: Transaction) -> int:
    """The id of the row written last, 0 when there is none."""
    return int(tx.execute(records.NEWEST_TRACE)[0][0] or 0)


def of_address(tx: Transaction, address: str, upto: int, span: int) -> list[str]:
    """Trace ids that name this mail address as sender or recipient, in the ``span`` rows that end with row
    ``upto``; the newest first. No index knows addresses: this reads the rows, so ask for few at a time."""
    wanted = address.lower()
    written = _encode(wanted).decode()[1:-1]  # as it stands within the JSON text
    pattern = "".join(f"!{each}" if each in "!%_[" else each for each in written)
    found = tx.execute(
        records.SELECT_TRACES_WITH, {"after": upto - span, "upto": upto, "pattern": f"%{pattern}%"}
    )
    whole = re.compile(rf"(?<![\w.+=/-]){re.escape(wanted)}(?![\w.-])")
    return _ids([row for row in found if any(whole.search(text.lower()) for _, text in _decode(row[1]))])


def remove_old(tx: Transaction, before: float, limit: int) -> int:
    """Remove up to ``limit`` of the rows written before this time; returns how many went."""
    old = tx.execute(records.SELECT_OLD_TRACES, {"before": before, "count": limit})
    tx.execute_many(records.DELETE_TRACE, [{"of_id": row[0]} for row in old])
    return len(old)


def _ids(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(row[0] for row in rows))


def _values(row: TraceRow) -> dict[str, object]:
    return {
        "trace": row.trace,
        "at": row.at,
        "queue_id": row.queue_id,
        "message_id": row.message_id,
        "header_id": _plain(row.header_id, 255),
        "entries": _encode([(stage, _plain(text, MAX_TEXT)) for stage, text in row.entries]).decode(),
    }


def _plain(text: str, length: int) -> str:
    """Text that every engine can store: peers choose what stands in it."""
    if len(text) > length:
        text = text[:length]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
