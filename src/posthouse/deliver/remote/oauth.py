"""Access tokens for XOAUTH2: asked for with a refresh token or a client secret (RFC 6749 4.4 and 6), kept until they
end, shared by all workers, asked for anew when a host does not take one.

The authority is reached as receivers of webhooks are: at an address that was checked, without redirects, bounded in
time and size. Nothing of a secret gets into what is said of a failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx2
import msgspec

from posthouse import __version__
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver.remote.contract import Call, ConnectFailed, Session, Sessions
from posthouse.deliver.results import Said
from posthouse.deliver.webhook_address import Forbidden, Resolve, allowed, system_resolve
from posthouse.directory import routes
from posthouse.directory.routes import Route
from posthouse.directory.routes_live import RouteBook
from posthouse.observe.log import logger
from posthouse.route.ways import XOAUTH2
from posthouse.settings import route as settings_route
from posthouse.settings.contract import CurrentSettings

_log = logger("deliver.remote.oauth")

MOST_READ = 64 * 1024
LONGEST_TOKEN = 16 * 1024
BEFORE_END = 60.0
"""Seconds before its end from which a token is not used any more."""
USUAL_LIFE, LONGEST_LIFE = 3600.0, 86400.0
LEFT_ALONE = 30.0
"""Seconds for which an authority that gave no token is not asked again."""


class NoToken(Exception):
    """There is no access token; the text says why."""


class _Answer(msgspec.Struct):
    """What an authority says (RFC 6749 5.1 and 5.2)."""

    access_token: str = ""
    expires_in: float | str = 0.0
    refresh_token: str = ""
    error: str = ""
    error_description: str = ""


@dataclass(slots=True)
class _Kept:
    """What is known of one route's token: the token or why there is none, and until when that holds."""

    fingerprint: str
    until: float
    token: str = ""
    trouble: str = ""


