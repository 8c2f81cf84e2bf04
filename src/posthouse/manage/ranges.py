"""IP ranges: what peers may do, by their address."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import bans, ranges
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.network_lists import screening_of
from posthouse.manage.probation import Pending, on_probation, undo
from posthouse.manage.use import Call, Nothing, use
from posthouse.net.bans import Bans
from posthouse.net.peer import plain_address
from posthouse.net.ranges import INTERNET, Option, Range, Ranges, shown, span
from posthouse.net.screening import WORDS
from posthouse.settings import blocklists as settings_blocklists
from posthouse.settings.values import parse_duration

PERMISSIONS = {
    "smtp": Option.SMTP,
    "submission": Option.SUBMISSION,
    "imap": Option.IMAP,
    "pop3": Option.POP3,
    "web": Option.WEB,
    "local-to-local": Option.DELIVER_LL,
    "local-to-outside": Option.DELIVER_LE,
    "outside-to-local": Option.DELIVER_EL,
    "outside-to-outside": Option.DELIVER_EE,
}
"""What a range may permit, in words."""
DEMANDS = {
    "sign-in-local-to-local": Option.SIGN_IN_LL,
    "sign-in-local-to-outside": Option.SIGN_IN_LE,
    "sign-in-outside-to-local": Option.SIGN_IN_EL,
    "sign-in-outside-to-outside": Option.SIGN_IN_EE,
    "tls-to-sign-in": Option.TLS,
}
"""What it may demand."""
_WORDS = {**PERMISSIONS, **DEMANDS}
_UNSEEN = Option.SPAM | Option.VIRUS
"""Stored and handed on, but no filter asks them so far: they are shown nowhere."""
MOST_NAME = 100
MOST_NUMBER = 1_000_000


class NewRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range by its ``name``; one of that name is replaced. ``addresses``: an address, a network such as 192.0.2.0/24,
    or two addresses with - between. ``rules``: words of what it permits and demands, None as ranges usually have them.
    ``duration`` such as 12h, "" for ever. ``connections`` open at once, ``connection_rate`` and ``message_rate`` in a
    minute, each of one address and 0 for no limit here. ``now``: without probation."""

    name: str
    addresses: str
    priority: int = 20
    rules: list[str] | None = None
    duration: str = ""
    connections: int = 0
    connection_rate: int = 0
    message_rate: int = 0
    now: bool = False


class RangeName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range by its name. ``now``: without probation."""

    name: str
    now: bool = False


class IpRange(msgspec.Struct, frozen=True):
    """A range. ``until`` in seconds since 1970, 0 for ever. ``probation``: the change to confirm, 0 for none."""

    name: str
    addresses: str
    priority: int
    rules: list[str]
    until: float = 0.0
    connections: int = 0
    connection_rate: int = 0
    message_rate: int = 0
    probation: int = 0


class RangeList(msgspec.Struct, frozen=True):
    """In the order in which they rule."""

    ranges: list[IpRange]


class TriedAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address to look at."""

    address: str


class Permitted(msgspec.Struct, frozen=True):
    """What an address may do: the ``range`` it is in ("" for none, and nothing is permitted), its ``rules``, and
    whether it is ``banned``. ``judged``: what block lists, allow lists and countries say of it, by protocol
    (``list NAME NETWORK`` or ``country XX``), and ``refused``: the protocols it may not use because of that. ``above``:
    its range decides before all lists; ``spared``: lists never keep it out. ``country`` "" where none is known."""

    address: str
    range: str
    rules: list[str]
    banned: bool = False
    country: str = ""
    judged: dict[str, str] = {}
    refused: list[str] = []
    above: bool = False
    spared: bool = False


class FormerRange(msgspec.Struct, frozen=True):
    """What a range was before a change; ``present`` False: there was none. ``addresses`` in decimal, for they are
    too large for JSON."""

    name: str
    present: bool = False
    version: int = 4
    addresses: tuple[str, str] = ("0", "0")
    priority: int = 0
    options: int = 0
    until: float = 0.0
    limits: tuple[int, int, int] = (0, 0, 0)


@undo("range.restore")
async def restore(call: Call, former: FormerRange, row: Pending) -> None:
    """A range as it was."""
    feed = call.context.feed
    first, last = former.addresses
    was = Range(
        former.name,
        former.version,
        int(first),
        int(last),
        former.priority,
        former.options,
        former.until,
        *former.limits,
    )

    def op(tx: Transaction) -> None:
        if not row.settle(tx):
            return
        if former.present:
            ranges.put_range(tx, was, feed=feed)
        elif ranges.find_range(tx, former.name) is not None:
            ranges.remove_range(tx, former.name, feed=feed)

    await call.context.database.run(op)


def _former(name: str, known: Range | None) -> FormerRange:
    if known is None:
        return FormerRange(name)
    return FormerRange(
        name,
        True,
        known.version,
        (str(known.first), str(known.last)),
        known.priority,
        known.options,
        known.until,
        (known.connections, known.connection_rate, known.message_rate),
    )


