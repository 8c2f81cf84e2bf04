"""One request to the receiver of a webhook: signed, to a checked address, bounded in time and size."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

from posthouse import __version__
from posthouse.deliver.webhook_address import Forbidden, Resolve, allowed, system_resolve
from posthouse.settings import webhooks as settings_webhooks
from posthouse.settings.contract import CurrentSettings

PREFIX = "whsec_"
MOST_READ = 64 * 1024
"""Bytes of an answer that are read; nobody looks at them."""

_PACE = 3
"""Addresses of one host that are tried."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request went. ``status`` is 0 when there was no answer, ``trouble`` then says why. ``retry_after``: the
    seconds that the receiver asks to be left alone, 0 for none."""

    status: int
    seconds: float
    trouble: str = ""
    retry_after: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == 410


def new_secret() -> str:
    """A secret to sign with, in the form of Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def key_of(secret: str) -> bytes:
    """The key within a secret. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is no base64 text") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("must hold 24 to 64 bytes")
    return key


def sign(secret: str, ident: str, timestamp: int, body: bytes) -> str:
    """The value of Webhook-Signature: HMAC-SHA256 over ``id.timestamp.body``."""
    signed = f"{ident}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()


class WebhookSender:
    """Sends; safe from any task. ``resolve`` looks up names, ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        settings: CurrentSettings,
        resolve: Resolve = system_resolve,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._resolve = resolve
        self._clock = clock
        self._trust: tuple[tuple[str, float], ssl.SSLContext] | None = None

    async def send(self, url: str, secret: str, ident: str, body: bytes) -> Answered:
        """Send one body. Never raises for what the receiver or the network do."""
        began = time.monotonic()
        seconds = float(self._settings.now[settings_webhooks.TIMEOUT])
        try:
            async with asyncio.timeout(seconds):
                status, retry_after = await self._send(url, secret, ident, body)
        except TimeoutError:
            return Answered(0, time.monotonic() - began, f"no answer within {seconds:g} seconds")
        except Forbidden as error:
            return Answered(0, time.monotonic() - began, str(error))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as error:
            return Answered(0, time.monotonic() - began, _reason(error))
        passed = time.monotonic() - began
        if 200 <= status < 300:
            return Answered(status, passed)
        return Answered(status, passed, _said(status), retry_after)

    async def _send(self, url: str, secret: str, ident: str, body: bytes) -> tuple[int, float]:
        target = httpx2.URL(url)
        host = target.raw_host.decode("ascii").strip("[]")
        private = self._settings.now[settings_webhooks.ALLOW_PRIVATE]
        try:
            found = await self._resolve(host)
        except OSError as error:
            raise Forbidden(f"no address is found for {host} ({_reason(error)})") from error
        addresses = allowed(host, found, private=private)
        timestamp = int(self._clock())
        headers = {
            "Host": target.netloc.decode("ascii"),
            "User-Agent": f"Posthouse/{__version__}",
            "Content-Type": "application/json",
            "Webhook-Id": ident,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign(secret, ident, timestamp, body),
        }
        for place, address in enumerate(addresses[:_PACE]):
            last = place + 1 == min(len(addresses), _PACE)
            try:
                return await self._post(target, host, address, headers, body)
            except httpx2.ConnectError:
                if last:
                    raise
        raise OSError("it has no address")

    async def _post(
        self, target: httpx2.URL, host: str, address: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, float]:
        """To this very address; the certificate must be the host's. A connection for each request: one that is kept
        would not be checked again."""
        async with (
            httpx2.AsyncClient(
                verify=self._context(),
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # the caller's deadline covers all of it
            ) as client,
            client.stream(
                "POST",
                target.copy_with(host=address),
                headers=headers,
                content=body,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            read = 0
            async for piece in response.aiter_raw():
                read += len(piece)
                if read >= MOST_READ:
                    break
            asked = response.headers.get("Retry-After", "") if response.status_code in (429, 503) else ""
            return response.status_code, retry_after(asked, self._clock())

    def _context(self) -> ssl.SSLContext:
        """Who is trusted; the file is read again when it changes. Raises OSError (also of its making)."""
        path = self._settings.now[settings_webhooks.CA_FILE]
        version = (path, os.stat(path).st_mtime if path else 0.0)
        if self._trust is None or self._trust[0] != version:
            self._trust = (version, ssl.create_default_context(cafile=path or None))
        return self._trust[1]


def retry_after(text: str, now: float) -> float:
    """The seconds a Retry-After asks to wait, given as a number or as a date; 0 for none or nonsense."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def _said(status: int) -> str:
    if 300 <= status < 400:
        return f"the receiver answers {status}: redirects are not followed"
    return f"the receiver answers {status}"


def _reason(error: Exception) -> str:
    """In one line, without what strangers could put into it at length."""
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split())[:300]
