"""Which MTA-STS policy is in force for a domain: kept in the database, fetched anew when it changes or grows old."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from posthouse.database.contract import Database, Row, Transaction
from posthouse.deliver import mta_sts_records as records
from posthouse.deliver.remote.mta_sts import StsPolicy, ident_of
from posthouse.deliver.remote.mta_sts_fetch import FetchFailed, PolicyFetcher
from posthouse.net.dns import Resolver
from posthouse.observe.log import logger

log = logger("deliver.mta_sts")

AGAIN = 300.0
"""Seconds between two attempts to fetch a policy of one domain (RFC 8461 3.3)."""

DAY = 86_400.0
UNUSED_DAYS = 30
"""Policies of domains that got no mail for so long are not fetched anew until they get some."""

_MOST_KNOWN = 5000
_ROUND = 200
_REFRESH_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sts:
    """What holds for a domain. ``policy`` is None without one in force. ``failure`` (of RFC 8460 4.3.2.2) and
    ``reason`` say what is wrong with what the domain publishes, "" when nothing is."""

    policy: StsPolicy | None = None
    failure: str = ""
    reason: str = ""
    tried_at: float = 0.0
    used_at: float = 0.0


class StsPolicies:
    """Safe from any task of one event loop. All methods raise DatabaseUnavailable."""

    def __init__(
        self,
        database: Database,
        resolver: Resolver,
        fetcher: PolicyFetcher,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._resolver = resolver
        self._fetcher = fetcher
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Sts]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Sts]] = {}

    async def of(self, domain: str) -> Sts:
        """What holds for a domain (A-labels, lower case) now. A policy in force stays so when its record is gone or
        a new one cannot be had (RFC 8461 3.1, 5.1)."""
        text = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        ident = ident_of(text.rows)
        known = await self._stored(domain)
        now = self._clock()
        in_force = known.policy is not None and known.policy.ends_at > now
        if not ident or (in_force and known.policy is not None and known.policy.ident == ident):
            return known if in_force else Sts()
        if now - known.tried_at < AGAIN and known.failure:
            return known if in_force else replace(known, policy=None)
        return await self._fetched(domain, ident)

    async def refresh(self) -> int:
        """Fetch policies anew that were last fetched a day ago, so that none runs out while its domain still has it
        (RFC 8461 10.2); remove what is over. Returns how many were fetched."""
        now = self._clock()
        while await self._database.run(_remove_over, now):
            pass
        stale = await self._database.scan(_stale, now)
        places = asyncio.Semaphore(_REFRESH_AT_ONCE)

        async def one(domain: str) -> None:
            async with places:
                ident = ident_of((await self._resolver.ask(f"_mta-sts.{domain}", "TXT")).rows)
                if ident:
                    await self._fetched(domain, ident)
                else:
                    await self._write(domain, replace(await self._stored(domain), tried_at=now))

        await asyncio.gather(*(one(domain) for domain in stale))
        return len(stale)

    def forget(self, domain: str) -> None:
        """Drop what this process remembers; the row is the caller's to remove."""
        self._known.pop(domain, None)

    # ------------------------------------------------------------------ inside

    async def _stored(self, domain: str) -> Sts:
        now = self._clock()
        known = self._known.get(domain)
        if known is not None and known[0] > now:
            return known[1]
        rows = await self._database.read(_read, domain)
        found = of_row(rows[0]) if rows else Sts()
        if found.policy is not None and found.used_at < now - DAY:
            await self._database.run(_used, domain, now)
            found = replace(found, used_at=now)
        return self._remember(domain, found)

    def _remember(self, domain: str, found: Sts) -> Sts:
        self._known[domain] = (self._clock() + AGAIN, found)
        self._known.move_to_end(domain)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return found

    async def _fetched(self, domain: str, ident: str) -> Sts:
        """Fetch, or wait for whoever does."""
        task = self._under_way.get(domain)
        if task is None:
            task = asyncio.create_task(self._fetch(domain, ident))
            self._under_way[domain] = task
        return await asyncio.shield(task)

    async def _fetch(self, domain: str, ident: str) -> Sts:
        try:
            now = self._clock()
            known = await self._stored(domain)
            try:
                policy = await self._fetcher.fetch(domain, ident, now)
                found = Sts(policy, tried_at=now, used_at=max(known.used_at, 0.0) or now)
            except FetchFailed as error:
                log.info("mta_sts.not_fetched", domain=domain, failure=error.failure, reason=str(error))
                kept = known.policy if known.policy is not None and known.policy.ends_at > now else None
                found = Sts(kept, error.failure, str(error), now, known.used_at or now)
            await self._write(domain, found)
            return found
        finally:
            self._under_way.pop(domain, None)

    async def _write(self, domain: str, found: Sts) -> None:
        await self._database.run(_write, domain, found)
        self._remember(domain, found)


def of_row(row: Row) -> Sts:
    """As it is kept."""
    _, ident, mode, hosts, max_age, fetched_at, _, tried_at, used_at, failure, trouble = row
    policy = None
    if mode:
        policy = StsPolicy(mode, tuple(hosts.split()), int(max_age), ident, float(fetched_at))
    return Sts(policy, failure, trouble, float(tried_at), float(used_at))


def _read(tx: Transaction, domain: str) -> list[Row]:
    return tx.execute(records.SELECT, {"of_domain": domain})


def _write(tx: Transaction, domain: str, found: Sts) -> None:
    policy = found.policy
    values: dict[str, Any] = {
        "ident": policy.ident if policy else "",
        "mode": policy.mode if policy else "",
        "hosts": " ".join(policy.hosts) if policy else "",
        "max_age": policy.max_age if policy else 0,
        "fetched_at": policy.fetched_at if policy else 0.0,
        "ends_at": policy.ends_at if policy else 0.0,
        "tried_at": found.tried_at,
        "used_at": found.used_at,
        "failure": found.failure,
        "trouble": found.reason[:1000],
    }
    tx.upsert(records.sts_policies, {"domain": domain}, values)


def _used(tx: Transaction, domain: str, now: float) -> None:
    tx.change(records.USED, {"of_domain": domain, "now": now})


def _stale(tx: Transaction, now: float) -> list[str]:
    wanted = {
        "tried_before": now - DAY,
        "now": now,
        "used_after": now - UNUSED_DAYS * DAY,
        "count": _ROUND,
    }
    return [row[0] for row in tx.execute(records.SELECT_STALE, wanted)]


def _remove_over(tx: Transaction, now: float) -> int:
    wanted = {"now": now, "tried_before": now - UNUSED_DAYS * DAY, "count": _ROUND}
    over = tx.execute(records.SELECT_OVER, wanted)
    for (domain,) in over:
        tx.change(records.DELETE, {"of_domain": domain})
    return len(over)


def forget(tx: Transaction, domain: str) -> bool:
    """Remove what is kept of a domain; False when there was nothing."""
    return bool(tx.change(records.DELETE, {"of_domain": domain}))
