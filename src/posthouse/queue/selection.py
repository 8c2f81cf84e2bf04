"""Which rows of the queue are meant, and finding them a stretch at a time.

Nothing here reads the whole queue: :func:`walk` reads one stretch along the index that fits best and says from where
to go on. What the index does not know is compared row by row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from posthouse.database.contract import Row, Transaction
from posthouse.queue import control_records as records
from posthouse.queue.contract import WEBHOOK

STRETCH = 500
"""Rows read at once."""

State = Literal["", "waiting", "held"]
"""``waiting`` are rows that are not held, also those that are being delivered."""

NULL_SENDER = "<>"
"""The null reverse-path as it is asked for."""


class Place(NamedTuple):
    """Behind which row a walk goes on. What the numbers mean is that walk's own."""

    held: int = 0
    at: float = -math.inf
    after: int = 0

    def __str__(self) -> str:
        return f"{self.held}:{self.at!r}:{self.after}"


def place_of(text: str) -> Place:
    """The place that a text names. Raises ValueError."""
    held, at, after = text.split(":")
    place = Place(int(held), float(at), int(after))
    if place.held not in (0, 1) or math.isnan(place.at) or not 0 <= place.after < 2**63:
        raise ValueError(text)
    return place


@dataclass(frozen=True, slots=True)
class Found:
    """A row and what its message says of it. Times in seconds since 1970, ``leased_until`` 0.0 while nobody has it."""

    id: int
    message_id: int
    recipient: str
    destination: str
    due_at: float
    held: bool
    hold: str
    not_before: float
    attempts: int
    status: str
    reason: str
    leased_until: float
    trace: str
    sender: str
    received_at: float
    size: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are meant: those to which all of this applies; what is empty applies to every row.

    ``messages``: ids of queued messages (some hundreds at most), ``row``: one recipient's row. ``sender``: an address
    as it stands in the queue, a domain, or :data:`NULL_SENDER`; ``recipient``: an address or a domain. ``reason``: a
    piece of the last reply, or a status code. ``search``: a piece of sender or recipient, or a trace id.
    ``before``: received before then (seconds since 1970). ``within``: mail from or to these domains only.
    Rows of webhooks are meant only by name: they have pages of their own.
    """

    messages: tuple[int, ...] = ()
    row: int = 0
    destination: str = ""
    sender: str = ""
    recipient: str = ""
    reason: str = ""
    search: str = ""
    state: State = ""
    before: float = 0.0
    within: frozenset[str] | None = None

    @property
    def named(self) -> bool:
        """Whether single messages or a recipient are meant, rather than whatever fits."""
        return bool(self.messages or self.row)

    @property
    def plain(self) -> bool:
        """Whether every row is meant."""
        return self == Selection()

    def fits(self, row: Found) -> bool:
        """Whether the row is meant."""
        return (
            (self.named or not row.destination.startswith(WEBHOOK))
            and (not self.messages or row.message_id in self.messages)
            and (not self.row or row.id == self.row)
            and (not self.destination or row.destination == self.destination)
            and (not self.state or row.held == (self.state == "held"))
            and (not self.before or row.received_at < self.before)
            and _sender_is(self.sender, row.sender)
            and _recipient_is(self.recipient.lower(), row.recipient.lower())
            and _said(self.reason, row)
            and _has(self.search, row)
            and self.sees(row)
        )

    def sees(self, row: Found) -> bool:
        """Whether the row is mail of the domains that are looked after."""
        return self.within is None or concerns(self.within, row.sender, row.recipient)


def concerns(domains: frozenset[str], *addresses: str) -> bool:
    """Whether one of the addresses is of one of the domains."""
    return any(domain_of(address) in domains for address in addresses)


def domain_of(address: str) -> str:
    """The domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def _sender_is(wanted: str, sender: str) -> bool:
    if not wanted:
        return True
    if wanted == NULL_SENDER:
        return not sender
    return sender == wanted if "@" in wanted else bool(sender) and domain_of(sender) == wanted.lower()


def _recipient_is(wanted: str, recipient: str) -> bool:
    return not wanted or wanted == (recipient if "@" in wanted else domain_of(recipient))


def _said(piece: str, row: Found) -> bool:
    return not piece or piece == row.status or piece.lower() in row.reason.lower()


