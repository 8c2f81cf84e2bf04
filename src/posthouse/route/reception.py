"""Answers RCPT (``receive.contract.Reception``): who may reach whom, and whether there is room.

Strangers reach what is ours only: mailboxes, what leads outside through our aliases, and recipients of routes that
treat them as local. That is decided on the parsed address alone: whatever a local part looks like
(``user%elsewhere``, ``elsewhere!user``, ``"a@b"``) it is a name in its own domain and is never read as a route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import sending
from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.net.ranges import USUAL, Range
from posthouse.observe.log import logger
from posthouse.queue.contract import LOCAL
from posthouse.route.lists import ListGate
from posthouse.route.resolve import OWN_NAMES, Destination, Router
from posthouse.route.shared_senders import SharedSenders
from posthouse.route.space import Space
from posthouse.route.ways import RouteWays
from posthouse.settings import route as settings_route
from posthouse.settings import smtp as settings_smtp
from posthouse.settings.contract import CurrentSettings
from posthouse.store.contract import Appender

_log = logger("route")

_FROM_HERE = ("LOCAL", "HTTP")
"""What has no address to be judged by: programs of this machine, the server itself, and who administers it."""
_WHERE = {True: "local", False: "outside"}

Rights = Callable[[int], Awaitable[tuple[str, ...]]]
"""The patterns of addresses that an account may send as besides its own. Raises DatabaseUnavailable."""


class ReceptionDesk:
    """Decides on recipients, one at a time. Without ``rights`` everybody sends as themselves only; without
    ``space`` only quotas of accounts hold."""

    def __init__(
        self,
        router: Router,
        database: Database,
        appender: Appender,
        ways: RouteWays,
        settings: CurrentSettings,
        rights: Rights | None = None,
        space: Space | None = None,
    ) -> None:
        self._router = router
        self._rights = rights
        self._ways = ways
        self._lists = ListGate(database)
        self._shared = SharedSenders(router, database, settings)
        self._settings = settings
        self._space = space if space is not None else Space(database, appender)
        self.permits: Callable[[str], Range] = lambda address: USUAL
        """What an address may do (``net.ranges``)."""

    async def recipient(
        self, address: Address, origin: Origin, size: int, sender: Address | None = None
    ) -> None:
        """Return when the recipient may be accepted; raise Refusal otherwise. ``sender`` None is the null
        reverse-path."""
        try:
            refusal = await self._space.refusal_to_send(origin.account_id, size)
            if refusal is not None:
                raise refusal
            destination = await self._router.resolve(address)
            # Who leads nowhere is told so first; some still have a route.
            nowhere = destination.kind in ("unknown", "disabled", "loop")
            if not nowhere:
                await self._check_range(address, destination, origin, sender)
            if await self._reaches_any(address, destination, origin, sender, size):
                if nowhere:
                    await self._check_range(address, destination, origin, sender)
                return
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        if destination.kind == "loop":
            _log.error(
                "alias.loop", recipient=address.key, via=" -> ".join(destination.via), trace=origin.trace
            )
        raise _refusal(address, destination)

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether an account may use this address as its sender: everything that leads to its mailbox, and what it
        was given the right to use."""
        try:
            destination = await self._router.resolve(address)
            # Who reads what nobody is meant by (a catch-all) is not everybody.
            if not destination.caught and any(
                place.kind == "local" and place.account is not None and place.account.id == account_id
                for place in destination.places
            ):
                return True
            patterns = await self._rights(account_id) if self._rights is not None else ()
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        return sending.covers(patterns, address)

    async def may_send_for(self, account_id: int, address: Address) -> bool:
        """Whether an account may write on behalf of this address."""
        try:
            return await self._shared.on_behalf(account_id, address)
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem

    def release(self, origin: Origin) -> None:
        """The transaction ended: its promised space is free again."""
        self._space.release(origin.trace)

    def _is_known(self, origin: Origin) -> bool:
        """Whether the peer may send to anybody: it has signed in, or is in a trusted network."""
        trusted = self._settings.now[settings_route.RELAY_NETWORKS]
        return origin.account_id is not None or settings_route.within(origin.address, trusted)

    async def _check_range(
        self, address: Address, destination: Destination, origin: Origin, sender: Address | None
    ) -> None:
        """Whether the peer's range lets mail go in this direction, and only for those who signed in. Raises
        Refusal."""
        if not origin.address and origin.protocol in _FROM_HERE:
            return
        permits = self.permits(origin.address)
        sender_local = await self._ways.treats_as_local(sender)
        recipient_local = await self._is_ours(address, destination, origin, sender)
        if not permits.delivers(sender_local, recipient_local):
            which = f"from {_WHERE[sender_local]} to {_WHERE[recipient_local]} addresses"
            raise Refusal(550, "5.7.1", f"Your address may not send mail {which} here")
        if self._is_known(origin):
            return
        now = self._settings.now
        own = sender_local and now[settings_route.OWN_SENDERS]
        if not own and not permits.wants_sign_in(sender_local, recipient_local):
            return
        if recipient_local and sender_local:
            raise Refusal(530, "5.7.0", "Sign in to send with an address of this server")
        if recipient_local or now[settings_smtp.AUTH_ON_MX]:
            raise Refusal(530, "5.7.0", "Sign in first to send this mail")
        raise Refusal(550, "5.7.1", "Relaying denied: this server takes mail for its own domains only")

    async def _is_ours(
        self, address: Address, destination: Destination, origin: Origin, sender: Address | None
    ) -> bool:
        """Whether a recipient counts as local: in a domain of ours wherever it leads from there, or of a route that
        treats it so."""
        if destination.kind != "foreign":
            return True
        onward = destination.onward(address)
        if onward is None:
            return False
        route = await self._ways.route(onward, sender, origin.account_id, local=False)
        return route is not None and route.for_strangers

    async def _reaches_any(
        self, address: Address, destination: Destination, origin: Origin, sender: Address | None, size: int
    ) -> bool:
        """Whether mail for the recipient gets anywhere. Of several places one that takes it is enough; where none does
        a refusal that may pass is told before one that will not. Space is promised at every place that has it."""
        if destination.kind != "several":
            return await self._reaches(address, destination, origin, sender, size)
        reached, worst = False, None
        for place in destination.branches:
            try:
                reached = await self._reaches(address, place, origin, sender, size) or reached
            except Refusal as refusal:
                worst = refusal if worst is None or refusal.temporary else worst
        if not reached and worst is not None:
            raise worst
        return reached

    async def _reaches(
        self, address: Address, destination: Destination, origin: Origin, sender: Address | None, size: int
    ) -> bool:
        """Whether mail gets to one place. False: the destination itself says what is wrong. Raises Refusal."""
        if destination.kind == "local" and destination.account is not None:
            await self._space.reserve(destination.account, origin.trace, size)
            return True
        if destination.kind == "list":
            await self._lists.check(destination.list_id, destination.detail, sender, origin.account_id, size)
            return True
        return await self._may_leave(address, destination, origin, sender)

    async def _may_leave(
        self, address: Address, destination: Destination, origin: Origin, sender: Address | None
    ) -> bool:
        """Whether the recipient is accepted to be sent onward. False: the destination itself says what is wrong.
        Raises Refusal for what may not leave, or has no way."""
        if destination.kind == "return" and sender is not None:
            # Such addresses are made for notices only; with others they would be a way around every filter.
            raise Refusal(550, "5.7.1", "This address takes delivery notices only, from the null sender")
        onward = destination.onward(address)
        if onward is None:
            return False
        way = await self._ways.way(onward, sender, origin.account_id)
        if not isinstance(way, Refusal):
            # What leads nowhere has not arrived with a way back to us: a catch-all that goes in a circle has one.
            return destination.kind != "unknown" or way.destination != LOCAL
        if destination.kind == "unknown":
            return False
        if destination.kind == "outside":
            cause = f"alias {' -> '.join(destination.via)} -> {destination.target}: {way}"
            raise Refusal(550, "5.1.1", "No such user here", cause=cause)
        raise way


def _refusal(address: Address, destination: Destination) -> Refusal:
    """The answer for a recipient that leads nowhere. It never tells where an alias leads."""
    via = " -> ".join(destination.via)
    match destination.kind:
        case "disabled":
            return Refusal(550, "5.2.1", "This mailbox is disabled")
        case "loop":
            return Refusal(
                451, "4.4.6", "This address is misconfigured on our side (it leads in a circle)", cause=via
            )
        case "several" if all(place.kind == "disabled" for place in destination.branches):
            return Refusal(550, "5.2.1", "This mailbox is disabled")
        case _ if address.local.lower() in OWN_NAMES:
            # RFC 5321 4.5.1: never refused for good; there is just nobody here yet.
            return Refusal(450, "4.2.1", "No mailbox exists here yet, please try again later")
        case _ if destination.via:
            ends = ", ".join(place.target or place.kind for place in destination.places)
            cause = f"alias {via} -> {ends}"
            return Refusal(550, "5.1.1", "No such user here", cause=cause)
        case _:
            return Refusal(550, "5.1.1", "No such user here")
