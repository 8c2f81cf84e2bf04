"""SEARCH for one flag, the search clients repeat all day (UNSEEN), over the whole mailbox.

Numbers of each two thousand messages are kept as text on the shared mailbox for as long as none of these messages
changes: messages are replaced, never altered, so the same objects are the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.pace import Pace
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, Message, View
from posthouse.wire.imap.syntax import Key

CHUNK = 2000

_FLAGS = {"ANSWERED": ANSWERED, "DELETED": DELETED, "DRAFT": DRAFT, "FLAGGED": FLAGGED, "SEEN": SEEN}
_WANTED = {
    **{name: (bit, bit) for name, bit in _FLAGS.items()},
    **{f"UN{name}": (bit, 0) for name, bit in _FLAGS.items()},
}
"""By search key: which bit, and what it is to be."""


async def flag_line(session: ImapSession, key: Key, uid: bool) -> bytes | None:
    """The whole ``* SEARCH`` line, or None when the key is not a flag alone."""
    wanted = _WANTED.get(key.name)
    view = session.selected
    if wanted is None and key.name == "ALL" and view.packed:
        wanted = (0, 0)
    if wanted is None:
        return None
    if view.packed:
        return _whole(view, *wanted, uid=uid)
    scratch = view.scratch
    rows = view.snapshot()
    pace = Pace()
    parts = [b"* SEARCH"]
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        place = f"flag {key.name} {uid} {start}"
        kept: Any = scratch.get(place)
        if kept is not None and kept[0] == chunk:  # messages are equal only to themselves
            parts.append(kept[1])
            continue
        text = _numbers(chunk, start + 1, *wanted, uid=uid)
        parts.append(text)
        if len(chunk) == CHUNK:
            scratch[place] = (chunk, text)
        await pace.breathe()
    parts.append(b"\r\n")
    return b"".join(parts)


def _whole(view: View, bit: int, value: int, *, uid: bool) -> bytes:
    """The line of a large mailbox, by going through the flags alone."""
    places, uids = view.flagged(bit, value), view.uids
    found = [uids[place] for place in places] if uid else [place + 1 for place in places]
    return b"* SEARCH" + b"".join(b" %d" % number for number in found) + b"\r\n"


def _numbers(rows: Sequence[Message | None], first: int, bit: int, value: int, *, uid: bool) -> bytes:
    """Sequence numbers or UIDs, a blank before each."""
    if uid:
        found = [row.uid for row in rows if row is not None and row.flags & bit == value]
    else:
        found = [
            number for number, row in enumerate(rows, first) if row is not None and row.flags & bit == value
        ]
    return f" {' '.join(map(str, found))}".encode("ascii") if found else b""
