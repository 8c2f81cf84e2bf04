"""Makes the plan of a message: resolves every recipient and asks for its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from posthouse.deliver import plan as plans
from posthouse.deliver.plan import Copy, Forward, Plan, Waiting
from posthouse.directory.contract import Account
from posthouse.directory.forward_conditions import MailView
from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope
from posthouse.queue.contract import LIST, LOCAL, MX
from posthouse.route.contract import Way, Ways
from posthouse.route.forwarding import Forwarding, Onward
from posthouse.route.resolve import Destination, Router

ForwardSender = Callable[[str, str], Awaitable[str]]
"""From the sender of a message ("" for the null path, which stays) and the address of ours that forwards it to the
sender with which it is sent on. Raises DatabaseUnavailable."""


_NOWHERE = "the address led nowhere when the message was accepted ({})"


@dataclass(slots=True)
class _Known:
    """Where the recipients so far lead: two that lead to one place share it."""

    copies: dict[int, Copy] = field(default_factory=dict)
    forwards: dict[tuple[str, int], Forward] = field(default_factory=dict)
    lists: dict[tuple[int, str], Waiting] = field(default_factory=dict)


class Planner:
    """Plans where mail goes. Without ``ways`` nothing leaves: what is not ours waits with the rest. Without
    ``forward_sender`` mail is sent on with its own sender, without ``forwarding`` no account forwards."""

    def __init__(
        self,
        router: Router,
        ways: Ways | None = None,
        forward_sender: ForwardSender | None = None,
        forwarding: Forwarding | None = None,
    ) -> None:
        self._router = router
        self._ways = ways
        self._forward_sender = forward_sender
        self._forwarding = forwarding

    async def plan_for(self, envelope: Envelope, now: float, mail: MailView | None = None) -> Plan:
        """Resolve every recipient. Several that lead to one mailbox share a copy. One that no longer leads anywhere (it
        did at RCPT) waits in the queue. Raises DatabaseUnavailable."""
        plan = Plan(envelope, mail=mail)
        known = _Known()
        for place, recipient in enumerate(envelope.recipients):
            destination = await self._router.resolve(recipient.address)
            if destination.kind == "several":
                await self._several(plan, place, destination, known)
            else:
                await self._lead(plan, place, destination, known)
        self._deliver(plan, known.copies, now)
        return plan

    async def _several(self, plan: Plan, place: int, destination: Destination, known: _Known) -> None:
        """A recipient that leads to several places: to each of them that mail gets to."""
        ends = [branch for branch in destination.branches if branch.reachable]
        routed = [branch for branch in destination.branches if branch.kind == "unknown" and branch.target]
        for branch in ends:
            await self._lead(plan, place, branch, known)
        for branch in routed:
            # Nobody of ours; yet a route may be for it, as it is for a recipient that leads there alone.
            waiting = await self._onward(plan, place, branch)
            if waiting.destination != LOCAL:
                await self._forward(plan, place, branch, known.forwards)
                ends.append(branch)
        if not ends:
            plan.waiting.append(Waiting([place], None, _NOWHERE.format("several")))

    async def _lead(self, plan: Plan, place: int, destination: Destination, known: _Known) -> None:
        """A recipient that leads to one place."""
        account = destination.account
        if destination.kind == "local" and account is not None:
            if destination.masked:
                plan.masked.setdefault(account.id, set()).add(destination.masked)
            await self._local(plan, place, account, destination.folder, known)
        elif destination.kind == "list":
            _to_list(plan, place, destination.list_id, known, destination.detail, destination.target)
        elif destination.kind in ("outside", "return") and self._ways is not None:
            await self._forward(plan, place, destination, known.forwards)
        else:
            plan.waiting.append(await self._onward(plan, place, destination))

    async def _local(self, plan: Plan, place: int, account: Account, folder: str, known: _Known) -> None:
        """A recipient with a mailbox here, which may be forwarded."""
        if self._forwarding is None or self._ways is None:
            _copy(known.copies, account, place, folder)
            return
        spread = await self._forwarding.spread(account, plan.mail)
        for mailbox in spread.mailboxes:
            _copy(known.copies, mailbox, place, folder if mailbox.id == account.id else "")
        for list_id in spread.lists:
            _to_list(plan, place, list_id, known)
        for onward in spread.onward:
            await self._send_on(plan, place, onward, known.forwards, kept=bool(spread.mailboxes))

    async def _send_on(
        self,
        plan: Plan,
        place: int,
        onward: Onward,
        by_target: dict[tuple[str, int], Forward],
        *,
        kept: bool,
    ) -> None:
        """Send a message on for the owner of a mailbox."""
        owner, target = onward.owner, onward.target
        known = by_target.get((target.key, owner.id))
        if known is not None:
            if place not in known.places:
                known.places.append(place)
            return
        sender = await self._sender(plan, owner.address)
        way, refused = await self._way(target, plan)
        forward = Forward([place], str(target), sender, way, owner.address, refused, owner, kept)
        by_target[target.key, owner.id] = forward
        plan.forwards.append(forward)

    async def _sender(self, plan: Plan, via: str) -> str:
        if plan.sender and self._forward_sender is not None:
            return await self._forward_sender(plan.sender, via)
        return plan.sender

    def _deliver(self, plan: Plan, by_account: dict[int, Copy], now: float) -> None:
        # Always in the same order: two units that want the same mailboxes must not wait for each other.
        copies = sorted(by_account.values(), key=lambda copy: copy.account.id)
        envelope = plan.envelope
        express, reason = plans.EXPRESS, "many recipients, delivered in turn"
        if envelope.hold:
            express, reason = 0, "held until somebody looked at it"
        elif envelope.terms.not_before > now:
            express, reason = 0, "to be sent later"
        plan.copies = copies[:express]
        plan.waiting.extend(Waiting(copy.places, copy.account, reason) for copy in copies[express:])

    async def _onward(self, plan: Plan, place: int, destination: Destination) -> Waiting:
        """A recipient without a mailbox here."""
        address = plan.recipient(place).address
        onward = destination.onward(address)
        reason = _NOWHERE.format(destination.kind)
        if self._ways is None or onward is None:
            return Waiting([place], destination.account, reason)
        way, refused = await self._way(onward, plan)
        if refused and destination.kind != "foreign":
            return Waiting([place], destination.account, reason)
        return Waiting([place], None, refused, way)

    async def _forward(
        self, plan: Plan, place: int, destination: Destination, by_target: dict[tuple[str, int], Forward]
    ) -> None:
        """A recipient that leads outside by an address of ours."""
        address = plan.recipient(place).address
        onward = destination.onward(address)
        if onward is None:
            plan.waiting.append(Waiting([place], None, f"{destination.target} is no address"))
            return
        known = by_target.get((onward.key, 0))
        if known is not None:
            if place not in known.places:
                known.places.append(place)
            return
        via = destination.via[-1] if destination.via else str(address)
        sender = await self._sender(plan, via)
        way, refused = await self._way(onward, plan)
        forward = Forward([place], str(onward), sender, way, via, refused)
        by_target[onward.key, 0] = forward
        plan.forwards.append(forward)

    async def _way(self, onward: Address, plan: Plan) -> tuple[str, str]:
        """The destination, and why there is none just now. The way was there at RCPT, so the recipient was promised:
        whoever delivers asks again, and tells the sender."""
        assert self._ways is not None
        envelope = plan.envelope
        way = await self._ways.way(onward, envelope.sender, envelope.origin.account_id)
        if isinstance(way, Way):
            return way.destination, ""
        return (f"{MX}{onward.domain}" if onward.domain else LOCAL), str(way)


def _copy(copies: dict[int, Copy], account: Account, place: int, folder: str) -> None:
    copy = copies.setdefault(account.id, Copy(account, []))
    copy.folders.add(folder)
    if place not in copy.places:
        copy.places.append(place)


def _to_list(
    plan: Plan, place: int, list_id: int, known: _Known, detail: str = "", address: str = ""
) -> None:
    """To a list, or to what it has besides (``detail``: its owners, a wish), whose ``address`` an alias leads to."""
    which = (list_id, detail.lower())
    waiting = known.lists.get(which)
    if waiting is None:
        named = address if detail else ""
        waiting = known.lists[which] = Waiting([], None, "", f"{LIST}{list_id}", named)
        plan.waiting.append(waiting)
    if place not in waiting.places:
        waiting.places.append(place)
