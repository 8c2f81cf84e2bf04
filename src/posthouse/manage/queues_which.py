"""Which messages of the queue a use is about: the filters that list, count and change share."""

from __future__ import annotations

import time
from typing import Literal

import msgspec

from posthouse.directory.names import domain_name
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.net.dns import ascii_name
from posthouse.queue.contract import LOCAL, MX, ROUTE
from posthouse.queue.destinations import EVERYTHING
from posthouse.queue.selection import NULL_SENDER, Place, Selection, State, place_of
from posthouse.settings.values import parse_duration

MAX_IDS = 500
LONGEST = 1000


class Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Mail to which all of this applies. ``destination``: a domain, or a word of the queue (``mx:example.org``,
    ``route:3``, ``local``). ``sender``: an address just as the queue shows it, a domain, or ``<>`` for the empty
    sender. ``recipient``: an address or a domain. ``reason``: a piece of the last reply, or a status code (4.2.2).
    ``search``: a piece of sender or recipient, or a trace id. ``state``: ``held``, or ``waiting`` for what is not.
    ``older``: received so long ago or longer (``2d``, ``12h``)."""

    destination: str = ""
    sender: str = ""
    recipient: str = ""
    reason: str = ""
    search: str = ""
    state: Literal["", "waiting", "held"] = ""
    older: str = ""


class Which(Filters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Mail of the queue by the ids of its messages (500 at most), by ``row`` (the number of one recipient of a
    message), or by the same filters as in the list."""

    ids: list[int] = []
    row: int = 0


class Steer(Which, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is meant; see ``queue.count``. ``all``: everything that waits, when no filter is given."""

    all: bool = False


def scope_of(actor: Actor) -> frozenset[str] | None:
    """The domains whose mail somebody sees; None for all."""
    return None if actor.role == "server" else actor.domains


def selection_of(call: Call, wanted: Filters) -> Selection:
    """The rows that are meant, as far as the caller may see them. Raises ManageError."""
    ids, row = (tuple(wanted.ids), wanted.row) if isinstance(wanted, Which) else ((), 0)
    if len(ids) > MAX_IDS:
        raise ManageError("invalid", f"{len(ids)} messages are too many at once.", f"Name {MAX_IDS} at most.")
    for name in ("destination", "sender", "recipient", "reason", "search"):
        if len(getattr(wanted, name)) > LONGEST:
            raise ManageError("invalid", f"{name}: that is too long.", f"Give {LONGEST} characters at most.")
    state: State = wanted.state
    return Selection(
        messages=tuple(dict.fromkeys(_within_numbers(each) for each in ids)),
        row=_within_numbers(row) if row else 0,
        destination=destination_of(wanted.destination) if wanted.destination.strip() else "",
        sender=_sender(wanted.sender.strip()),
        recipient=wanted.recipient.strip(),
        reason=wanted.reason.strip(),
        search=wanted.search.strip(),
        state=state,
        before=time.time() - age_of(wanted.older) if wanted.older.strip() else 0.0,
        within=scope_of(call.actor),
    )


def _within_numbers(number: int) -> int:
    if not 0 < number < 2**63:
        raise ManageError(
            "missing", f"{number} is no message of the queue.", "`queue list` shows what waits."
        )
    return number


def _sender(text: str) -> str:
    return NULL_SENDER if text in (NULL_SENDER, '""') else text


def age_of(text: str) -> float:
    """Seconds. Raises ManageError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ManageError("invalid", f"older: {error}.", "Give one such as 12h or 2d.") from None


def destination_of(text: str) -> str:
    """The queue's word for a destination, from that word or a domain. Raises ManageError."""
    word = text.strip()
    if word in (LOCAL, EVERYTHING) or (word.startswith(ROUTE) and word.removeprefix(ROUTE).isdecimal()):
        return word
    return MX + ascii_name(domain_name(word.removeprefix(MX)))


def place_in(text: str) -> Place:
    """Where a page begins. Raises ManageError."""
    try:
        return place_of(text) if text else Place()
    except ValueError:
        raise ManageError("invalid", f"{text!r} is no place in the queue.", "Give a page's `next`.") from None


def gone(queue_id: int) -> ManageError:
    """For a message that is not there, or not the caller's to see."""
    return ManageError(
        "missing",
        f"Message {queue_id} is not in the queue.",
        "It may be delivered; `queue list` shows what waits.",
    )
