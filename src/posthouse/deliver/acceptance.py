"""The moment of the 250 (``receive.contract.Acceptance``): everything in one unit of work, durable before
it returns.

Recipients that lead to a mailbox get their copy at once, all others become queue rows (those that an address of ours
sends on: of messages of their own), and trace and notices are written, in the same transaction. A crash before the
reply leaves nothing, after it everything.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from time import time

from posthouse.bodies.contract import Bodies, Body, Durability, Spool
from posthouse.bodies.spool import IN_MEMORY
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.arrivals import REPORT_NAMES
from posthouse.deliver.contract import Express, NoticeKind, Notices, Room, Told
from posthouse.deliver.copy import MAX_PASSES, FactsOf, delivered_before, facts_of, glance
from posthouse.deliver.delivered import Beside, Copied, Written, notices_of
from posthouse.deliver.dsn.fields import shown_address
from posthouse.deliver.passing import Passing
from posthouse.deliver.plan import Copy, Plan
from posthouse.deliver.planning import ForwardSender, Planner
from posthouse.deliver.results import Result
from posthouse.deliver.told import private_of
from posthouse.deliver.unit import AcceptanceUnit, AppendFailed, MaskedUsed, queued_message
from posthouse.directory.forward_conditions import MailView
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Envelope, Origin
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.queue import destinations
from posthouse.queue.contract import Queue
from posthouse.queue.refusals import Refusals
from posthouse.route.contract import Ways
from posthouse.route.forwarding import Forwarding
from posthouse.route.resolve import Router
from posthouse.route.shared_senders import SharedSenders
from posthouse.route.space import Space
from posthouse.settings.contract import CurrentSettings, Setting
from posthouse.settings.queue import LIFETIME, PASS_THROUGH
from posthouse.store.contract import Appender, Facts

_log = logger("deliver.acceptance")

Arrived = Callable[[Envelope, str, int], None]
"""Told of an accepted message: its envelope, digest and size."""

MOST_AT_ONCE = 50
"""Recipients of a message that may go on at once without having waited in the queue."""

_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class AcceptanceDesk:
    """Accepts messages. ``free_space`` is the setting of how many bytes must stay free where bodies are kept,
    ``facts`` computes what a message looks like, ``clock`` tells seconds since 1970. ``ways`` says where mail leaves
    to, ``forward_sender`` with which sender it is sent on, ``forwarding`` where accounts send theirs on to, ``notices``
    writes notices of what is delivered. ``beside`` write what goes out beside a message (automatic
    replies, journals), in its unit. ``arrived`` is told of each message that was accepted, once that is durable; it
    must neither wait nor raise. ``masked`` counts what masked addresses take.
    ``journal`` copies the notices, too. ``express`` knows where mail may go on at once, ``shared`` which shared
    mailboxes keep what is sent in their name."""

    def __init__(
        self,
        *,
        durability: Durability,
        database: Database,
        appender: Appender,
        queue: Queue,
        router: Router,
        bodies: Bodies,
        refusals: Refusals,
        facts: FactsOf,
        settings: CurrentSettings,
        free_space: Setting[int],
        clock: Callable[[], float] = time,
        ways: Ways | None = None,
        forward_sender: ForwardSender | None = None,
        notices: Notices | None = None,
        forwarding: Forwarding | None = None,
        arrived: Arrived | None = None,
        beside: Sequence[Beside] = (),
        space: Space | None = None,
        masked: MaskedUsed | None = None,
        express: Express | None = None,
        shared: SharedSenders | None = None,
        journal: Copied | None = None,
    ) -> None:
        self._journal = journal
        self._durability = durability
        self._database = database
        self._appender = appender
        self._planner = Planner(router, ways, forward_sender, forwarding)
        self._arrived = arrived
        self._express = express
        self._shared = shared
        self.beside = tuple(beside)
        self._space = space if space is not None else Space(database, appender)
        self._notices = notices
        self._bodies = bodies
        self._refusals = refusals
        self._facts = facts
        self._settings = settings
        self._free_space = free_space
        self._clock = clock
        self._unit = AcceptanceUnit(appender, queue, bodies, masked)

    def spool(self) -> Spool:
        """Begin a body. Raises Refusal when the disk is nearly full."""
        if self._bodies.free_space() < self._settings.now[self._free_space]:
            raise _disk_full("free space is below the limit")
        return self._bodies.spool()

    async def accept(self, envelope: Envelope, body: Body, *, per_recipient: bool = False) -> list[Outcome]:
        """Accept a message as one durable unit; one outcome per recipient, in order."""
        try:
            return await self._accept(envelope, body, per_recipient)
        except DatabaseUnavailable as problem:
            raise our_fault(str(problem)) from problem
        except OSError as problem:
            if problem.errno in _NO_ROOM:
                raise _disk_full(str(problem)) from problem
            raise

    async def refused(self, origin: Origin, stage: str, text: str) -> None:
        """Note a refusal in the trace, best effort."""
        self._refusals.note(origin.trace, stage, text)

    async def _accept(self, envelope: Envelope, body: Body, per_recipient: bool) -> list[Outcome]:
        too_large = await self._space.refusal_to_send(envelope.origin.account_id, body.size)
        if too_large is not None:
            raise too_large
        view = self._view(envelope, body)
        plan = await self._planner.plan_for(envelope, self._clock(), view)
        await self._keep_sent(plan, view, body.size)
        for_us = bool(
            plan.copies or plan.forwards or plan.sent
        )  # what goes in circles comes back into its mailbox
        facts = await facts_of(self._facts if for_us else glance, body)
        self._break_loops(plan, body, facts, per_recipient)
        await self._check_room(plan, body.size, per_recipient)
        if plan.pending:
            await self._commit(plan, body, facts)
            if self._arrived is not None:
                self._arrived(plan.envelope, body.digest, body.size)
        return plan.outcomes()

    async def _keep_sent(self, plan: Plan, view: MailView, size: int) -> None:
        """Who writes in the name of a shared mailbox leaves a copy in its sent mail, while there is room for it."""
        account_id = plan.envelope.origin.account_id
        if self._shared is None or account_id is None:
            return
        for account in await self._shared.keeping(account_id, view.authors):
            refusal = await self._space.refusal(account, size)
            if refusal is None:
                plan.sent.append(Copy(account, []))
            else:
                _not_kept(plan, account.address, str(refusal))

    def _view(self, envelope: Envelope, body: Body) -> MailView:
        recipients = [str(each.address) for each in envelope.recipients]
        return MailView(str(envelope.sender or ""), recipients, body.buffer, body.size, self._clock())

    def _break_loops(self, plan: Plan, body: Body, facts: Facts, per_recipient: bool) -> None:
        """Refuse what has been in the same mailbox too often. SMTP has one answer for all recipients: there
        the message is refused only when it goes in circles for every one of them."""
        passes = delivered_before(body, facts)
        if not passes:
            return
        for forward in list(plan.forwards):
            # It was sent on from that mailbox already, and came back.
            if forward.owner is not None and _passed(passes, forward.owner.address):
                plan.keep_here(forward)
        circles = [copy for copy in plan.copies if passes.get(copy.account.address, 0) >= MAX_PASSES]
        if not circles:
            return
        refusal = Refusal(554, "5.4.6", "Mail loop: this message was delivered to this mailbox before")
        if per_recipient:
            for copy in circles:
                plan.refuse(copy, refusal)
        elif len(circles) == len(plan.copies) and not plan.waiting and not plan.forwards:
            raise refusal

    async def _check_room(self, plan: Plan, size: int, per_recipient: bool) -> None:
        """LMTP refuses for each. SMTP has one answer for all recipients: what is larger than one of them takes is
        refused for all, as nothing that is accepted may come back. What is too much for mailboxes that have some room
        left is refused when none of the recipients has enough; else all get it: refused for the sake of one it would
        never reach the others, as it is not full enough to be refused at RCPT."""
        trace = plan.envelope.origin.trace
        if per_recipient:
            for copy in list(plan.copies):
                if (refusal := await self._space.refusal(copy.account, size, trace=trace)) is not None:
                    plan.refuse(copy, refusal)
            return
        mailboxes = [copy.account for copy in plan.copies]
        mailboxes += [each.account for each in plan.waiting if each.account is not None]
        for account in mailboxes:
            if (refusal := await self._space.too_large(account, size)) is not None:
                raise refusal
        if not mailboxes or plan.forwards or any(each.account is None for each in plan.waiting):
            return
        worst = None
        for account in mailboxes:
            refusal = await self._space.refusal(account, size, trace=trace)
            if refusal is None:
                return
            worst = refusal if worst is None or refusal.temporary else worst
        if worst is not None:
            raise worst

    async def _commit(self, plan: Plan, body: Body, facts: Facts) -> None:
        """Run the unit. A mailbox that does not take its copy makes that recipient a queue row, never a
        refusal: whatever the recipients were told at RCPT stands."""
        private = private_of(self._settings.now, body, facts, plan.sender)
        while True:
            written = await self._write_notices(plan, body)
            rooms: dict[str, Room] = {}
            passing: Passing | None = None
            lent = False
            try:
                alone = not written and self._goes_on_alone(plan, body)
                await self._keep_rooms(plan, rooms, wait=alone)
                passing = await self._send_on(plan, body, rooms) if alone else None
                lent = passing is not None
                if passing is not None:
                    results = await passing.results(self._settings.now[PASS_THROUGH])
                    if results is not None:
                        await self._tell_passed(plan, body, facts, results)
                        passing = None
                        return
                    if passing.ended:
                        rooms, passing = {}, None  # it was not even tried
                await self._durability.commit(
                    [body, *(each.body for each in written)],
                    self._unit.run,
                    plan,
                    body,
                    facts,
                    self._clock(),
                    private,
                    written,
                    rooms,
                )
                counters.delivered += len(plan.copies)
                passing = None
                return
            except AppendFailed as failure:
                self._postpone(plan, failure.copy, failure.reason)
            except (DatabaseUnavailable, OSError):
                if passing is not None and passing.taken is not None:
                    await self._tell_passed(plan, body, facts, passing.taken)
                    return  # the next host took it meanwhile: to be told otherwise, its sender would repeat it
                raise
            except Exception as failure:
                if not plan.copies and not plan.sent:
                    raise
                plan.sent.clear()
                _log.exception("accept.express_failed", trace=plan.envelope.origin.trace)
                for copy in list(plan.copies):
                    self._postpone(plan, copy, f"not delivered at once ({type(failure).__name__})")
            finally:
                for each in written:
                    each.body.discard()
                if lent:
                    self._bodies.lend_no_more(body.digest)
                if passing is not None:
                    passing.give_up()
                for room in rooms.values():
                    room.release()

    def _goes_on_alone(self, plan: Plan, body: Body) -> bool:
        """Whether a message may pass through: it is small, all of it goes to one destination, and nothing of it is
        written or read here."""
        if plan.copies or plan.forwards or plan.sent or plan.masked or body.size > IN_MEMORY:
            return False
        envelope = plan.envelope
        if envelope.terms.deliver_by or envelope.sender is None:
            return False  # notices of others are read here, if they are about our mail
        addresses = (each.address for each in envelope.recipients)
        if any(each.local.partition("+")[0].lower() in REPORT_NAMES for each in addresses):
            return False  # and so are reports
        return len({each.destination for each in plan.waiting}) == 1

    async def _send_on(self, plan: Plan, body: Body, rooms: Mapping[str, Room]) -> Passing | None:
        """Send a message on before it is written down, where its destination is quick."""
        for name, room in rooms.items():
            if not room.quick or await self._database.read(_stopped, name):
                break
            message = queued_message(plan, body)
            self._bodies.lend(body.digest, bytes(body.buffer()))
            return room.send(message, plan.queued(), message.received_at + self._settings.now[LIFETIME])
        return None

    async def _tell_passed(self, plan: Plan, body: Body, facts: Facts, results: Sequence[Result]) -> None:
        """Write trace and events of a message that the next host has already: whatever becomes of that, it is
        accepted."""
        plan.passed = True

        def op(tx: Transaction) -> None:
            self._unit.passed(tx, plan, body, facts, self._clock(), results)
            if self._notices is not None:
                self._notices.note(tx, [Told(each, _kind(each)) for each in results])

        try:
            await self._database.run(op)
        except DatabaseUnavailable as problem:
            _log.warning("accept.untold", trace=plan.envelope.origin.trace, reason=str(problem))
        except Exception:
            _log.exception("accept.untold", trace=plan.envelope.origin.trace)

    async def _keep_rooms(self, plan: Plan, rooms: dict[str, Room], *, wait: bool) -> None:
        """Add room where destinations have some now. Many recipients wait for their turn."""
        if self._express is None or not 0 < len(plan.waiting) <= MOST_AT_ONCE or plan.envelope.hold:
            return
        if plan.envelope.terms.not_before:
            return
        for name in {each.destination for each in plan.waiting}:
            room = await self._express.room(name, plan.sender, wait=wait)
            if room is not None:
                rooms[name] = room

    async def _write_notices(self, plan: Plan, body: Body) -> list[Written]:
        """All that goes out beside the message."""
        message = queued_message(plan, body)
        written: list[Written] = []
        try:
            for each in self.beside:
                written += await each.write(plan, message, body)
            if self._notices is not None and plan.sender and plan.copies:
                told = await notices_of(self._notices, self._bodies, plan, message, body.buffer())
                written += told
                if self._journal is not None:
                    for one in told:
                        written += await self._journal.of_own(
                            one.notice.message, one.notice.recipients, one.body
                        )
        except BaseException:
            for one in written:
                one.body.discard()
            raise
        return written

    def _postpone(self, plan: Plan, copy: Copy, reason: str) -> None:
        if copy in plan.sent:
            plan.sent.remove(copy)
            _not_kept(plan, copy.account.address, reason)
            return
        _log.warning(
            "accept.postponed",
            trace=plan.envelope.origin.trace,
            account=copy.account.address,
            reason=reason,
        )
        plan.postpone(copy, reason)


def _kind(result: Result) -> NoticeKind:
    return "delivered" if result.state == "delivered" else "relayed"


def _stopped(tx: Transaction, destination: str) -> bool:
    """Whether a destination is paused, or left alone."""
    states = destinations.states(tx, (destination, destinations.EVERYTHING))
    return any(each.paused or each.failures for each in states.values())


def _not_kept(plan: Plan, address: str, reason: str) -> None:
    _log.warning("accept.not_kept", trace=plan.envelope.origin.trace, account=address, reason=reason)


def _passed(passes: dict[str, int], address: str) -> bool:
    """Whether a message was in a mailbox, however its domain is written."""
    return bool(passes.get(address) or passes.get(shown_address(parse_address(address)).lower()))


def _disk_full(cause: str) -> Refusal:
    return Refusal(452, "4.3.1", "Not enough disk space here, please try again later", cause=cause)
