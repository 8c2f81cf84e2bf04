"""Sends the reports of the days that are over, by mail or by HTTPS (RFC 8460 5)."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import httpx2

from posthouse import __version__
from posthouse.database.contract import Database, DatabaseUnavailable, Row, Transaction
from posthouse.deliver import tls_report_records as records
from posthouse.deliver.remote.policy import Basis
from posthouse.deliver.remote.tls_report import day_of, mail_address, places_of
from posthouse.deliver.remote.tls_report_write import MEDIA_TYPE, Counted, Report, as_mail
from posthouse.deliver.webhook_address import is_public
from posthouse.net.dns import Resolver, ascii_name
from posthouse.observe.log import logger
from posthouse.settings import tls_out as settings_tls_out
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.tls_report")

Send = Callable[[str, bytes], Awaitable[None]]
"""Queue a report: recipient, whole message (CRLF lines). Its sender is the null path and its kind
:data:`posthouse.queue.contract.REPORT`; it is signed on its way like all mail. Raises DatabaseUnavailable."""

SPREAD = 3 * 3600
"""Seconds after midnight (UTC) over which reports go out: not all servers of the world at once (RFC 8460 4.1)."""

KEEP_DAYS = 3
"""After so many days a report that nobody takes is dropped."""

POST_SECONDS = 30.0
_PAGE = 50


class TlsReportSender:
    """``once`` is to be called every hour or so, in one process. ``context``, ``port`` and ``allowed`` are what tests
    change."""

    def __init__(
        self,
        database: Database,
        resolver: Resolver,
        settings: CurrentSettings,
        send: Send,
        hostname: Callable[[], str],
        *,
        clock: Callable[[], float] = time.time,
        context: ssl.SSLContext | None = None,
        allowed: Callable[[str], bool] = lambda address: is_public(ip_address(address)),
    ) -> None:
        self._database = database
        self._resolver = resolver
        self._settings = settings
        self._send = send
        self._hostname = hostname
        self._clock = clock
        self._context = context
        self._allowed = allowed

    async def once(self) -> int:
        """Send what is due; returns how many reports went out. A crash between sending and forgetting sends one
        again, with the same report id. Raises DatabaseUnavailable."""
        day, domain, sent = "", "", 0
        while True:
            due = await self._database.scan(_due, day_of(self._clock()), day, domain)
            for day, domain in due:
                if await self._report(day, domain):
                    sent += 1
            if len(due) < _PAGE:
                return sent

    async def _report(self, day: str, domain: str) -> bool:
        offset = int.from_bytes(hashlib.sha256(domain.encode()).digest()[:4]) % SPREAD
        if day_of(self._clock() - offset) <= day:
            return False
        wanted = self._settings.now[settings_tls_out.REPORTS]
        answer = await self._resolver.ask(f"_smtp._tls.{domain}", "TXT", fresh=True)
        too_old = day_of(self._clock() - KEEP_DAYS * 86400) >= day
        if answer.state == "failed" and not too_old and wanted:
            return False
        places = places_of(answer.rows) if wanted else ()
        rows = await self._database.scan(_results, day, domain)
        report = self._made(day, domain, rows)
        gone = [await self._to(place, report) for place in places]
        if any(gone) or not places or too_old:
            await self._database.run(_forget, day, domain)
        return any(gone)

    def _made(self, day: str, domain: str, rows: list[Row]) -> Report:
        now = self._settings.now
        host = ascii_name(self._hostname())
        contact = now[settings_tls_out.CONTACT] or f"postmaster@{host}"
        counted = [
            Counted(
                Basis(row[0], tuple(row[1].splitlines()), tuple(row[2].splitlines())),
                row[3],
                row[4],
                row[5],
                int(row[6]),
            )
            for row in rows
        ]
        return Report(domain, day, now[settings_tls_out.ORGANISATION] or host, contact, host, counted)

    async def _to(self, place: str, report: Report) -> bool:
        """Whether a report is on its way there."""
        try:
            if place[:7].lower() == "mailto:":
                address = mail_address(place)
                await self._send(address, as_mail(report, address, self._clock()))
            else:
                async with asyncio.timeout(POST_SECONDS):
                    await self._post(place, report.packed())
        except DatabaseUnavailable:
            raise
        except (
            TimeoutError,
            httpx2.HTTPError,
            httpx2.InvalidURL,
            httpx2.StreamError,
            OSError,
            ValueError,
        ) as error:
            why = " ".join((str(error) or type(error).__name__).split())[:200]
            log.info("tls.report_not_sent", domain=report.domain, place=place[:200], reason=why)
            return False
        log.info("tls.report_sent", domain=report.domain, day=report.day, place=place[:200])
        return True

    async def _post(self, place: str, body: bytes) -> None:
        """To a public address that was looked up once; no redirects. Raises what httpx2 does, OSError, ValueError."""
        url = httpx2.URL(place)
        host = url.raw_host.decode("ascii").strip("[]")
        try:
            addresses: tuple[str, ...] = (str(ip_address(host)),)
        except ValueError:
            addresses = (await self._resolver.addresses(host)).rows
        usable = [each for each in addresses if self._allowed(each)]
        if not usable:
            raise ValueError(f"{host} has no public address")
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"Posthouse/{__version__}",
            "Content-Type": MEDIA_TYPE,
        }
        trust = self._context or ssl.create_default_context()
        async with (
            httpx2.AsyncClient(verify=trust, trust_env=False, follow_redirects=False, timeout=None) as client,
            client.stream(
                "POST",
                url.copy_with(host=usable[0]),
                headers=headers,
                content=body,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            if not 200 <= response.status_code < 300:
                raise ValueError(f"{host} answers {response.status_code}")


def _due(tx: Transaction, today: str, after_day: str, after_domain: str) -> list[tuple[str, str]]:
    found = tx.execute(
        records.SELECT_DUE,
        {"today": today, "after_day": after_day, "after_domain": after_domain, "count": _PAGE},
    )
    return [(row[0], row[1]) for row in found]


def _results(tx: Transaction, day: str, domain: str) -> list[Row]:
    return tx.execute(records.SELECT_RESULTS, {"of_day": day, "of_domain": domain})


def _forget(tx: Transaction, day: str, domain: str) -> None:
    tx.change(records.DELETE_RESULTS, {"of_day": day, "of_domain": domain})
