"""What every request passes before a page or the API sees it, and every answer on its way out."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posthouse.http import csrf, problem
from posthouse.http.headers import harden
from posthouse.http.names import host_of, is_ours
from posthouse.http.parts import HttpParts
from posthouse.http.rate import Rates
from posthouse.http.well_known import Place
from posthouse.http.who import behind_proxies
from posthouse.manage.identity import LINK_PATH
from posthouse.net.limits import source
from posthouse.net.peer import is_loopback
from posthouse.observe.log import logger
from posthouse.settings import http as settings_http
from posthouse.settings import smtp as settings_smtp
from posthouse.settings.contract import CurrentSettings

log = logger("http")

HEALTH = "/health"

_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{24,}(?=/|\Z)")
MAX_HEAD = 32 * 1024
"""Bytes of a request's head, all headers together."""

SENDING = "/api/v1/messages"
"""The one place where a body may be as large as a message."""


class Doors:
    """The ASGI application that stands before all others.

    ``names`` tells our host names. ``hostname`` tells our own as it is now, and ``secure_port`` where https is (0:
    there is none). ``rates`` counts what is asked at fixed places; pages and API count by themselves.
    """

    def __init__(
        self,
        inner: ASGIApp,
        *,
        parts: HttpParts,
        settings: CurrentSettings,
        names: Callable[[], frozenset[str]],
        hostname: Callable[[], str],
        secure_port: int,
        rates: Rates | None = None,
    ) -> None:
        self._inner = inner
        self._parts = parts
        self._settings = settings
        self._names = names
        self._hostname = hostname
        self._secure_port = secure_port
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        behind = self._see_through_proxies(scope)
        answer = _Answer(scope, send, self._settings.now[settings_http.HSTS])
        try:
            if behind and self._parts.kept_out is not None and self._parts.kept_out(scope["client"][0]):
                await _kept_out()(scope, receive, answer)
            else:
                await self._pass(scope, _Body(receive, self._body_limit(scope)), answer)
        except _TooLarge as error:
            with contextlib.suppress(OSError):
                await self._too_large(error.limit)(scope, receive, answer)
        except OSError:
            pass  # the client is gone
        except Exception:
            log.exception("http.failed", method=scope["method"], path=scope["path"])
            if not answer.status:
                failed = problem.response(
                    500, "Something failed inside the server.", "The server's log has the details."
                )
                await failed(scope, receive, answer)
        finally:
            answer.note()

    def _see_through_proxies(self, scope: Scope) -> bool:
        """Put the visitor's own address and scheme in place; whether there is a proxy between."""
        direct = peer = scope["client"][0] if scope.get("client") else ""
        trusted = _networks(self._settings.now[settings_http.TRUSTED_PROXIES])
        peer, https = behind_proxies(peer, scope["scheme"] == "https", Headers(scope=scope), trusted)
        scope["client"] = (peer, scope["client"][1] if scope.get("client") else 0)
        scope["scheme"] = "https" if https else "http"
        return bool(peer != direct)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        place = self._parts.well_known.find(scope["path"])
        if (unfit := _unfit(scope)) is not None:
            response: ASGIApp = unfit
        elif self._is_plain_stranger(request) and scope["path"] != HEALTH and not (place and place.plain_ok):
            response = self._to_https(scope)
        elif place is not None:
            response = await self._at_place(place, request)
        elif not is_ours(host_of(request.headers.get("host", "")), self._names()):
            response = _misdirected()
        elif scope["method"] not in csrf.SAFE and _is_foreign(request):
            response = _foreign()
        elif (declared := _declared(request)) > (limit := self._body_limit(scope)) or declared < 0:
            response = self._too_large(limit)
        else:
            response = self._inner
        await response(scope, receive, send)

    async def _at_place(self, place: Place, request: Request) -> Response:
        """What answers outside of pages and API; these count by address, in a bucket of their own."""
        peer = request.scope["client"][0]
        wait = self._rates.take(f"place {source(peer)}") if self._rates is not None else 0.0
        return _too_often(wait) if wait else await place.handler(request)

    def _is_plain_stranger(self, request: HTTPConnection) -> bool:
        return request.scope["scheme"] == "http" and not is_loopback(request.scope["client"][0])

    def _to_https(self, scope: Scope) -> Response:
        """To our own name, never to one that the request brought."""
        if not self._secure_port:
            return problem.response(
                403,
                "This server takes unencrypted requests from its own machine only.",
                'Add a [[listener]] with protocol = "http" and tls = "implicit" to posthouse.toml, and use https.',
            )
        port = "" if self._secure_port == 443 else f":{self._secure_port}"
        path = quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
        query = scope["query_string"].decode("ascii", "replace")
        name = self._hostname()
        host = f"[{name}]" if ":" in name else name
        target = f"https://{host}{port}/{path.lstrip('/')}"
        return RedirectResponse(f"{target}?{query}" if query else target, 308)

    def _body_limit(self, scope: Scope) -> int:
        now = self._settings.now
        if scope["path"] == SENDING:
            # base64 and JSON make a message larger by a third and a little.
            return int(now[settings_smtp.MAX_MESSAGE_SIZE] * 1.5) + 64 * 1024
        return now[settings_http.BODY_LIMIT]

    def _too_large(self, limit: int) -> Response:
        return _closing(413, f"The body of the request is larger than {limit} bytes.", "Send less at once.")


