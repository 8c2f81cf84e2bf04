"""The end of an attempt (``deliver.contract.Settlement``): rows and notices in one unit.

A row that goes and the notice that tells its sender why are written together: a crash between them can neither lose
the message silently nor send the notice twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import time

from posthouse.bodies.contract import Bodies, Body, BodyMissing, Durability
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.contract import ForwardOwners, Kept, Notice, NoticeKind, Notices, Told
from posthouse.deliver.delivered import Copied, spooled
from posthouse.deliver.passing import PassingRegister
from posthouse.deliver.results import Result, Said, note_of
from posthouse.mail.mime import Buffer
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue.contract import EVENTS, HOLD_ADMIN, JOURNAL, LOCAL, Lease, Queue
from posthouse.queue.schedule import expired, next_attempt
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.sending import DELAY_NOTICE

log = logger("deliver.settlement")


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one row: ``end`` is None for one that waits on, until ``due_at``. ``tell``: the kind of notice
    its sender gets. ``held``: it failed and its sender cannot be told, so it is kept for an administrator. ``kept``: it
    failed, and the one who forwards it gets it."""

    result: Result
    end: NoticeKind | None
    tell: NoticeKind | None
    due_at: float = 0.0
    held: bool = False
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A notice whose content is spooled. ``kept``: it is put only where this says so within the unit."""

    notice: Notice
    body: Body
    kept: Kept | None = None


class LeaseLost(Exception):
    """Another worker has the row of this lease (args[0]: its id) by now."""


class SettlementDesk:
    """Decides and writes. ``owners`` are told of what they forward: the sender of such a message knows nothing of the
    forward, and hears nothing when it fails. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        durability: Durability,
        queue: Queue,
        bodies: Bodies,
        notices: Notices,
        settings: CurrentSettings,
        owners: ForwardOwners | None = None,
        clock: Callable[[], float] = time,
        journal: Copied | None = None,
        register: PassingRegister | None = None,
    ) -> None:
        self._register = register if register is not None else PassingRegister()
        self._journal = journal
        self._durability = durability
        self._queue = queue
        self._bodies = bodies
        self._notices = notices
        self._settings = settings
        self._owners = owners
        self._clock = clock

    async def settle(self, results: Sequence[Result], *, tries: int = 0, minutes: int = 0) -> None:
        """Write what became of each row, and the notices, as one unit. Rows that another worker has by now are left
        alone. Raises DatabaseUnavailable."""
        decisions = [
            await self._for_owner(self._decide(result, tries, minutes))
            if is_forwarded(result.lease)
            else self._decide(result, tries, minutes)
            for result in results
        ]
        if results and (passing := self._register.of(results[0].lease)) is not None:
            taken = all(each.end in ("delivered", "relayed") and each.tell is None for each in decisions)
            if not await passing.settled(results, taken=taken):
                for decision in decisions:
                    _count(decision)
                return
        while decisions:
            decisions, written = await self._write_notices(decisions)
            try:
                await self._durability.commit([each.body for each in written], self._unit, decisions, written)
            except LeaseLost as lost:
                log.warning("queue.lease_lost", row=lost.args[0])
                decisions = [each for each in decisions if each.result.lease.id != lost.args[0]]
                continue
            finally:
                for each in written:
                    each.body.discard()
            step("queue.settled")
            for decision in decisions:
                _count(decision)
            return

    # ------------------------------------------------------------------ deciding

    def _decide(self, result: Result, tries: int, minutes: int) -> Decision:
        lease, now = result.lease, self._clock()
        if result.state == "deferred":
            given_up = self._given_up(result, now, tries)
            if given_up is None:
                late = self._late(result, now)
                due_at = next_attempt(self._settings.now, lease, now, tries=tries, minutes=minutes)
                return Decision(result, None, "delayed" if late else None, due_at)
            result = replace(result, state="failed", said=given_up)
        end: NoticeKind = (
            "failed"
            if result.state == "failed"
            else "delivered"
            if result.state == "delivered"
            else "relayed"
        )
        if end == "failed" and lease.message.kind == JOURNAL:
            return Decision(result, end, None, held=True)  # whoever keeps a journal wants it whole
        return Decision(result, end, end if self._notices.wanted(result, end) else None)

    async def _for_owner(self, decision: Decision) -> Decision:
        """What an account forwards: its owner gets what failed. Raises DatabaseUnavailable."""
        if self._owners is None or decision.held:
            return decision
        if decision.end == "failed":
            kept = await self._owners.keep(decision.result)
            return decision if kept is None else replace(decision, tell=None, kept=kept)
        return replace(decision, tell=None) if decision.tell == "delayed" else decision

    def _given_up(self, result: Result, now: float, tries: int) -> Said | None:
        """What is said when there is no further attempt; None while there is one."""
        lease, said = result.lease, result.said
        by = lease.message.deliver_by
        if by and now >= by and lease.message.by_mode.startswith("R"):
            return replace(
                said, status="5.4.7", text=f"{said.text}; it was to be delivered by then".lstrip("; ")
            )
        if not expired(lease, now, tries=tries):
            return None
        status = (
            said.status if said.status.startswith("5") else f"5{said.status[1:]}" if said.status else "5.4.7"
        )
        return replace(said, status=status)

    def _late(self, result: Result, now: float) -> bool:
        """Whether the sender is to be told now that it takes long."""
        lease = result.lease
        if lease.recipient.delay_told or not self._notices.wanted(result, "delayed"):
            return False
        by = lease.message.deliver_by
        if by and now >= by:
            return True
        since = max(lease.message.received_at, lease.recipient.not_before)
        after = self._settings.now[DELAY_NOTICE]
        return bool(after) and now - since >= after

    # ------------------------------------------------------------------ notices

    async def _write_notices(self, decisions: Sequence[Decision]) -> tuple[list[Decision], list[Written]]:
        """Compose one notice for each message and kind, and spool its content. A failed row whose sender cannot be
        told is held instead: nothing goes silently."""
        settled = [each for each in decisions if each.tell is None]
        written: list[Written] = []
        groups: dict[tuple[int, NoticeKind], list[Decision]] = {}
        for decision in decisions:
            if decision.tell is not None:
                groups.setdefault((decision.result.lease.message_id, decision.tell), []).append(decision)
        try:
            for decision in settled:
                if decision.kept is not None and (word := decision.kept.notice) is not None:
                    await self._spool(written, word, decision.kept)
            for (_, kind), group in groups.items():
                try:
                    notices = await self._compose(group, kind)
                except NoticeFailed:
                    settled += [replace(each, tell=None, held=each.end == "failed") for each in group]
                    continue
                for notice in notices:
                    await self._spool(written, notice)
                settled += group
        except BaseException:
            for each in written:
                each.body.discard()
            raise
        return settled, written

    async def _spool(self, written: list[Written], notice: Notice, kept: Kept | None = None) -> None:
        """Add a notice, and its copies for journals."""
        body = spooled(self._bodies, notice.content)
        written.append(Written(notice, body, kept))
        if self._journal is not None:
            copies = await self._journal.of_own(notice.message, notice.recipients, body)
            written += [Written(each.notice, each.body, kept) for each in copies]

    async def _compose(self, group: Sequence[Decision], kind: NoticeKind) -> list[Notice]:
        """The notice to the sender, and the postmaster's copy where that is wanted."""
        message = group[0].result.lease.message
        told = [Told(each.result, kind, each.result.lease.expires_at) for each in group]
        try:
            original = self._original(message.body)
            notice = await self._notices.compose(message, told, original)
            copy = await self._notices.copy(message, told, original)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("notice.failed", trace=message.trace)
            raise NoticeFailed(message.trace) from None
        return [each for each in (notice, copy) if each is not None]

    def _original(self, digest: str) -> Buffer | None:
        try:
            return self._bodies.read(digest)
        except BodyMissing:
            return None

    # ------------------------------------------------------------------ the unit

    def _unit(self, tx: Transaction, decisions: Sequence[Decision], written: Sequence[Written]) -> None:
        for decision in decisions:
            if not self._apply(tx, decision):
                raise LeaseLost(decision.result.lease.id)
        told = self._tell_owners(tx, decisions)
        for each in written:
            if each.kept is not None and each.kept.lease.id not in told:
                continue
            self._bodies.claim(tx, each.body.digest, each.body.size)
            message = replace(each.notice.message, body=each.body.digest, size=each.body.size)
            self._queue.put(tx, message, each.notice.recipients)
        self._notices.note(
            tx, [Told(each.result, each.end) for each in decisions if each.end is not None and not each.held]
        )

    def _tell_owners(self, tx: Transaction, decisions: Sequence[Decision]) -> set[int]:
        """Keep what could not be forwarded; the rows whose owners are to be told."""
        told: set[int] = set()
        for decision in decisions:
            lease = decision.result.lease
            if self._owners is None or not is_forwarded(lease):
                continue
            if decision.kept is not None and self._owners.kept(tx, decision.kept):
                told.add(lease.id)
            if decision.end in ("relayed", "delivered"):
                self._owners.works(tx, lease)
        return told

    def _apply(self, tx: Transaction, decision: Decision) -> bool:
        result = decision.result
        lease, said = result.lease, result.said
        if decision.held:
            why = "its sender could not be told (the log says why)"
            reason = f"{said}; {'it is a copy for the journal' if lease.message.kind == JOURNAL else why}"
            return self._queue.hold(tx, lease, reason, HOLD_ADMIN)
        match decision.end:
            case "failed":
                return self._queue.fail(tx, lease, f"failed after {_times(lease.attempts)}: {said}")
            case None:
                return self._queue.retry(
                    tx,
                    lease,
                    decision.due_at,
                    str(said),
                    status=said.status,
                    remote=said.remote,
                    delay_told=decision.tell == "delayed",
                    tried=result.tried,
                )
            case _:
                return self._queue.settle(tx, lease, note_of(decision.end, said))


class NoticeFailed(Exception):
    """A notice could not be written (args[0] is the trace id)."""


def is_forwarded(lease: Lease) -> bool:
    """Whether a row leaves because an account forwards it."""
    recipient = lease.recipient
    return (
        recipient.account_id is not None
        and recipient.destination != LOCAL
        and lease.message.body_type != EVENTS
    )


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _count(decision: Decision) -> None:
    lease, said = decision.result.lease, decision.result.said
    about = {"trace": lease.message.trace, "recipient": lease.recipient.recipient, "said": str(said)}
    if decision.end is None:
        counters.deferred += 1
        log.warning("queue.deferred", attempts=lease.attempts, **about)
    elif decision.end == "failed":
        counters.failed += 1
        log.warning("queue.failed", attempts=lease.attempts, told=decision.tell is not None, **about)
    else:
        counters.sent += 1
        log.info("queue.delivered", tls=said.tls, **about)
