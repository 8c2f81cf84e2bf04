"""Delivery to other servers (``deliver.contract.Deliverer``): the way, the hosts, the policy, the session, the result.

Each attempt asks anew where the recipient leads, so a changed route or MX holds for mail that waits already. No other
worker takes the rows meanwhile, however long a remote takes to answer (``keeper``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import time

from posthouse.bodies.contract import Bodies, BodyMissing
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Settlement, unnoticed
from posthouse.deliver.remote.contract import (
    Call,
    ConnectFailed,
    Host,
    HostFinder,
    Parcel,
    Sessions,
    Signer,
    TlsPolicies,
    TlsPolicy,
)
from posthouse.deliver.remote.keeper import LeaseKeeper
from posthouse.deliver.remote.parcel import parcel_of
from posthouse.deliver.remote.pipe import run_command
from posthouse.deliver.results import Feedback, Result, Said, State
from posthouse.mail.address import Address, parse_address
from posthouse.mail.refusal import Refusal
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue.contract import HOLD_ADMIN, HOLD_ROUTE, Lease, Queue
from posthouse.route.contract import Way, Ways
from posthouse.settings import tls_out
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.sending import RECIPIENTS, SESSIONS_PER_ATTEMPT

log = logger("deliver.remote")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between tries to write down what a remote said, while the database is away."""

AFTER_DOT = "."
"""The stage in which a remote may have the message although it did not say so."""


NO_REQUIRETLS = "5.7.30"
"""The status code of a host that does not offer REQUIRETLS (RFC 8689 5)."""

NO_TLS, UNPROTECTED = "4.7.5", "5.7.10"
"""The status code of a host with which TLS does not come about as it is wanted; and the same where the sender requires
it, so that there is nothing to wait for (RFC 8689 4.2.1)."""


@dataclass(slots=True)
class Attempt:
    """What is known so far of one attempt. ``left``: rows without a result."""

    way: Way
    left: list[Lease]
    done: list[Result] = field(default_factory=list)
    last: Said | None = None
    sessions: int = 0
    slow: bool = False

    def note(self, said: Said) -> None:
        """Remember why a host did not work; what only concerns us now goes before what is for good."""
        if self.last is None or self.last.code >= 500 or said.code < 500:
            self.last = said


