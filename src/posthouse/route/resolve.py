"""From a recipient's address to its destination: aliases are followed, with a limit and an eye on loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posthouse.directory.contract import Account, Directory
from posthouse.mail.address import Address, parse_address

MAX_ALIASES = 10
"""Aliases one address may lead through; what is longer is a mistake like a loop is."""

Kind = Literal["local", "disabled", "unknown", "foreign", "outside", "loop"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a recipient leads.

    ``local``: to ``account``. ``disabled``: to ``account``, which is not active. ``unknown``: a domain of
    ours, but nobody there. ``foreign``: not our domain. ``outside``: through aliases of ours to ``target``,
    which is not ours. ``loop``: aliases that lead in a circle or too far. ``detail`` is the part after a
    plus sign, ``via`` the aliases it went through.
    """

    kind: Kind
    account: Account | None = None
    detail: str = ""
    target: str = ""
    via: tuple[str, ...] = ()


class Router:
    """Resolves recipients with the directory. Raises DatabaseUnavailable when it cannot be asked."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def resolve(self, address: Address) -> Destination:
        """Where this address leads. The postmaster, bare or at a domain of ours, leads to an account whatever
        aliases say, as long as there is one (RFC 5321 4.5.1)."""
        destination = await self._follow(address)
        if destination.kind in ("local", "foreign") or not _is_postmaster(address):
            return destination
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


def _is_postmaster(address: Address) -> bool:
    return address.local.partition("+")[0].lower() == "postmaster"
