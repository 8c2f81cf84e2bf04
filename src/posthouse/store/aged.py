"""Messages of a folder by their age, for what moves them by itself."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from posthouse.database.contract import Transaction
from posthouse.store.contract import DELETED
from posthouse.store.records import UID_BITS, message_id, messages

_M = messages.c
_SELECT = (
    select(_M.id, _M.internal_date)
    .where(
        _M.id > bindparam("after"),
        _M.id < bindparam("end"),
        _M.internal_date <= bindparam("before"),
        _M.flags.bitwise_and(DELETED) == 0,
    )
    .order_by(_M.id)
    .limit(bindparam("count"))
)


_FIRST_YOUNGER = (
    select(_M.id)
    .where(_M.id > bindparam("after"), _M.id < bindparam("end"), _M.internal_date > bindparam("before"))
    .order_by(_M.id)
    .limit(1)
)


def aged_in(
    tx: Transaction, mailbox_id: int, after: int, before: float, count: int, *, in_order: bool = False
) -> list[tuple[int, int]]:
    """UIDs above ``after`` of messages that arrived at ``before`` or earlier (seconds since 1970), with the time when
    they did; ascending, ``count`` at most. What is marked as deleted is left out. ``in_order``: only those with no
    younger message before them, for those who remember up to where they came."""
    key = {
        "after": message_id(mailbox_id, after),
        "end": message_id(mailbox_id + 1, 0),
        "before": int(before),
    }
    if in_order and (younger := tx.execute(_FIRST_YOUNGER, key)):
        key["end"] = int(younger[0][0])
    key["count"] = count
    mask = (1 << UID_BITS) - 1
    return [(int(row[0]) & mask, int(row[1])) for row in tx.execute(_SELECT, key)]
