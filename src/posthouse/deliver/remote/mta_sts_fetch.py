"""Fetching a policy of MTA-STS (RFC 8461 3.3): by HTTPS, from a public address (unless ``tls_out.policy_places`` allows
more), within limits of time and size.

The name is looked up once and the request goes to the address that was checked; redirects are not followed and
nothing is unpacked. So a stranger's domain cannot make this server ask for what only this server can reach.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Literal

import httpx2

from posthouse import __version__
from posthouse.deliver.remote.hosts_places import stands
from posthouse.deliver.remote.mta_sts import LARGEST, BadPolicy, StsPolicy, parse
from posthouse.net.dns import Resolver
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.remote import AUTHORITIES
from posthouse.settings.tls_out import POLICY_PLACES

Failure = Literal["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"]
"""Result types of RFC 8460 4.3.2.2."""

SECONDS = 15.0
MOST_ADDRESSES = 3
AT_ONCE = 20
FRESH_SECONDS = 3600.0
"""How long a context is used: the files of authorities change on disk."""


class FetchFailed(Exception):
    """There is no policy to be had; the text says why, ``failure`` in the words of reports."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure: Failure = failure


class PolicyFetcher:
    """Fetches policies; safe from any task. Whom it trusts and which addresses it asks is set (``remote.authorities``,
    ``tls_out.policy_places``); ``port`` and ``seconds`` are what tests change."""

    def __init__(
        self,
        resolver: Resolver,
        settings: CurrentSettings,
        *,
        port: int = 443,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._settings = settings
        self._port = port
        self._seconds = seconds
        self._clock = clock
        self._context: tuple[str, float, ssl.SSLContext] | None = None
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, domain: str, ident: str, now: float) -> StsPolicy:
        """The policy that a domain (A-labels) publishes. Raises FetchFailed."""
        try:
            async with asyncio.timeout(self._seconds), self._places:
                text = await self._text(f"mta-sts.{domain}")
        except TimeoutError:
            reason = f"mta-sts.{domain} took longer than {self._seconds:g} seconds"
            raise FetchFailed("sts-policy-fetch-error", reason) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as error:
            raise _failed(domain, error) from error
        try:
            return parse(text, ident=ident, now=now)
        except BadPolicy as error:
            reason = f"the policy of {domain} is wrong: {error}"
            raise FetchFailed("sts-policy-invalid", reason) from None

    async def _text(self, host: str) -> bytes:
        answer = await self._resolver.addresses(host)
        if not answer.rows:
            raise FetchFailed("sts-policy-fetch-error", f"{host} has no address {answer.reason}".strip())
        places = self._settings.now[POLICY_PLACES]
        addresses = [each for each in answer.rows if stands(each, places)][:MOST_ADDRESSES]
        if not addresses:
            where = (
                "a public address" if places == "public" else "where policies may be (tls_out.policy_places)"
            )
            raise FetchFailed("sts-policy-fetch-error", f"{host} leads to {answer.rows[0]}, not {where}")
        for address in addresses[:-1]:
            try:
                return await self._get(host, address)
            except httpx2.ConnectError as error:
                if _certificate_trouble(error):
                    raise
        return await self._get(host, addresses[-1])

    async def _get(self, host: str, address: str) -> bytes:
        """From this very address; the certificate must be the host's."""
        url = httpx2.URL(f"https://{host}/.well-known/mta-sts.txt").copy_with(host=address, port=self._port)
        headers = {"Host": host, "User-Agent": f"Posthouse/{__version__}", "Accept-Encoding": "identity"}
        async with (
            httpx2.AsyncClient(
                verify=self._trust(), trust_env=False, follow_redirects=False, timeout=None
            ) as client,
            client.stream("GET", url, headers=headers, extensions={"sni_hostname": host}) as response,
        ):
            if response.status_code != 200:
                raise FetchFailed("sts-policy-fetch-error", f"{host} answers {response.status_code}")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "text/plain":
                raise FetchFailed(
                    "sts-policy-invalid", f"{host} sends {kind[:50] or 'no type'}, not text/plain"
                )
            content = bytearray()
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > LARGEST:
                    raise FetchFailed("sts-policy-invalid", f"{host} sends more than {LARGEST} bytes")
            return bytes(content)

    def _trust(self) -> ssl.SSLContext:
        """The public authorities and those of ours, read anew once in a while. Raises OSError."""
        authorities, now = self._settings.now[AUTHORITIES], self._clock()
        known = self._context
        if known is not None and known[0] == authorities and now - known[1] < FRESH_SECONDS:
            return known[2]
        context = ssl.create_default_context()
        if authorities:
            context.load_verify_locations(authorities)
        self._context = authorities, now, context
        return context


def _certificate_trouble(error: BaseException) -> ssl.SSLCertVerificationError | None:
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        seen = seen.__cause__ or seen.__context__ if seen is not None else None
    return None


def _failed(domain: str, error: Exception) -> FetchFailed:
    host = f"mta-sts.{domain}"
    if found := _certificate_trouble(error):
        why = " ".join((found.verify_message or str(found)).split())[:200]
        return FetchFailed("sts-webpki-invalid", f"the certificate of {host} is not good: {why}")
    why = " ".join((str(error) or type(error).__name__).split())[:200]
    return FetchFailed("sts-policy-fetch-error", f"{host} cannot be asked: {why}")