def _has(search: str, row: Found) -> bool:
    piece = search.lower()
    return not piece or search == row.trace or piece in row.sender.lower() or piece in row.recipient.lower()


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a walk found. ``read``: rows it looked at. ``next``: from where it goes on, None at the end."""

    rows: list[Found]
    read: int
    next: Place | None


def walk(tx: Transaction, wanted: Selection, place: Place = Place(), count: int = STRETCH) -> Stretch:
    """The rows that are meant among the next ``count``, in the order of the index that is read."""
    if wanted.named:
        return _walk_named(tx, wanted, place, count)
    if wanted.destination:
        return _walk_due(tx, wanted, place, count)
    if _by_sender(wanted):
        return _walk_sender(tx, wanted, place, count)
    if wanted.state == "held":
        return _walk_due(tx, wanted, place, count)
    rows = _read(tx, records.ROWS_ALL, {"after": place.after}, count)
    return _stretch(wanted, rows, count, Place(0, 0.0, rows[-1].id) if rows else place)


def before(wanted: Selection, row: Found) -> Place:
    """The place from which a walk finds this row first."""
    if wanted.named:
        return Place(0, 0.0, row.id - 1)
    if not wanted.destination and _by_sender(wanted):
        return Place(0, float(row.message_id), row.id - 1)
    if wanted.destination or wanted.state == "held":
        return Place(int(row.held), row.due_at, row.id - 1)
    return Place(0, 0.0, row.id - 1)


def again(tx: Transaction, wanted: Selection, ids: Sequence[int]) -> list[Found]:
    """Which of these rows (some hundreds at most) are there still and still meant."""
    return [row for row in _read(tx, records.ROWS_BY_ID, {"rows": list(ids)}, len(ids)) if wanted.fits(row)]


def _by_sender(wanted: Selection) -> bool:
    return wanted.sender == NULL_SENDER or "@" in wanted.sender


def _walk_named(tx: Transaction, wanted: Selection, place: Place, count: int) -> Stretch:
    if wanted.row:
        rows = _read(tx, records.ROWS_BY_ID, {"rows": [wanted.row]}, count)
        return Stretch([row for row in rows if wanted.fits(row)], len(rows), None)
    rows = _read(tx, records.ROWS_OF_MESSAGES, {"messages": wanted.messages, "after": place.after}, count)
    return _stretch(wanted, rows, count, Place(0, 0.0, rows[-1].id) if rows else place)


def _walk_sender(tx: Transaction, wanted: Selection, place: Place, count: int) -> Stretch:
    sender = "" if wanted.sender == NULL_SENDER else wanted.sender
    given = {"sender": sender, "at": int(max(place.at, 0)), "after": place.after}
    rows = _read(tx, records.ROWS_OF_SENDER, given, count)
    end = Place(0, float(rows[-1].message_id), rows[-1].id) if rows else place
    return _stretch(wanted, rows, count, end)


def _walk_due(tx: Transaction, wanted: Selection, place: Place, count: int) -> Stretch:
    """Rows by due time, those that are not held first."""
    held = 1 if wanted.state == "held" else place.held
    given: dict[str, object] = {"held": held, "at": max(place.at, -1.0)}
    if wanted.destination:
        given["destination"] = wanted.destination
        same, later = records.ROWS_OF_DESTINATION_SAME, records.ROWS_OF_DESTINATION_LATER
    else:
        same, later = records.ROWS_HELD_SAME, records.ROWS_HELD_LATER
    rows = _read(tx, same, {**given, "after": place.after}, count)
    if len(rows) < count:
        rows += _read(tx, later, given, count - len(rows))
    end = Place(held, rows[-1].due_at, rows[-1].id) if rows else place
    found = _stretch(wanted, rows, count, end)
    if found.next is None and held == 0 and not wanted.state:
        return Stretch(found.rows, found.read, Place(1))
    return found


def _stretch(wanted: Selection, rows: list[Found], count: int, end: Place) -> Stretch:
    return Stretch([row for row in rows if wanted.fits(row)], len(rows), end if len(rows) == count else None)


def _read(tx: Transaction, statement: object, given: dict[str, object], count: int) -> list[Found]:
    return [_found(row) for row in tx.execute(statement, {**given, "count": count})]  # type: ignore[arg-type]


def _found(row: Row) -> Found:
    return Found(
        id=int(row[0]),
        message_id=int(row[1]),
        recipient=row[2],
        destination=row[3],
        due_at=row[4],
        held=bool(row[5]),
        hold=row[6],
        not_before=row[7],
        attempts=int(row[8]),
        status=row[9],
        reason=row[10],
        leased_until=row[12] if row[11] else 0.0,
        trace=row[13],
        sender=row[14],
        received_at=row[15],
        size=int(row[16]),
    )
