"""Getting a list of networks from its file or URL: bounded in size and time, and only when it changed.

The place may be wrong, slow, huge or hostile. No complaint repeats what stands there.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
from dataclasses import dataclass

import httpx2

from posthouse import __version__
from posthouse.deliver.webhook_address import Forbidden, Resolve, allowed, system_resolve
from posthouse.directory.network_lists import is_url
from posthouse.settings import blocklists as settings_blocklists
from posthouse.settings.contract import Settings

MOST_REDIRECTS = 5
_PACE = 3
"""Addresses of one host that are tried."""
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_MARK = 1000
"""Characters of an ETag or a date that are remembered; longer ones are not."""


class Unfetched(Exception):
    """The list could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was there. ``data`` is None where it has not changed since ``etag`` and ``modified``."""

    data: bytes | None
    etag: str = ""
    modified: str = ""


async def fetch(
    place: str, etag: str, modified: str, settings: Settings, resolve: Resolve = system_resolve
) -> Fetched:
    """Get a list; ``etag`` and ``modified`` are those of the copy that is there, "" for none. Raises Unfetched."""
    most = settings[settings_blocklists.LARGEST]
    try:
        if not is_url(place):
            return await asyncio.to_thread(_read_file, place, etag, most)
        async with asyncio.timeout(settings[settings_blocklists.TIME]):
            return await _get(place, etag, modified, settings, resolve)
    except TimeoutError:
        seconds = settings[settings_blocklists.TIME]
        raise Unfetched(f"it was not there within {seconds:g} seconds") from None
    except Forbidden as problem:
        told = str(problem).replace("webhooks.allow_private", settings_blocklists.ALLOW_PRIVATE.name)
        raise Unfetched(told) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as problem:
        raise Unfetched(_reason(problem)) from None


def _read_file(path: str, known: str, most: int) -> Fetched:
    """A regular file. Raises OSError and Unfetched."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(opened, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise Unfetched("it is no file")
        version = f"{state.st_ino}-{state.st_size}-{state.st_mtime_ns}"
        if version == known:
            return Fetched(None, version)
        data = file.read(most + 1)
    if len(data) > most:
        raise Unfetched(_too_large(most))
    return Fetched(data, version)


async def _get(place: str, etag: str, modified: str, settings: Settings, resolve: Resolve) -> Fetched:
    headers = {"User-Agent": f"Posthouse/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    context = ssl.create_default_context(cafile=settings[settings_blocklists.CA_FILE] or None)
    url = httpx2.URL(place)
    for _ in range(MOST_REDIRECTS + 1):
        found = await _ask(url, headers, context, settings, resolve)
        if isinstance(found, Fetched):
            return found
        following = url.join(found)
        if following.scheme not in ("http", "https") or (url.scheme == "https" != following.scheme):
            raise Unfetched("it is redirected away from https")
        url = following
    raise Unfetched("it is redirected too often")


async def _ask(
    url: httpx2.URL, headers: dict[str, str], context: ssl.SSLContext, settings: Settings, resolve: Resolve
) -> Fetched | str:
    """The answer of one place, or where it redirects to. Only addresses are asked that were checked."""
    host = url.raw_host.decode("ascii").strip("[]")
    try:
        found = await resolve(host)
    except OSError as problem:
        raise Unfetched(f"no address is found for {host} ({_reason(problem)})") from None
    addresses = allowed(host, found, private=settings[settings_blocklists.ALLOW_PRIVATE])[:_PACE]
    most = settings[settings_blocklists.LARGEST]
    for address in addresses[:-1]:
        try:
            return await _ask_at(url, host, address, headers, context, most)
        except httpx2.ConnectError:
            continue
    return await _ask_at(url, host, addresses[-1], headers, context, most)


async def _ask_at(
    url: httpx2.URL, host: str, address: str, headers: dict[str, str], context: ssl.SSLContext, most: int
) -> Fetched | str:
    async with (
        httpx2.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=None) as client,
        client.stream(
            "GET",
            url.copy_with(host=address),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        ) as response,
    ):
        status = response.status_code
        if status in _REDIRECTS and response.headers.get("Location"):
            return str(response.headers["Location"])[:2000]
        if status == 304 and ("If-None-Match" in headers or "If-Modified-Since" in headers):
            return Fetched(None)
        if status != 200:
            raise Unfetched(f"the answer is {status}")
        if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise Unfetched("the answer is compressed although that was not asked for")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > most:
                raise Unfetched(_too_large(most))
        if not body:
            raise Unfetched("the answer is empty")
        return Fetched(
            bytes(body), _mark(response.headers.get("ETag")), _mark(response.headers.get("Last-Modified"))
        )


def _mark(value: str | None) -> str:
    """What is said again at the next request."""
    if value is None or len(value) > _LONGEST_MARK or not value.isascii() or not value.isprintable():
        return ""
    return value


def _too_large(most: int) -> str:
    return f"it is larger than {most} bytes (setting blocklists.largest)"


def _reason(problem: Exception) -> str:
    """In one line, without what strangers could put into it at length."""
    text = str(problem) or type(problem).__name__
    if isinstance(problem, OSError) and problem.strerror:
        text = problem.strerror
    return " ".join(text.split())[:300]
