"""The connection to the server: requests with deadlines, safe repetition, errors as exceptions."""

from __future__ import annotations

import ipaddress
import random
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload
from urllib.parse import urlsplit

import httpx2
import msgspec

from posthouse.client.errors import ConnectionLost, TimedOut, UnexpectedAnswer, error_of
from posthouse.client.stream import Download, Stream

__all__ = ["Download", "Link", "Stream", "Tagged"]

T = TypeVar("T")
E = TypeVar("E")

PREFIX = "/api/v1"

Verify = bool | str | Path | ssl.SSLContext
"""How a server's certificate is judged: True as the system does, a PEM file with the certificates to trust, a context
of one's own, or False not at all."""

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_BACKOFF = (0.1, 0.5, 2.0)
"""Seconds between tries of a request whose connection was lost; there is one try more."""


@dataclass(frozen=True)
class Tagged(Generic[T]):
    """A thing with its version: ``etag`` is given as ``if_match`` with a change."""

    value: T
    etag: str


class Link:
    """Asks one server with one token. ``timeout``: seconds to wait for an answer; ``patience``: seconds that one call
    may wait in all when the server asks to slow down. Not to be shared between threads."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        verify: Verify = True,
        timeout: float = 60.0,
        patience: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url = check_url(url)
        self._patience = patience
        self._client = httpx2.Client(
            headers={"authorization": f"Bearer {check_token(token)}", "user-agent": "posthouse-client"},
            verify=_context(verify),
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            follow_redirects=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Link({self.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        if_match: str = "",
        key: str = "",
    ) -> T:
        """Ask, and give the answer as a ``kind``. A POST carries ``key`` as Idempotency-Key, a new one if none is
        given. Raises PosthouseError."""
        headers = {"accept": "application/json"}
        if if_match:
            headers["if-match"] = if_match
        if method == "POST":
            headers["idempotency-key"] = key or str(uuid.uuid4())
        request = self._request(method, path, headers, query, body)
        return _decoded(self._send(request, repeatable=method != "PATCH"), kind)

    def tagged(self, method: str, path: str, kind: type[T]) -> Tagged[T]:
        """Ask for a thing and its version. Raises PosthouseError."""
        request = self._request(method, path, {"accept": "application/json"}, None, None)
        response = self._send(request, repeatable=True)
        return Tagged(_decoded(response, kind), response.headers.get("etag", ""))

    @overload
    def stream(
        self,
        method: str,
        path: str,
        kind: type[T],
        events: tuple[type[E]],
        *,
        query: Mapping[str, Any] | None = ...,
        body: Mapping[str, Any] | None = ...,
    ) -> Stream[E, T]: ...

    @overload
    def stream(
        self,
        method: str,
        path: str,
        kind: type[T],
        events: tuple[type[Any], type[Any], *tuple[type[Any], ...]],
        *,
        query: Mapping[str, Any] | None = ...,
        body: Mapping[str, Any] | None = ...,
    ) -> Stream[Any, T]: ...

    def stream(
        self,
        method: str,
        path: str,
        kind: type[T],
        events: Sequence[type[Any]],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Stream[Any, T]:
        """Ask for something that takes its time and tells what happens. It is not repeated: nobody knows how far it
        came. Raises PosthouseError."""
        request = self._request(method, path, {"accept": "text/event-stream"}, query, body)
        return Stream(self._send(request, repeatable=False, stream=True), kind, events)

    def download(self, method: str, path: str) -> Download:
        """Ask for bytes. Raises PosthouseError."""
        return Download(self._send(self._request(method, path, {}, None, None), repeatable=True, stream=True))

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> httpx2.Request:
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        url = f"{self.url}{PREFIX}{path}"
        return self._client.build_request(method, url, headers=headers, params=_texts(query), content=content)

    def _send(self, request: httpx2.Request, *, repeatable: bool, stream: bool = False) -> httpx2.Response:
        """The answer, if it is a success. After a lost connection what can be repeated is sent again: a POST under
        the same Idempotency-Key is carried out once."""
        limit = time.monotonic() + self._patience
        losses, repeated = 0, False
        while True:
            try:
                response = self._client.send(request, stream=stream)
                if response.is_success:
                    return response
                body = response.read()
                response.close()
            except httpx2.TransportError as error:
                sent = not isinstance(error, _NEVER_SENT)
                if losses >= len(_BACKOFF) or (sent and not repeatable) or time.monotonic() > limit:
                    raise _lost(self.url, error) from error
                repeated = repeated or sent
                time.sleep(_BACKOFF[losses])
                losses += 1
                continue
            wait = _retry_after(response)
            again = response.status_code == 429 or (response.status_code == 409 and wait is not None)
            if again and wait is not None and time.monotonic() + wait < limit:
                # 429: nothing was done. 409 with a time to wait: our first request is still being carried out.
                time.sleep(wait + random.uniform(0, 0.1))  # noqa: S311 - so that several scripts spread
                continue
            raise error_of(response.status_code, body, retry_after=wait, repeated=repeated)


def check_url(url: str) -> str:
    """``https://HOST[:PORT]`` without what may follow. Unencrypted only on this machine: whoever reads the token has
    its rights. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server: give https://HOST.")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("Give the server's address only: https://HOST, or https://HOST:PORT.")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ValueError(f"{url!r} would send the token unencrypted: give https://.")
    return f"{parts.scheme}://{parts.netloc}"


def check_token(token: str) -> str:
    """A token that fits into a header. Raises ValueError, without the token."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("That is no token: `posthouse token add` makes one.")
    return token


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _context(verify: Verify) -> ssl.SSLContext | bool:
    if isinstance(verify, str | Path):
        return ssl.create_default_context(cafile=str(verify))
    return verify


def _texts(query: Mapping[str, Any] | None) -> list[tuple[str, str | int | float | bool | None]] | None:
    if not query:
        return None
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        several = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, str(each).lower() if isinstance(each, bool) else str(each)) for each in several]
    return pairs


def _decoded(response: httpx2.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(
            f"The answer is no {kind.__name__} of Posthouse's API: {error}. "
            "Is this the right server, and the client of its version?"
        ) from None


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _lost(url: str, error: httpx2.TransportError) -> ConnectionLost:
    kind = TimedOut if isinstance(error, httpx2.TimeoutException) else ConnectionLost
    reason = str(error) or type(error).__name__
    return kind(f"No answer from {url}: {reason}")
