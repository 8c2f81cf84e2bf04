"""Who asks: the visitor behind a request, and the person or program signed in."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from posthouse.http.headers import cookie_name
from posthouse.manage.context import Actor, Context
from posthouse.manage.identity import BrowserSession, Visitor

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

MAX_SECRET = 512
"""Characters of a cookie or token that are looked at."""


@dataclass(frozen=True, slots=True)
class Asker:
    """``actor`` None: nobody is signed in. ``session`` is the browser's, None for a token. ``bad`` is what was
    brought and did not hold: an old cookie, an unknown token."""

    visitor: Visitor
    actor: Actor | None = None
    session: BrowserSession | None = None
    bad: Literal["", "cookie", "token"] = ""


def is_https(request: HTTPConnection) -> bool:
    """Whether the visitor uses https, as seen behind trusted proxies."""
    return bool(request.scope["scheme"] == "https")


def visitor_of(request: HTTPConnection, face: Literal["web", "api"]) -> Visitor:
    """Where the request comes from. Host and scheme were checked before (``http.doors``)."""
    peer = request.scope["client"][0] if request.scope.get("client") else ""
    agent = request.headers.get("user-agent", "")[:200]
    return Visitor(peer, agent, origin_of(request), face)


def origin_of(request: HTTPConnection) -> str:
    """Our own origin as the browser sees it."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '').lower()}"


async def ask(request: HTTPConnection, context: Context, face: Literal["web", "api"]) -> Asker:
    """Find out who is asking, once per request. A token goes before a cookie; pages take cookies only."""
    known: Asker | None = getattr(request.state, "asker", None)
    if known is None:
        known = await _ask(request, context, face)
        request.state.asker = known
    return known


async def ask_again(request: HTTPConnection, context: Context, face: Literal["web", "api"]) -> Asker:
    """Who it is by now: for answers that take long."""
    return await _ask(request, context, face)


async def _ask(request: HTTPConnection, context: Context, face: Literal["web", "api"]) -> Asker:
    visitor = visitor_of(request, face)
    identity = context.identity
    if identity is None:
        return Asker(visitor)
    token = bearer(request) if face == "api" else None
    if token is not None:
        actor = await identity.by_token(token, visitor) if 0 < len(token) <= MAX_SECRET else None
        return Asker(visitor, actor, bad="" if actor else "token")
    cookie = request.cookies.get(cookie_name(is_https(request)), "")
    if not cookie:
        return Asker(visitor)
    session = await identity.by_cookie(cookie, visitor) if len(cookie) <= MAX_SECRET else None
    return Asker(visitor, session.actor if session else None, session, bad="" if session else "cookie")


def bearer(request: HTTPConnection) -> str | None:
    """The token of ``Authorization: Bearer`` (RFC 6750 2.1); None where that is not used, "" where it is broken."""
    value = request.headers.get("authorization")
    if value is None:
        return None
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def behind_proxies(peer: str, https: bool, headers: Mapping[str, str], trusted: Networks) -> tuple[str, bool]:
    """The real visitor's address and whether it uses https. The list in X-Forwarded-For is read from its end: each
    trusted proxy vouches for the one before it; what stands further left anybody may have written."""
    if not _is_trusted(peer, trusted):
        return peer, https
    proto = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower()
    if proto in ("http", "https"):
        https = proto == "https"
    for word in reversed(headers.get("x-forwarded-for", "").split(",")):
        try:
            peer = str(ipaddress.ip_address(word.strip()))
        except ValueError:
            break
        if not _is_trusted(peer, trusted):
            break
    return peer, https


def _is_trusted(peer: str, trusted: Networks) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in trusted)
