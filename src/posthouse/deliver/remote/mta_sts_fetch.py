"""Fetching a policy of MTA-STS (RFC 8461 3.3): by HTTPS, from a public address, within limits of time and size.

The name is looked up once and the request goes to the address that was checked; redirects are not followed and
nothing is unpacked. So a stranger's domain cannot make this server ask for what only this server can reach.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal

import httpx2

from posthouse import __version__
from posthouse.deliver.remote.mta_sts import LARGEST, BadPolicy, StsPolicy, parse
from posthouse.deliver.webhook_address import is_public
from posthouse.net.dns import Resolver

Failure = Literal["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"]
"""Result types of RFC 8460 4.3.2.2."""

SECONDS = 15.0
MOST_ADDRESSES = 3
AT_ONCE = 20


class FetchFailed(Exception):
    """There is no policy to be had; the text says why, ``failure`` in the words of reports."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure: Failure = failure


class PolicyFetcher:
    """Fetches policies; safe from any task. ``context`` (who is trusted), ``port``, ``seconds`` and ``allowed``
    (which addresses may be asked) are what tests change."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | None = None,
        port: int = 443,
        seconds: float = SECONDS,
        allowed: Callable[[str], bool] = lambda address: is_public(ip_address(address)),
    ) -> None:
        self._resolver = resolver
        self._context = context
        self._port = port
        self._seconds = seconds
        self._allowed = allowed
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
        addresses = [each for each in answer.rows if self._allowed(each)][:MOST_ADDRESSES]
        if not addresses:
            raise FetchFailed(
                "sts-policy-fetch-error", f"{host} leads to {answer.rows[0]}, not a public address"
            )
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
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


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
