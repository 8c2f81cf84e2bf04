"""Where mail for a mailbox goes: into it, and where its owner forwards it to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from posthouse.directory.contract import Account
from posthouse.directory.forward_conditions import MailView
from posthouse.directory.forwards import MAX_HOPS, AccountForward
from posthouse.mail.address import Address, parse_address
from posthouse.route.resolve import Destination, Router


class Forwards(Protocol):
    """Asks for the forward of an account (``directory``)."""

    async def forward(self, account_id: int) -> AccountForward | None:
        """Where the mail of an account is forwarded to. Raises DatabaseUnavailable."""


@dataclass(frozen=True, slots=True)
class Onward:
    """Mail that leaves because ``owner`` forwards it, to ``target``."""

    owner: Account
    target: Address


@dataclass(slots=True)
class Spread:
    """Whose mailboxes get a copy, where it is sent on to, and the lists (by id) it goes to."""

    mailboxes: list[Account] = field(default_factory=list)
    onward: list[Onward] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)


class Forwarding:
    """Follows the forwards of accounts. Mail stays in a mailbox where its forward leads nowhere: back to one it went
    through, to an account that is switched off, or further than :data:`MAX_HOPS`."""

    def __init__(self, router: Router, forwards: Forwards) -> None:
        self._router = router
        self._forwards = forwards

    async def spread(self, account: Account, mail: MailView | None = None) -> Spread:
        """Where this mail for an account goes; without ``mail`` forwards with conditions are not followed. Raises
        DatabaseUnavailable."""
        found, seen = Spread(), {account.id}
        waiting = [account]
        for hop in range(MAX_HOPS + 1):
            here, waiting = waiting, []
            for each in here:
                forward = await self._forwards.forward(each.id)
                followed = forward is not None and hop < MAX_HOPS and forward.conditions.hold(mail)
                targets = forward.wanted if forward is not None and followed else ()
                gone = [await self._follow(each, target, found, seen, waiting) for target in targets]
                if forward is None or forward.keep or not any(gone):
                    found.mailboxes.append(each)
        return found

    async def _follow(
        self, owner: Account, text: str, found: Spread, seen: set[int], waiting: list[Account]
    ) -> bool:
        """Whether mail goes on by this target."""
        try:
            address = parse_address(text)
        except ValueError:
            return False
        destination = await self._router.resolve(address)
        gone = [self._goes(owner, address, place, found, seen, waiting) for place in destination.places]
        return any(gone)

    def _goes(
        self,
        owner: Account,
        address: Address,
        place: Destination,
        found: Spread,
        seen: set[int],
        waiting: list[Account],
    ) -> bool:
        """Whether mail goes on to one of the places that a target leads to."""
        if place.kind == "local" and place.account is not None:
            if place.account.id in seen:
                return False
            seen.add(place.account.id)
            waiting.append(place.account)
            return True
        if place.kind == "list":
            if place.detail:
                return False  # its owners, a wish to join: nothing that somebody's mail is sent on to
            if place.list_id not in found.lists:
                found.lists.append(place.list_id)
            return True
        onward = place.onward(address)
        if onward is None:
            return False
        found.onward.append(Onward(owner, onward))
        return True
