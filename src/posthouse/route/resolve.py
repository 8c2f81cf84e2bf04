"""From a recipient's address to its destination: aliases are followed, with a limit and an eye on loops; return
addresses of forwarded mail (SRS) lead back to the sender they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from posthouse.directory.contract import Account, Directory
from posthouse.mail.address import Address, parse_address

MAX_ALIASES = 10
"""Aliases one address may lead through; what is longer is a mistake like a loop is."""

POSTMASTER = "postmaster"
OWN_NAMES = (POSTMASTER, "abuse", "tlsrpt")
"""Names that reach somebody in every domain of ours (RFC 5321 4.5.1, RFC 2142 2 and 4; ``tlsrpt`` is where domains of
ours ask for reports about TLS, RFC 8460). The other names of RFC 2142 are
for services (hostmaster: DNS, webmaster: HTTP) that this server does not run; an alias makes them."""

Kind = Literal["local", "disabled", "several", "list", "unknown", "foreign", "outside", "return", "loop"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a recipient leads.

    ``local``: to ``account``. ``disabled``: to ``account``, which is not active. ``unknown``: a domain of
    ours, but nobody there (a route may be for it). ``foreign``: not our domain. ``outside``: through aliases of ours
    to ``target``, which is not ours. ``return``: a return address of ours; ``target`` is the original sender.
    ``several``: through an alias of ours to each of ``branches``, in which there is no ``several``. ``list``: to the
    distribution list ``list_id``. ``loop``: aliases that lead in a circle or too far. ``detail`` is the part after a
    plus sign, ``via`` the aliases it went through.
    """

    kind: Kind
    account: Account | None = None
    detail: str = ""
    target: str = ""
    via: tuple[str, ...] = ()
    branches: tuple[Destination, ...] = ()
    list_id: int = 0

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


class Router:
    """Resolves recipients with the directory. Raises DatabaseUnavailable when it cannot be asked."""

    def __init__(self, directory: Directory, returns: Returns | None = None) -> None:
        self._directory = directory
        self._returns = returns

    async def resolve(self, address: Address) -> Destination:
        """Where this address leads. The postmaster, bare or at a domain of ours, leads to an account whatever
        aliases say, unless they lead outside, and as long as there is an account (RFC 5321 4.5.1); so do ``abuse``
        and ``tlsrpt``, to the postmaster's where there is nobody else."""
        destination = await self._follow(address)
        if destination.kind in ("local", "foreign", "outside"):
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

    async def _follow(self, address: Address) -> Destination:
        via: list[str] = []
        detail = ""
        while True:
            target = await self._directory.target(address)
            detail = target.detail or detail
            if target.kind == "account" and target.account is not None:
                kind: Kind = "local" if target.account.active else "disabled"
                return Destination(kind, target.account, detail, via=tuple(via))
            if target.kind == "list":
                return Destination("list", detail=detail, via=tuple(via), list_id=target.list_id)
            if target.kind != "alias":
                if not via:
                    return Destination("foreign" if target.kind == "foreign" else "unknown", detail=detail)
                kind = "outside" if target.kind == "foreign" else "unknown"
                return Destination(kind, target=str(address), detail=detail, via=tuple(via))
            if address.key in via or len(via) >= MAX_ALIASES:
                return Destination("loop", via=tuple(via))
            via.append(address.key)
            try:
                address = parse_address(target.forward)
            except ValueError:
                return Destination("unknown", target=target.forward, via=tuple(via))


def _base(address: Address) -> str:
    return address.local.partition("+")[0].lower()


def _may_be_return(address: Address) -> bool:
    return address.local[:4].upper() in ("SRS0", "SRS1")
