"""From a recipient's address to its destination: aliases are followed, with a limit and an eye on loops; return
addresses of forwarded mail (SRS) lead back to the sender they were made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from posthouse.directory.contract import Account, Directory, Target
from posthouse.mail.address import Address, parse_address

MAX_ALIASES = 10
"""Aliases one address may lead through; what is longer is a mistake like a loop is."""

MAX_BRANCHES = 500
"""Addresses that are asked for when one leads to several; what is more is a list's work, and left out."""

POSTMASTER = "postmaster"
OWN_NAMES = (POSTMASTER, "abuse", "tlsrpt")
"""Names that reach somebody in every domain of ours (RFC 5321 4.5.1, RFC 2142 2 and 4; ``tlsrpt`` is where domains of
ours ask for reports about TLS, RFC 8460). The other names of RFC 2142 are
for services (hostmaster: DNS, webmaster: HTTP) that this server does not run; an alias makes them."""

Kind = Literal["local", "disabled", "several", "list", "unknown", "foreign", "outside", "return", "loop"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a recipient leads.

    ``local``: to ``account``. ``disabled``: to ``account``, which is not active, or into a domain that is not
    (``account`` None). ``unknown``: a domain of ours, but nobody there (a route may be for it). ``foreign``: not our
    domain. ``outside``: through aliases of ours to ``target``, which is not ours. ``return``: a return address of
    ours; ``target`` is the original sender. ``several``: through an alias of ours to each of ``branches`` (two or more,
    each leading somewhere else, none of them ``several``, ``foreign``, ``return`` or ``loop``). ``list``: to the
    distribution list ``list_id`` (``target``: its address as an alias has it). ``loop``: aliases that lead in a circle
    or too far. ``detail`` is the part after a plus sign, ``folder`` the same where the domain lets it choose a folder,
    ``via`` the aliases it went through.
    ``caught``: nobody has the address, it goes where the domain's mail for nobody goes. ``masked``: the masked address
    by which it leads to the account.
    """

    kind: Kind
    account: Account | None = None
    detail: str = ""
    target: str = ""
    via: tuple[str, ...] = ()
    branches: tuple[Destination, ...] = ()
    list_id: int = 0
    folder: str = ""
    caught: bool = False
    masked: str = ""

    @property
    def places(self) -> tuple[Destination, ...]:
        """The branches of ``several``; of every other kind, just this one."""
        return self.branches if self.kind == "several" else (self,)

    @property
    def reachable(self) -> bool:
        """Whether mail gets anywhere from here by what the directory says (whether there is room, or a way, is not
        known here)."""
        return any(place.kind in ("local", "list", "outside") for place in self.places)

    def onward(self, address: Address) -> Address | None:
        """Whom mail for ``address`` is sent to when it may leave by a way (``contract.Ways``): None where it leads to
        a mailbox, or nowhere at all."""
        if self.kind in ("local", "disabled", "several", "list", "loop"):
            return None
        if not self.target:
            return address
        try:
            return parse_address(self.target)
        except ValueError:
            return None


class Returns(Protocol):
    """What return addresses of forwarded mail lead to (``origin.srs``)."""

    async def original(self, address: Address) -> Address | None:
        """The sender that an address of ours was made from; None for what is no such address, or too old, or not
        made by us. Raises DatabaseUnavailable."""


@dataclass(slots=True)
class _Walk:
    """What one recipient led through so far: every address that was asked for."""

    seen: set[str] = field(default_factory=set)


class Split(Protocol):
    """Routes for domains of ours, whose other people are elsewhere."""

    async def covers(self, address: Address) -> bool:
        """Whether a route that names the domain takes this address. Raises DatabaseUnavailable."""


class Router:
    """Resolves recipients with the directory. Raises DatabaseUnavailable when it cannot be asked."""

    def __init__(self, directory: Directory, returns: Returns | None = None) -> None:
        self._directory = directory
        self._returns = returns
        self.split: Split | None = None
        """Asked about addresses that nobody has before the catch-all gets them."""

    async def resolve(self, address: Address) -> Destination:
        """Where this address leads. The postmaster, bare or at a domain of ours, leads to an account whatever
        aliases say, unless they lead outside, and as long as there is an account (RFC 5321 4.5.1); so do ``abuse``
        and ``tlsrpt``, to the postmaster's where there is nobody else (the catch-all is nobody)."""
        destination = await self._follow(address)
        if destination.kind == "foreign" or (destination.reachable and not destination.caught):
            return destination
        if self._returns is not None and destination.kind == "unknown" and _may_be_return(address):
            original = await self._returns.original(address)
            if original is not None:
                return Destination("return", target=str(original))
        if (name := _base(address)) not in OWN_NAMES:
            return destination
        if name != POSTMASTER:
            return await self.resolve(Address(POSTMASTER, address.domain))
        account = await self._directory.postmaster(address.domain)
        if account is None:
            return destination
        return Destination("local", account, via=destination.via)

    async def account(self, account_id: int) -> Account | None:
        """The account of an id, while it is active. Raises DatabaseUnavailable."""
        return await self._directory.account(account_id)

    async def _follow(self, address: Address) -> Destination:
        """Where an address leads by what the directory says alone."""
        target = await self._directory.target(address)
        if target.caught and self.split is not None and await self.split.covers(address):
            return Destination("unknown", detail=target.detail)
        if target.kind != "alias":
            return _end(address, target)
        walk = _Walk({address.key})
        via = (address.key,)
        found = _distinct(await self._branches(walk, target, target.detail, target.folder, via))
        # Of several ways one that goes in a circle does no harm while another leads somewhere.
        ends = [each for each in found if each.kind != "loop"] or found[:1]
        if not ends or (target.caught and ends[0].kind == "loop"):
            return Destination("unknown", via=via, caught=target.caught)
        if len(ends) == 1:
            return replace(ends[0], caught=target.caught)
        return Destination("several", via=via, branches=tuple(ends), caught=target.caught)

    async def _branches(
        self, walk: _Walk, alias: Target, detail: str, folder: str, via: tuple[str, ...]
    ) -> list[Destination]:
        """Everywhere that the targets of an alias lead; ``via`` ends with the alias itself."""
        found: list[Destination] = []
        for text in alias.forwards:
            try:
                address = parse_address(text)
            except ValueError:
                found.append(Destination("unknown", target=text, via=via))
                continue
            if address.key in via:
                found.append(Destination("loop", via=via))
                continue
            if address.key in walk.seen or len(walk.seen) >= MAX_BRANCHES:
                continue  # it was followed by another way already
            walk.seen.add(address.key)
            target = await self._directory.target(address)
            if target.caught and self.split is not None and await self.split.covers(address):
                target = Target("unknown", detail=target.detail)
            onward = (target.detail or detail, target.folder or folder)
            if target.kind != "alias":
                found.append(_end(address, target, *onward, via))
            elif len(via) >= MAX_ALIASES:
                found.append(Destination("loop", via=via))
            else:
                found += await self._branches(walk, target, *onward, (*via, address.key))
        return found


def _end(
    address: Address, target: Target, detail: str = "", folder: str = "", via: tuple[str, ...] = ()
) -> Destination:
    """The destination that an address has which is no alias."""
    detail, folder = target.detail or detail, target.folder or folder
    if target.kind == "account" and target.account is not None:
        kind: Kind = "local" if target.account.active else "disabled"
        return Destination(kind, target.account, detail, via=via, folder=folder, masked=target.masked)
    if target.kind == "list":
        address_of = str(address) if via else ""
        # What stood behind the plus sign of an alias is nothing to the list: there it would be a wish of the sender.
        return Destination("list", target=address_of, detail=target.detail, via=via, list_id=target.list_id)
    if target.kind == "disabled":
        return Destination("disabled", detail=detail, via=via)
    if not via:
        return Destination("foreign" if target.kind == "foreign" else "unknown", detail=detail)
    return Destination(
        "outside" if target.kind == "foreign" else "unknown", target=str(address), detail=detail, via=via
    )


def _distinct(found: list[Destination]) -> list[Destination]:
    """Each end once: two ways to one mailbox, list or address are one."""
    ends: dict[tuple[object, ...], Destination] = {}
    for each in found:
        account_id = each.account.id if each.account is not None else 0
        # A list and its owners are two ends, however the name of its domain is written.
        where = each.detail.lower() if each.kind == "list" else each.target.lower()
        ends.setdefault((each.kind, account_id, each.list_id, where), each)
    return list(ends.values())


def _base(address: Address) -> str:
    return address.local.partition("+")[0].lower()


def _may_be_return(address: Address) -> bool:
    return address.local[:4].upper() in ("SRS0", "SRS1")
