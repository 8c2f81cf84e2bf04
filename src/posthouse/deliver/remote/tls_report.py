"""Results of TLS with other servers, gathered by the day for those domains that want reports (RFC 8460).

Results are noted in memory, and written every few seconds apart from delivery; a crash loses some seconds of them.
Only domains with a record of where reports go are written down.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver import tls_report_records as records
from posthouse.deliver.remote.policy import Basis
from posthouse.net.dns import Resolver
from posthouse.observe.log import logger
from posthouse.settings import tls_out as settings_tls_out
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.tls_report")

FLUSH = 5.0
MOST_WAITING = 5000
MOST_OF_A_DOMAIN = 200
"""Different results of one domain on one day; further ones are not told apart from none."""
MOST_PLACES = 5
_CHUNK = 100
_KNOWN_SECONDS = 3600.0
_MOST_KNOWN = 10_000
_ASKED_AT_ONCE = 20

Key = tuple[str, str, Basis, str, str, str]
"""Day, domain, policy, host, source, result."""

_ADDRESS = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}\Z")


def places_of(rows: tuple[str, ...]) -> tuple[str, ...]:
    """Where a domain wants its reports: ``mailto:`` and ``https:`` addresses in its TXT records (RFC 8460 3), none if
    there is not exactly one record that says so."""
    ours = [row for row in rows if re.match(r"v=TLSRPTv1[ \t]*;", row)]
    if len(ours) != 1 or len(ours[0]) > 4000:
        return ()
    for part in ours[0].split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.strip() == "rua":
            found = [each.strip() for each in value.split(",")]
            return tuple(each for each in found if _is_place(each))[:MOST_PLACES]
    return ()


def _is_place(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or len(text) > 1000:
        return False
    if text[:7].lower() == "mailto:":
        return bool(_ADDRESS.match(mail_address(text)))
    try:
        parts = urlsplit(text)
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def mail_address(place: str) -> str:
    """The address in a ``mailto:``."""
    return unquote(place[7:].partition("?")[0])


class TlsReports:
    """Gathers; a :class:`posthouse.deliver.remote.policy.Reports`."""

    def __init__(
        self,
        database: Database,
        resolver: Resolver,
        settings: CurrentSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._resolver = resolver
        self._settings = settings
        self._clock = clock
        self._waiting: dict[Key, int] = {}
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    def note(self, domain: str, basis: Basis, host: str, result: str, source: str) -> None:
        """One session: ``result`` "" for success. Never raises, never waits."""
        if not self._settings.now[settings_tls_out.REPORTS]:
            return
        day = day_of(self._clock())
        key = (
            day,
            domain[:255],
            basis,
            host[:255] if result else "",
            source[:45] if result else "",
            result[:40],
        )
        if key in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[key] = self._waiting.get(key, 0) + 1

    async def run(self) -> None:
        """Write until cancelled, then what is left."""
        try:
            while True:
                await asyncio.sleep(FLUSH)
                try:
                    await self.flush()
                except DatabaseUnavailable as problem:
                    log.warning("tls.results_unwritable", reason=str(problem))
                except Exception:  # it must not end the worker
                    log.exception("tls.results_unwritable")
        finally:
            try:
                await self.flush()
            except Exception as problem:
                log.warning("tls.results_unwritable", reason=f"{type(problem).__name__}: {problem}")

    async def flush(self) -> None:
        """Write what was gathered of domains that want reports."""
        waiting, self._waiting = self._waiting, {}
        places = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def ask(domain: str) -> tuple[str, bool]:
            async with places:
                return domain, await self._wants(domain)

        wants = dict(await asyncio.gather(*(ask(each) for each in {key[1] for key in waiting})))
        rows = sorted(
            ((key, count) for key, count in waiting.items() if wants[key[1]]), key=lambda each: each[0][:2]
        )
        for start in range(0, len(rows), _CHUNK):
            await self._database.run(_add, rows[start : start + _CHUNK])

    async def _wants(self, domain: str) -> bool:
        now = self._clock()
        known = self._known.get(domain)
        if known is not None and known[0] > now:
            return known[1]
        answer = await self._resolver.ask(f"_smtp._tls.{domain}", "TXT")
        wants = bool(places_of(answer.rows))
        if answer.state != "failed":
            self._known[domain] = (now + _KNOWN_SECONDS, wants)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return wants


def day_of(at: float) -> str:
    """The day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _add(tx: Transaction, rows: list[tuple[Key, int]]) -> None:
    for (day, domain, basis, host, source, result), count in rows:
        lines, hosts = "\n".join(basis.lines), "\n".join(basis.hosts[:50])
        told = "\0".join((basis.kind, lines, hosts, host, source, result))
        digest = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()
        of = {"of_day": day, "of_domain": domain, "of_digest": digest}
        if tx.change(records.ADD, {**of, "more": count}):
            continue
        if tx.execute(records.COUNT_OF, {"of_day": day, "of_domain": domain})[0][0] >= MOST_OF_A_DOMAIN:
            continue
        values = {
            "day": day,
            "domain": domain,
            "digest": digest,
            "kind": basis.kind,
            "lines": lines,
            "hosts": hosts,
            "host": host,
            "source": source,
            "result": result,
            "sessions": 0,
        }
        tx.insert_ignore(records.tls_results, values)  # perhaps another process just did
        tx.change(records.ADD, {**of, "more": count})