class RemoteDelivery:
    """Delivers rows of the classes ``mx:`` and ``route:``. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        ways: Ways,
        finder: HostFinder,
        policies: TlsPolicies,
        sessions: Sessions,
        signer: Signer,
        bodies: Bodies,
        queue: Queue,
        settlement: Settlement,
        database: Database,
        settings: CurrentSettings,
        clock: Callable[[], float] = time,
    ) -> None:
        self._ways = ways
        self._finder = finder
        self._policies = policies
        self._sessions = sessions
        self._signer = signer
        self._bodies = bodies
        self._queue = queue
        self._settlement = settlement
        self._database = database
        self._settings = settings
        self._clock = clock

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        """Deliver rows of one message and one destination, and settle each of them. Raises DatabaseUnavailable."""
        way, there, results = await self._ways_of(leases)
        if way is None or not there:
            await self._settle(results, 0, 0)
            return Feedback(well=True)
        if not way.retrying:
            await self._database.run(self._hold, there, HOLD_ROUTE, "it waits until it is asked for (ETRN)")
            await self._settle(results, 0, 0)
            return Feedback(well=True)
        keeper = LeaseKeeper(
            [*there, *(result.lease for result in results)],
            database=self._database,
            queue=self._queue,
            clock=self._clock,
        )
        async with keeper:
            found, feedback = await self._attempt(way, there, keeper)
            if feedback.well:
                answered()
            await self._settle(results + found, way.tries, way.minutes)
        if len(there) == len(leases) == len(found) and all(each.state != "deferred" for each in found):
            return replace(feedback, waits=False)
        return feedback

    async def _settle(self, results: list[Result], tries: int, minutes: int) -> None:
        """Write the results down. Somebody may have said 250 and would get the message twice, so this is tried until
        the database is back. It never does harm: rows that others have by then are left alone."""
        pause = FIRST_PAUSE
        while results:
            try:
                return await self._settlement.settle(results, tries=tries, minutes=minutes)
            except DatabaseUnavailable as problem:
                log.warning("remote.unsettled", reason=str(problem), trace=results[0].lease.message.trace)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    # ------------------------------------------------------------------ where to

    async def _ways_of(self, leases: Sequence[Lease]) -> tuple[Way | None, list[Lease], list[Result]]:
        """The way of today for the rows that still belong to their destination; results of those that lead nowhere.
        Rows that lead elsewhere by now are given back to their new destination, rows of another way to the same place
        (a route may demand more for some recipients of a domain) for the next attempt."""
        there: list[Lease] = []
        others: list[Lease] = []
        results: list[Result] = []
        moved: list[tuple[Lease, str]] = []
        way: Way | None = None
        for lease in leases:
            found = await self._way(lease)
            if isinstance(found, Refusal):
                state: State = "deferred" if found.temporary else "failed"
                results.append(Result(lease, state, Said(found.code, found.enhanced, found.text)))
            elif found.destination != lease.recipient.destination:
                moved.append((lease, found.destination))
            elif way is not None and found != way:
                others.append(lease)
            else:
                way = found
                there.append(lease)
        if moved:
            await self._database.run(self._move, moved)
        if others:
            await self._database.run(self._give_back, others)
        return way, there, results

    async def _way(self, lease: Lease) -> Way | Refusal:
        message = lease.message
        try:
            recipient = parse_address(lease.recipient.recipient)
        except ValueError as problem:
            return Refusal(550, "5.1.3", f"The recipient is no address: {problem}")
        sender: Address | None = None
        if message.sender:
            try:
                sender = parse_address(message.sender)
            except ValueError:
                pass  # it was taken: no route of senders is for it
        return await self._ways.way(recipient, sender, message.account_id)

    def _move(self, tx: Transaction, moved: Sequence[tuple[Lease, str]]) -> None:
        for lease, destination in moved:
            self._queue.move(tx, lease, destination)

    def _give_back(self, tx: Transaction, leases: Sequence[Lease]) -> None:
        for lease in leases:
            self._queue.retry(tx, lease, self._clock(), lease.recipient.reason, tried=False)

    def _hold(self, tx: Transaction, leases: Sequence[Lease], why: str, reason: str) -> None:
        for lease in leases:
            self._queue.hold(tx, lease, reason, why)

    # ------------------------------------------------------------------ the attempt

    async def _attempt(
        self, way: Way, leases: Sequence[Lease], keeper: LeaseKeeper
    ) -> tuple[list[Result], Feedback]:
        first = leases[0]
        try:
            body = self._bodies.read(first.message.body)
        except BodyMissing:
            await self._database.run(self._hold, leases, HOLD_ADMIN, "its content is missing")
            return [], Feedback(well=True)
        attempt = Attempt(way, list(leases))
        parcel = parcel_of(first.message, tuple(leases), await self._signer.sign(first, body), body)
        parcel = replace(parcel, hold=keeper)
        try:
            async with keeper.deadline:
                if way.protocol == "pipe":
                    await self._run_commands(attempt, parcel)
                else:
                    await self._ask_hosts(attempt, parcel)
        except TimeoutError:
            attempt.note(Said(0, "4.4.7", "The attempt took too long and was broken off"))
        except DatabaseUnavailable:
            raise
        except Exception as failure:
            log.exception("remote.broke", trace=first.message.trace, destination=way.destination)
            attempt.note(Said(0, "4.3.0", f"Internal error here ({type(failure).__name__})"))
            attempt.sessions += 1  # nothing is known of the destination
        step("queue.answered")
        return self._finished(attempt), self._feedback(attempt)

    def _finished(self, attempt: Attempt) -> list[Result]:
        said = attempt.last or Said(0, "4.4.1", "No host could be asked")
        state: State = "failed" if said.code >= 500 else "deferred"
        return attempt.done + [Result(lease, state, said) for lease in attempt.left]

    def _feedback(self, attempt: Attempt) -> Feedback:
        if attempt.sessions:
            return Feedback(well=not attempt.slow, slow=attempt.slow, said=attempt.last)
        permanent = attempt.last is not None and attempt.last.code >= 500
        return Feedback(well=permanent, slow=attempt.slow, down=not permanent, said=attempt.last)

    async def _run_commands(self, attempt: Attempt, parcel: Parcel) -> None:
        """Give it to the command of a pipe route, for one recipient after the other."""
        attempt.sessions = 1
        for lease in parcel.leases:
            if not parcel.hold.holds():
                raise TimeoutError
            parcel.hold.sent()
            try:
                found = await run_command(attempt.way, replace(parcel, leases=(lease,)), self._settings.now)
            finally:
                parcel.hold.answered()
            attempt.done += found
            attempt.left.remove(lease)

    async def _ask_hosts(self, attempt: Attempt, parcel: Parcel) -> None:
        """Ask host after host until each row has an answer."""
        found = await self._finder.find(attempt.way)
        if found.trouble is not None:
            attempt.note(found.trouble)
            return
        most = self._settings.now[SESSIONS_PER_ATTEMPT]
        for host in found.hosts:
            wanted = any(lease.message.require_tls for lease in attempt.left)
            if parcel.tls_optional and not wanted and _by_domain(attempt.way):
                policy: TlsPolicy | Said = self._undemanding()
            else:
                policy = await self._policies.policy(attempt.way, host, require_tls=wanted)
            if isinstance(policy, Said):
                attempt.note(policy)
                continue
            await self._ask_host(attempt, parcel, host, policy)
            if not attempt.left or attempt.sessions >= most:
                return

    def _undemanding(self) -> TlsPolicy:
        """TLS where it works, whatever the recipient's domain demands (RFC 8689 5); our own setting holds."""
        if self._settings.now[tls_out.DEFAULT] == "encrypt":
            return TlsPolicy("encrypt", source="setting")
        return TlsPolicy("may")

    async def _ask_host(self, attempt: Attempt, parcel: Parcel, host: Host, policy: TlsPolicy) -> None:
        """Ask one host, by the first of its addresses that answers."""
        for address in host.addresses:
            try:
                session = await self._sessions.take(Call(attempt.way, host, address, policy))
            except ConnectFailed as failure:
                attempt.note(_required(attempt, failure.said))
                attempt.slow = attempt.slow or failure.slow
                continue
            attempt.sessions += 1
            most = attempt.way.batch or self._settings.now[RECIPIENTS]
            try:
                waiting = attempt.left
                while waiting:
                    batch, waiting = waiting[:most], waiting[most:]
                    results = await session.send(replace(parcel, leases=tuple(batch)))
                    self._take(attempt, results)
                    if any(_broken(result) for result in results):
                        break
            finally:
                self._sessions.give_back(session)
            return

    def _take(self, attempt: Attempt, results: Sequence[Result]) -> None:
        """Keep what is settled; what another host may still take stays left."""
        for result in results:
            if _elsewhere(result):
                attempt.note(result.said)
                attempt.slow = attempt.slow or result.said.code == 421
                continue
            attempt.done.append(result)
            attempt.left = [lease for lease in attempt.left if lease.id != result.lease.id]


def _by_domain(way: Way) -> bool:
    """Whether only the recipient's domain may demand TLS, and no route of ours does."""
    return not way.targets and way.security == "may"


def _elsewhere(result: Result) -> bool:
    """Whether another host may still take it: after a temporary failure, or where this one lacks REQUIRETLS
    (RFC 8689 4.2.1)."""
    if result.state == "failed":
        return result.said.status == NO_REQUIRETLS
    return result.state == "deferred" and result.said.stage != AFTER_DOT


def _required(attempt: Attempt, said: Said) -> Said:
    """Why there is no session. A message for which its sender requires TLS is not kept for better days: where no host
    can be reached that way, the sender is to hear of it now (RFC 8689 4.2.1)."""
    wanted = any(lease.message.require_tls for lease in attempt.left)
    if wanted and said.status == NO_TLS and said.stage == "STARTTLS":
        return replace(said, code=550, status=UNPROTECTED)
    return said


def _broken(result: Result) -> bool:
    """Whether the session cannot go on."""
    return result.state == "deferred" and result.said.code in (0, 421)