class _TooLarge(Exception):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class _Body:
    """The client's side of a request, counted."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._limit:
                raise _TooLarge(self._limit)
        return message


class _Answer:
    """An answer on its way out: hardened, and noted in the log without its query, which may hold secrets."""

    def __init__(self, scope: Scope, send: Send, hsts: int) -> None:
        self._scope = scope
        self._send = send
        self._hsts = hsts
        self._began = time.monotonic()
        self._size = 0
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            harden(MutableHeaders(scope=message), https=self._scope["scheme"] == "https", hsts=self._hsts)
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
        await self._send(message)

    def note(self) -> None:
        """Write the log line; files of the pages' looks are for those who ask for every detail."""
        quiet = self._scope["path"].startswith("/static/") and self.status < 400
        (log.debug if quiet else log.info)(
            "http.request",
            peer=self._scope["client"][0],
            method=self._scope["method"][:20],
            path=_shown(self._scope.get("shown_path", self._scope["path"])),
            status=self.status or "gone",
            size=self._size,
            ms=round((time.monotonic() - self._began) * 1000, 1),
        )


def _shown(path: str) -> str:
    """A path for the log. What follows in a one-time link signs in whoever reads it, and anything that looks like a
    secret may be one, at whatever address it was tried."""
    return f"{LINK_PATH}/..." if path.startswith(f"{LINK_PATH}/") else _SECRET.sub("(secret)", path)[:300]


@lru_cache(maxsize=8)
def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(word) for word in text.replace(",", " ").split())


def _unfit(scope: Scope) -> Response | None:
    """A refusal of what no honest client sends: a body whose length is said in two ways (RFC 9112 6.3: a proxy before
    us may have believed the other one), or a head without end that came in one piece."""
    headers = scope["headers"]
    names = {name for name, _ in headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        return _closing(
            400, "The request says in two ways how long its body is.", "Send Content-Length only."
        )
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size + sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD:
        return _closing(
            431, f"The head of the request is larger than {MAX_HEAD} bytes.", "Send fewer headers."
        )
    return None


def _closing(status: int, detail: str, mend: str) -> Response:
    response = problem.response(status, detail, mend)
    response.headers["connection"] = "close"
    return response


def _declared(request: HTTPConnection) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _is_foreign(request: HTTPConnection) -> bool:
    """A token is not sent by browsers on their own: who holds one may come from anywhere."""
    has_token = request.headers.get("authorization", "").lower().startswith("bearer ")
    return not has_token and csrf.foreign(request)


def _too_often(wait: float) -> Response:
    seconds = str(max(1, int(wait + 0.999)))
    headers = {"retry-after": seconds}
    return problem.response(429, "Too many requests.", f"Wait {seconds} seconds.", headers=headers)


def _kept_out() -> Response:
    return _closing(403, "Connections from your address are not accepted here.", "")


def _misdirected() -> Response:
    return problem.response(
        421,
        "This server does not answer to the host name of the request.",
        "Use its own name, or add the name to the setting http.names.",
    )


def _foreign() -> Response:
    return problem.response(
        403, "This request was made by a page of another site.", "Open the page here and do it again."
    )