@use("range.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> RangeList:
    """List the IP ranges in the order in which they rule."""
    found = await call.context.database.read(ranges.all_ranges)
    return RangeList([_view(each) for each in found])


@use("range.put", right="change")
async def put(call: Call, wanted: NewRange) -> IpRange:
    """Add an IP range, or replace the one of this name. On probation: you may lock yourself out."""
    made = _range(wanted)
    feed = call.context.feed

    def op(tx: Transaction) -> IpRange:
        ranges.make_defaults(tx, feed=feed)
        known = ranges.find_range(tx, made.name)
        kept = known.options & _UNSEEN if known is not None else int(_UNSEEN)
        new = replace(made, options=made.options | kept)
        ranges.put_range(tx, new, feed=feed)
        before = _told(known) if known else None
        note(tx, call.actor, "range.put", new.name, before=before, after=_told(new))
        probation = on_probation(
            tx,
            call,
            use_name="range.put",
            subject=f"range {new.name}",
            summary=f"IP range {new.name}",
            undo_name="range.restore",
            former=_former(new.name, known),
            now=wanted.now,
        )
        return _view(new, probation)

    return await call.context.database.run(op)


@use("range.remove", right="change")
async def remove(call: Call, wanted: RangeName) -> IpRange:
    """Remove an IP range. On probation: you may lock yourself out."""
    feed = call.context.feed

    def op(tx: Transaction) -> IpRange:
        known = ranges.find_range(tx, wanted.name)
        if known is None:
            raise ManageError(
                "missing", f"There is no IP range {wanted.name[:100]}.", "`range list` shows them."
            )
        ranges.remove_range(tx, wanted.name, feed=feed)
        note(tx, call.actor, "range.remove", wanted.name, before=_told(known))
        probation = on_probation(
            tx,
            call,
            use_name="range.remove",
            subject=f"range {wanted.name}",
            summary=f"Remove the IP range {wanted.name}",
            undo_name="range.restore",
            former=_former(wanted.name, known),
            now=wanted.now,
        )
        return _view(known, probation)

    return await call.context.database.run(op)


@use("range.try", right="view")
async def try_address(call: Call, wanted: TriedAddress) -> Permitted:
    """Tell what an address may do and why: which range it is in, what that permits, whether it is banned, and what
    lists and countries say of it."""
    try:
        address = str(plain_address(wanted.address.strip()))
    except ValueError:
        raise ManageError(
            "invalid", f"address: {wanted.address[:60]!r} is no IP address.", "Write it like 192.0.2.7."
        ) from None

    def op(tx: Transaction) -> tuple[Range, bool]:
        found = Ranges(ranges.all_ranges(tx), time.time()).find(address)
        known = bans.changed_bans(tx, -1)
        return found, known is not None and Bans(known[1]).find(address, time.time())

    found, banned = await call.context.database.scan(op)
    screening = await screening_of(call.context)
    judged = {word: str(why) for word in WORDS if (why := screening.judged(address, word)) is not None}
    above = found.priority >= call.context.settings.now[settings_blocklists.PRIORITY]
    return Permitted(
        address,
        found.name,
        _words(found.options),
        banned,
        screening.country(address),
        judged,
        [word for word in judged if not above and screening.keeps_out(address, word) is not None],
        above,
        screening.spares(address),
    )


def _range(wanted: NewRange) -> Range:
    """The range that is meant. Raises ManageError and DirectoryError."""
    name = " ".join(wanted.name.split())
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise ManageError(
            "invalid", "name: a range needs one.", f"Give one of at most {MOST_NAME} characters."
        )
    if not 0 <= wanted.priority <= ranges.MOST_PRIORITY:
        raise ManageError(
            "invalid", f"priority: {wanted.priority} is out of range.", f"Give 0 to {ranges.MOST_PRIORITY}."
        )
    for field in ("connections", "connection_rate", "message_rate"):
        if not 0 <= getattr(wanted, field) <= MOST_NUMBER:
            raise ManageError("invalid", f"{field} is out of range.", f"Give 0 to {MOST_NUMBER}.")
    try:
        version, first, last = span(wanted.addresses)
    except ValueError as error:
        raise ManageError(
            "invalid", f"addresses: {error}.", "Write 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1-192.0.2.9."
        ) from None
    return Range(
        name=name,
        version=version,
        first=first,
        last=last,
        priority=wanted.priority,
        options=_options(wanted.rules),
        until=_until(wanted.duration),
        connections=wanted.connections,
        connection_rate=wanted.connection_rate,
        message_rate=wanted.message_rate,
    )


def _options(rules: list[str] | None) -> int:
    if rules is None:
        return int(INTERNET & ~_UNSEEN)
    options = 0
    for word in rules:
        if word not in _WORDS:
            raise ManageError(
                "invalid", f"rules: {word[:40]!r} is none.", f"Choose from {', '.join(_WORDS)}."
            )
        options |= _WORDS[word]
    return options


def _until(duration: str) -> float:
    if not duration.strip():
        return 0.0
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise ManageError("invalid", f"duration: {error}.", "Give one such as 12h or 7d, or none.") from None
    if not 1 <= seconds <= 100 * 366 * 86400:
        raise ManageError("invalid", f"duration: {duration} is out of range.", "Give 1s to 100 years.")
    return time.time() + seconds


def _words(options: int) -> list[str]:
    return [word for word, option in _WORDS.items() if options & option]


def _view(each: Range, probation: int = 0) -> IpRange:
    return IpRange(
        each.name,
        shown(each.version, each.first, each.last),
        each.priority,
        _words(each.options),
        each.until,
        each.connections,
        each.connection_rate,
        each.message_rate,
        probation,
    )


def _told(each: Range) -> dict[str, object]:
    """A range as the audit has it."""
    view = msgspec.to_builtins(_view(each))
    return {name: value for name, value in view.items() if name not in ("name", "probation") and value}