class AccessTokens:
    """Gives tokens; safe from any task. ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        book: RouteBook,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        resolve: Resolve = system_resolve,
        verify: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._database = database
        self._feed = feed
        self._settings = settings
        self._resolve = resolve
        self._verify = verify
        self._clock = clock
        self._kept: dict[int, _Kept] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    async def token(self, route_id: int) -> str:
        """A token of a route that can be used now. Raises NoToken, DatabaseUnavailable."""
        route = await self._route(route_id)
        fingerprint = _fingerprint(route)
        lock = self._locks.setdefault(route_id, asyncio.Lock())
        async with lock:  # those who wait take what the first one gets
            kept = self._kept.get(route_id)
            if kept is None or kept.fingerprint != fingerprint or kept.until <= self._clock():
                kept = await self._get(route, fingerprint)
                self._kept[route_id] = kept
            if not kept.token:
                raise NoToken(kept.trouble)
            return kept.token

    async def refused(self, route_id: int, token: str) -> None:
        """A host did not take this token: forget it, everywhere. Raises DatabaseUnavailable."""
        kept = self._kept.get(route_id)
        if kept is not None and kept.token == token:
            del self._kept[route_id]
            await self._database.run(routes.drop_token, route_id)

    async def _route(self, route_id: int) -> Route:
        for route in await self._book.routes():
            if route.id == route_id and route.mechanism == XOAUTH2:
                return route
        raise NoToken("the route asks for no token any more")

    async def _get(self, route: Route, fingerprint: str) -> _Kept:
        """From the other workers, or from the authority."""
        now = self._clock()
        token, until = await self._database.read(routes.token, route.id, fingerprint)
        if token and until - BEFORE_END > now:
            return _Kept(fingerprint, until - BEFORE_END, token)
        seconds = self._settings.now[settings_route.TOKEN_TIMEOUT]
        try:
            async with asyncio.timeout(seconds):
                answer = await self._ask(route)
        except TimeoutError:
            return self._without(route, fingerprint, f"no answer within {seconds:g} seconds")
        except (Forbidden, NoToken) as problem:
            return self._without(route, fingerprint, str(problem))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as problem:
            return self._without(route, fingerprint, type(problem).__name__)
        until = now + _life(answer.expires_in)
        fresh = await self._database.run(self._keep, route, answer, until)
        _log.info("oauth.token", route=route.id, seconds=int(until - now))
        return _Kept(fresh, max(until - BEFORE_END, now + 1.0), answer.access_token)

    def _without(self, route: Route, fingerprint: str, why: str) -> _Kept:
        _log.warning("oauth.failed", route=route.id, reason=why)
        return _Kept(fingerprint, self._clock() + LEFT_ALONE, trouble=why)

    def _keep(self, tx: Transaction, route: Route, answer: _Answer, until: float) -> str:
        """Write token and, where another one came, refresh token; the fingerprint it is kept under."""
        now = route
        if answer.refresh_token and answer.refresh_token != route.refresh_token:
            changed = replace(route, refresh_token=answer.refresh_token)
            if routes.renew_refresh(tx, route.id, route.refresh_token, answer.refresh_token, self._feed):
                now = changed
        fingerprint = _fingerprint(now)
        routes.keep_token(tx, route.id, answer.access_token, until, fingerprint)
        return fingerprint

    # ------------------------------------------------------------------ asking

    async def _ask(self, route: Route) -> _Answer:
        """Raises NoToken, Forbidden, OSError, ValueError and what httpx2 raises."""
        url = httpx2.URL(route.token_url)
        host = url.raw_host.decode("ascii").strip("[]")
        private = self._settings.now[settings_route.TOKEN_PRIVATE]
        try:
            found = await self._resolve(host)
        except OSError:
            raise Forbidden(f"no address is found for {host}") from None
        try:
            addresses = allowed(host, found, private=private)
        except Forbidden:
            raise Forbidden(
                f"{host} leads to no public address; the setting route.token_allow_private would allow it"
            ) from None
        status, body = await self._post(url, host, addresses[0], urlencode(_form(route)).encode())
        return _read(status, body)

    async def _post(self, url: httpx2.URL, host: str, address: str, form: bytes) -> tuple[int, bytes]:
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"Posthouse/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        verify = self._verify() if self._verify is not None else True
        async with (
            httpx2.AsyncClient(
                verify=verify,  # type: ignore[arg-type]
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # the caller's deadline covers all of it
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                headers=headers,
                content=form,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            body = b""
            async for piece in response.aiter_raw():  # never unpacked: a little may become very much
                body += piece
                if len(body) > MOST_READ:
                    raise NoToken("its answer is too long")
            return response.status_code, body


class TokenSessions:
    """Sessions that sign in with access tokens where a route says so (``contract.Sessions`` over another one). A token
    that a host does not take is asked for anew once."""

    def __init__(self, inner: Sessions, tokens: AccessTokens) -> None:
        self._inner = inner
        self._tokens = tokens

    async def take(self, call: Call) -> Session:
        """A session, an idle one where there is one. Raises ConnectFailed."""
        credentials = call.way.credentials
        if credentials is None or credentials.mechanism != XOAUTH2:
            return await self._inner.take(call)
        for last in (False, True):
            token = await self._token(call)
            way = replace(call.way, credentials=replace(credentials, password=token))
            try:
                return await self._inner.take(replace(call, way=way))
            except ConnectFailed as failure:
                refused = failure.said.stage == "AUTH" and failure.said.code != 0
                if last or not refused:
                    raise
                await self._tokens.refused(call.way.route_id, token)
        raise AssertionError("the second attempt ends it")

    def give_back(self, session: Session) -> None:
        """The transaction is over."""
        self._inner.give_back(session)

    async def close(self) -> None:
        """QUIT everywhere."""
        await self._inner.close()

    async def _token(self, call: Call) -> str:
        try:
            return await self._tokens.token(call.way.route_id)
        except NoToken as problem:
            said = Said(0, "4.7.0", f"There is no access token to sign in with: {problem}", stage="AUTH")
            raise ConnectFailed(replace(said, remote=call.host.name, address=call.address)) from None


def _form(route: Route) -> dict[str, str]:
    form = {"client_id": route.client_id}
    if route.refresh_token:
        form |= {"grant_type": "refresh_token", "refresh_token": route.refresh_token}
    else:
        form |= {"grant_type": "client_credentials"}
    if route.client_secret:
        form["client_secret"] = route.client_secret
    if route.scope:
        form["scope"] = route.scope
    return form


def _read(status: int, body: bytes) -> _Answer:
    """Raises NoToken."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise NoToken(f"the authority answers {status}, and not as OAuth 2 has it") from None
    if status != 200 or answer.error or not answer.access_token:
        words = " ".join(f"{answer.error} {answer.error_description}".split())
        shown = "".join(sign for sign in words if sign.isprintable())[:200]
        raise NoToken(f"the authority answers {status} {shown}".strip())
    token = answer.access_token
    # It becomes part of a line of SASL, where control characters would end a field.
    if len(token) > LONGEST_TOKEN or not all("!" <= sign <= "~" for sign in token):
        raise NoToken("the authority gave what is no token")
    return answer


def _life(given: float | str) -> float:
    """Seconds that a token is good; some authorities write them as a text."""
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:  # (also for what is no number)
        return USUAL_LIFE
    return min(seconds, LONGEST_LIFE)


def _fingerprint(route: Route) -> str:
    """Of all that a token is asked for with."""
    parts = (route.token_url, route.client_id, route.client_secret, route.refresh_token, route.scope)
    return hashlib.sha256(msgspec.json.encode((route.username, *parts))).hexdigest()
