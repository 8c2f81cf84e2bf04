"""Answers RCPT (``receive.contract.Reception``): who may reach whom, and whether there is room.

Strangers reach local recipients only. That is decided on the parsed address alone: whatever a local part
looks like (``user%elsewhere``, ``elsewhere!user``, ``"a@b"``) it is a name in its own domain and is never
read as a route.
"""

from __future__ import annotations

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory.contract import Account
from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe.log import logger
from posthouse.route.quota import full
from posthouse.route.reservations import Reservations
from posthouse.route.resolve import Destination, Router
from posthouse.store.contract import Appender

_log = logger("route")


class ReceptionDesk:
    """Decides on recipients, one at a time."""

    def __init__(self, router: Router, database: Database, appender: Appender) -> None:
        self._router = router
        self._database = database
        self._appender = appender
        self._reservations = Reservations()

    async def recipient(self, address: Address, origin: Origin, size: int) -> None:
        """Return when the recipient may be accepted; raise Refusal otherwise."""
        try:
            destination = await self._router.resolve(address)
            if destination.kind == "local" and destination.account is not None:
                await self._reserve(destination.account, origin, size)
                return
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        if destination.kind == "loop":
            _log.error(
                "alias.loop", recipient=address.key, via=" -> ".join(destination.via), trace=origin.trace
            )
        raise _refusal(address, destination, origin)

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether an account may use this address as its sender: everything that leads to its mailbox."""
        try:
            destination = await self._router.resolve(address)
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        account = destination.account
        return destination.kind == "local" and account is not None and account.id == account_id

    def release(self, origin: Origin) -> None:
        """The transaction ended: its promised space is free again."""
        self._reservations.release(origin.trace)

    async def _reserve(self, account: Account, origin: Origin, size: int) -> None:
        if not account.quota:
            return
        used = await self._database.read(self._appender.used_in, account.id)
        # No wait between the question and the promise, or two sessions would be promised the same space.
        in_flight = self._reservations.promised(account.id, apart_from=origin.trace)
        refusal = full(used + in_flight, account.quota, size)
        if refusal is not None:
            raise refusal
        self._reservations.promise(origin.trace, account.id, size)


def _refusal(address: Address, destination: Destination, origin: Origin) -> Refusal:
    """The answer for a recipient that is not local. It never tells where an alias leads."""
    via = " -> ".join(destination.via)
    match destination.kind:
        case "foreign" if origin.account_id is None:
            return Refusal(550, "5.7.1", "Relaying denied: this server takes mail for its own domains only")
        case "foreign":
            return Refusal(
                550,
                "5.7.1",
                "Sending to other servers is not possible yet: this server delivers to its own domains only",
            )
        case "outside":
            return Refusal(
                550,
                "5.7.1",
                "This address leads to another server, and sending there is not possible yet",
                cause=f"alias {via} -> {destination.target}",
            )
        case "disabled":
            return Refusal(550, "5.2.1", "This mailbox is disabled")
        case "loop":
            return Refusal(
                451, "4.4.6", "This address is misconfigured on our side (it leads in a circle)", cause=via
            )
        case _ if address.local.lower() == "postmaster":
            # RFC 5321 4.5.1: never refused for good; there is just nobody here yet.
            return Refusal(450, "4.2.1", "No mailbox exists here yet, please try again later")
        case _ if destination.via:
            cause = f"alias {via} -> {destination.target}"
            return Refusal(550, "5.1.1", "No such user here", cause=cause)
        case _:
            return Refusal(550, "5.1.1", "No such user here")
