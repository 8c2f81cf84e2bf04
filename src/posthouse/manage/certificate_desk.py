"""Orders certificates and renews them. One worker of all does it at a time; everything it needs to go on after a
crash is in the database before it is needed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from hashlib import sha256

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.versions import bump
from posthouse.manage import certificate_records as records
from posthouse.manage.certificate_account import customer, stranger
from posthouse.manage.certificate_check import check_given
from posthouse.manage.certificate_keeper import CertificateKeeper
from posthouse.manage.certificate_proofs import BoardShower, Ways, ways
from posthouse.manage.certificate_rows import TOPIC, Row, claim, issued, live, one, purge
from posthouse.manage.certificate_words import mend_for, sentence
from posthouse.manage.errors import Kind, ManageError
from posthouse.net.acme import renewal
from posthouse.net.acme.client import AcmeClient
from posthouse.net.acme.contract import Shower
from posthouse.net.acme.errors import AcmeError
from posthouse.net.acme.keys import make_key
from posthouse.net.acme.order import ORDER_SECONDS, obtain
from posthouse.observe.log import logger
from posthouse.settings import certificates as settings_certificates
from posthouse.settings.config import Listener
from posthouse.settings.contract import CurrentSettings, Settings

log = logger("certificates")

Tell = Callable[[str], Awaitable[None]]
Authority = Callable[[Settings], AbstractAsyncContextManager[AcmeClient]]

CLAIM_SECONDS = 4 * ORDER_SECONDS
"""How long a worker may be at an order (all ways of proof) before another takes it for dead."""

CLOSE_SECONDS = 5.0
"""How long an order may take to take its proofs away when the server stops."""

LATEST = 0.1
"""An authority that suggests a later renewal than at this part of the lifetime left is not followed."""

_ABOUT_PROOF = frozenset(
    ("challenge", "connection", "dns", "incorrectResponse", "tls", "unauthorized", "compound", "caa")
)
"""Kinds of failures after which another way of proof may still work."""

_TEMPORARY = frozenset(("unreachable", "serverInternal", "rateLimited", "timeout", "badNonce"))


@dataclass(slots=True)
class _Running:
    """An order under way, and those who want to hear how it goes."""

    task: asyncio.Task[None]
    listeners: list[asyncio.Queue[str]] = field(default_factory=list)


class CertificateDesk:
    """``owner`` names this worker, the same again after a crash. ``listeners`` gives the open ones: by them it is
    known which proofs can be shown. ``unknown`` reaches the authority without an account."""

    def __init__(
        self,
        *,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        keeper: CertificateKeeper,
        listeners: Callable[[], Sequence[Listener]],
        owner: str,
        unknown: Authority = stranger,
        dice: random.Random | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._listeners = listeners
        self._holder = sha256(owner.encode()).hexdigest()
        self._unknown = unknown
        self._dice = dice or random.SystemRandom()
        self._clock = clock
        self._running: dict[int, _Running] = {}
        self.keeper = keeper

    # ------------------------------------------------------------------ what others call

    async def order(self, row_id: int, tell: Tell) -> None:
        """Order the certificate of this row now; returns when it is in use. If that is going on already, wait for it.
        It goes on when the caller is gone. Raises ManageError when there is none in the end, and whatever ``tell``
        raises."""
        running = self._running.get(row_id)
        if running is None:
            heard: list[asyncio.Queue[str]] = []
            task = asyncio.create_task(self._attempt(row_id, heard), name=f"certificate-{row_id}")
            running = self._running[row_id] = _Running(task, heard)
            task.add_done_callback(lambda done: self._ended(row_id, done))
        mine: asyncio.Queue[str] = asyncio.Queue()
        running.listeners.append(mine)
        try:
            await _listen(running.task, mine, tell)
        finally:
            running.listeners.remove(mine)
        await asyncio.shield(running.task)

    async def look(self) -> None:
        """Ask the authority when to renew, where that is due, and do the orders that are due."""
        now = self._clock()
        await self._database.run(purge, now)
        rows = [row for row in await self._database.scan(live) if row.kind == "acme"]
        await self._ask_when([row for row in rows if row.chain and row.look_at <= now < row.not_after])
        for row in await self._database.scan(live):
            if 0 < row.due_at <= now:
                try:
                    await self.order(row.id, _nobody)
                except ManageError:
                    pass  # logged, and kept in its row

    def ways(self, hosts: Sequence[str], wanted: str) -> Ways:
        """See :func:`certificate_proofs.ways`."""
        return ways(hosts, wanted, self._settings.now, self._listeners(), self._board)

    async def close(self) -> None:
        """Stop what runs; it goes on after the next start. Proofs are taken away, if that is quickly done."""
        for _ in range(2):
            tasks = [running.task for running in self._running.values()]
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)

    # ------------------------------------------------------------------ one order

    def _board(self, kind: str) -> Shower:
        return BoardShower(kind, self._database, self._feed, self.keeper)

    def _ended(self, row_id: int, task: asyncio.Task[None]) -> None:
        self._running.pop(row_id, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; the log has it, too

    async def _attempt(self, row_id: int, heard: list[asyncio.Queue[str]]) -> None:
        async def tell(text: str) -> None:
            for each in heard:
                each.put_nowait(text)

        if not await self._database.run(claim, row_id, self._holder, self._clock() + CLAIM_SECONDS):
            raise ManageError(
                "unavailable", "Another worker is at this certificate.", "Look again in a minute."
            )
        row = await self._database.read(one, row_id)
        assert row is not None
        log.info("certificate.ordering", certificate=row_id, hosts=row.hosts)
        try:
            chain, key = await self._obtain(row, tell)
            await self._keep(row, chain, key)
        except AcmeError as error:
            await self._failed(row, error)
            kind: Kind = "unavailable" if error.kind in _TEMPORARY else "refused"
            raise ManageError(
                kind, sentence(f"no certificate for {row.hosts}: {error.text}"), mend_for(error.kind)
            ) from None
        except DatabaseUnavailable:
            raise ManageError(
                "unavailable", "The database cannot be reached.", "Check it and try again."
            ) from None
        except Exception:
            log.exception("certificate.broke", certificate=row_id)
            await self._failed(row, AcmeError("failed", "the order failed inside the server; see its log"))
            raise ManageError(
                "failed", "The order failed inside the server.", "The server's log has the details."
            ) from None

    async def _obtain(self, row: Row, tell: Tell) -> tuple[str, str]:
        """Chain and key. Tries each way of proof in turn."""
        now = self._settings.now
        possible = self.ways(row.names, row.order_with or row.challenge)
        if not possible.showers:
            raise AcmeError("noway", "; ".join(possible.reasons))
        troubles: list[AcmeError] = []
        async with customer(self._database, now) as client:
            await tell(f"Ordering from {now[settings_certificates.DIRECTORY]}")
            for shower in possible.showers:
                try:
                    return await self._one_way(client, row, shower, tell)
                except AcmeError as error:
                    troubles.append(error)
                    if error.kind not in _ABOUT_PROOF:
                        break
                    await tell(f"{shower.kind} did not work: {error.text}")
                    row = await self._again(row)
        if len(troubles) == 1:
            raise troubles[0]
        texts = "; ".join(error.text for error in troubles)
        raise AcmeError(troubles[-1].kind, texts, max(error.retry_after for error in troubles))

    async def _again(self, row: Row) -> Row:
        found = await self._database.read(one, row.id)
        return row if found is None else found

    async def _one_way(self, client: AcmeClient, row: Row, shower: Shower, tell: Tell) -> tuple[str, str]:
        same = row.order_with == shower.kind and bool(row.order_key)
        kind = self._settings.now[settings_certificates.KEY_KIND]
        key = row.order_key if same else await asyncio.to_thread(make_key, kind)

        async def remember(url: str) -> None:
            values = {"of_id": row.id, "url": url, "key": key, "with_kind": shower.kind}
            await self._database.run(lambda tx: tx.change(records.UNDER_WAY, values))

        replaces = renewal.certificate_name(row.chain) if row.chain and client.tells_renewal else ""
        chain = await obtain(
            client,
            row.names,
            key,
            shower,
            former=row.order_url if same else "",
            replaces=replaces,
            remember=remember,
            tell=tell,
        )
        return chain, key

    async def _keep(self, row: Row, chain: str, key: str) -> None:
        """Check what the authority has sent, store it, and take it into use."""
        try:
            usable = await asyncio.to_thread(check_given, chain, key)
        except ManageError as error:
            raise AcmeError("answer", f"the authority's certificate cannot be used ({error.what})") from None
        facts = usable.facts
        if missing := set(row.names) - set(facts.hosts):
            names = ", ".join(sorted(missing))
            raise AcmeError("answer", f"the authority's certificate is not for {names}")
        lifetime = (facts.not_before, facts.not_after)
        renew_at = renewal.by_lifetime(*lifetime, self._dice)

        def op(tx: Transaction) -> None:
            issued(
                tx,
                self._feed,
                row.id,
                chain=usable.chain,
                key=usable.key,
                lifetime=lifetime,
                renew_at=renew_at,
            )
            about = {"certificate": row.id, "hosts": list(row.names), "ends": facts.not_after}
            events.write(tx, [events.Fact("certificate.renewed", about)])

        await self._database.run(op)
        await self.keeper.load()
        log.info("certificate.issued", certificate=row.id, hosts=row.hosts, fingerprint=facts.fingerprint)

    async def _failed(self, row: Row, error: AcmeError) -> None:
        pause = renewal.pause(row.failures + 1, error.retry_after, self._dice)
        now = self._clock()
        log.warning(
            "certificate.failed",
            certificate=row.id,
            hosts=row.hosts,
            reason=error.text,
            again_in=round(pause),
        )

        def op(tx: Transaction) -> None:
            tx.change(records.FAILED, {"of_id": row.id, "at": now, "error": error.text, "again": now + pause})
            about = {"certificate": row.id, "hosts": list(row.names), "error": error.text}
            events.write(tx, [events.Fact("certificate.failed", about)])
            bump(tx, TOPIC, self._feed)

        try:
            await self._database.run(op)
        except DatabaseUnavailable as problem:
            log.warning("certificate.not_noted", certificate=row.id, reason=str(problem))

    # ------------------------------------------------------------------ when to renew

    async def _ask_when(self, rows: Sequence[Row]) -> None:
        """Ask the authority when these are to be renewed (ARI, RFC 9773)."""
        if not rows:
            return
        try:
            async with self._unknown(self._settings.now) as client:
                for row in rows:
                    await self._ask_one(client, row)
        except AcmeError as error:
            log.info("certificate.renewal_unknown", reason=error.text)
            for row in rows:
                await self._look_again(row, renewal.until_next_look(error.retry_after))

    async def _ask_one(self, client: AcmeClient, row: Row) -> None:
        name = renewal.certificate_name(row.chain) if client.tells_renewal else ""
        if not name:
            await self._look_again(row, renewal.LOOK_SECONDS)
            return
        try:
            begin, end, retry_after, reason = await client.renewal_info(name)
        except AcmeError as error:
            log.info("certificate.renewal_unknown", certificate=row.id, reason=error.text)
            await self._look_again(row, renewal.until_next_look(error.retry_after))
            return
        chosen = row.renew_at
        if (begin, end) != (row.window_begin, row.window_end):
            latest = row.not_after - LATEST * (row.not_after - row.not_before)
            chosen = min(renewal.in_window(begin, end, self._dice), latest)
            log.info(
                "certificate.renewal_window",
                certificate=row.id,
                begin=begin,
                end=end,
                at=chosen,
                reason=reason,
            )
        values = {
            "of_id": row.id,
            "begin": begin,
            "end": end,
            "renew": chosen,
            "look": self._clock() + renewal.until_next_look(retry_after),
        }
        await self._database.run(lambda tx: tx.change(records.WINDOW, values))

    async def _look_again(self, row: Row, seconds: float) -> None:
        values = {"of_id": row.id, "look": self._clock() + seconds}
        await self._database.run(lambda tx: tx.change(records.LOOK_LATER, values))


async def _nobody(text: str) -> None:
    """Hears nothing."""


async def _listen(task: asyncio.Task[None], mine: asyncio.Queue[str], tell: Tell) -> None:
    """Pass on what is said until the task ends."""
    while True:
        getting = asyncio.ensure_future(mine.get())
        try:
            await asyncio.wait((getting, task), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                return
            text = getting.result()
        finally:
            getting.cancel()
        await tell(text)
