"""Whose name a signed-in user writes in: the check of From and Sender (RFC 6409 6.1, 8.1; RFC 5322 3.6.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from email.utils import formataddr

from posthouse.mail.address import Address, parse_address
from posthouse.mail.addresses import parse_addresses
from posthouse.mail.headers import unfold
from posthouse.mail.refusal import Refusal
from posthouse.receive.header import HeaderFacts
from posthouse.settings import smtp
from posthouse.settings.contract import Settings

MOST_AUTHORS = 50
"""Different addresses in From and Sender that are looked at; no honest message has more."""

MayUse = Callable[[Address], Awaitable[bool]]
"""Whether an address is the user's own. Raises Refusal when that cannot be told."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of a header: fields to put on top, and stretches of it to leave out."""

    add: bytes = b""
    drop: tuple[tuple[int, int], ...] = ()


def is_checked(settings: Settings) -> bool:
    """Whether From is looked at at all."""
    return settings[smtp.SENDER_MUST_BE_OWN] and settings[smtp.FROM_MUST_BE_OWN] != "off"


def is_strict(settings: Settings) -> bool:
    """Whether a foreign From is refused, rather than told apart by a Sender."""
    return settings[smtp.FROM_MUST_BE_OWN] == "refuse"


async def judge(
    facts: HeaderFacts,
    account: str,
    sender: Address | None,
    may_use: MayUse,
    *,
    strict: bool,
    name: str = "",
    on_behalf: MayUse | None = None,
) -> Changes:
    """What the header needs so that it tells the truth. ``account`` is the address signed in as, ``sender`` the
    envelope's, which is the user's own. ``name`` is
    put before an address that is made From. A message without From gets one; one with several authors, or (unless
    ``strict``) with foreign ones, gets a Sender; so does one with authors that the user may write for (``on_behalf``).
    Raises Refusal (550) for what may not be sent."""
    authors = _addresses(facts.authors)
    if not facts.authors:
        own = str(sender) if sender is not None and await may_use(sender) else account
        return Changes(_field("From", formataddr((name, own)) if name and own.isascii() else own))
    if not authors:
        raise Refusal(550, "5.6.0", "The From field names nobody")
    foreign = await _foreign(authors, may_use)
    behalf = (
        bool(foreign) and on_behalf is not None and not await _foreign(authors, _either(may_use, on_behalf))
    )
    if foreign and strict and not behalf:
        raise _not_yours("From", foreign)
    senders = _addresses(value for value, _, _ in facts.senders)
    foreign_sender = await _foreign(senders, may_use)
    if foreign_sender and strict and not behalf:
        raise _not_yours("Sender", foreign_sender)
    if foreign or foreign_sender or len(facts.senders) > 1 or (facts.senders and not senders):
        return Changes(_field("Sender", account), tuple((start, end) for _, start, end in facts.senders))
    if len(authors) > 1 and not facts.senders:
        return Changes(_field("Sender", account))
    return Changes()


def _either(one: MayUse, other: MayUse) -> MayUse:
    async def may(address: Address) -> bool:
        return await one(address) or await other(address)

    return may


async def _foreign(addresses: list[str], may_use: MayUse) -> str:
    """The first that is not the user's; "" when all are."""
    for text in addresses:
        try:
            address = parse_address(text)
        except ValueError:
            return text
        if not await may_use(address):
            return text
    return ""


def _addresses(values: Iterable[bytes]) -> list[str]:
    """Each address once, in order. Raises Refusal when there are too many."""
    found: dict[str, None] = {}
    for value in values:
        for entry in parse_addresses(unfold(value)):
            if entry.host is None:
                continue  # a group's beginning or end
            local = (entry.mailbox or b"").decode("utf-8", "replace")
            address = f"{local}@{entry.host.decode('utf-8', 'replace')}"
            found[address] = None
            if len(found) > MOST_AUTHORS:
                raise Refusal(550, "5.6.0", f"More than {MOST_AUTHORS} authors")
    return list(found)


def _not_yours(field: str, address: str) -> Refusal:
    good = len(address) < 200 and address.isprintable() and "MISSING_" not in address
    return Refusal(
        550, "5.7.1", f"The {field} field names {address if good else 'somebody'}, which is not yours"
    )


def _field(name: str, address: str) -> bytes:
    return f"{name}: {address}\r\n".encode()
