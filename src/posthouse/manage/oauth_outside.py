"""Access tokens of an outside provider: checked by its keys (RFC 9068, RFC 8725), by asking it (RFC 7662), or both.

Nothing of a token is believed before it is checked, and nothing that was fetched is without bounds. What the provider
does not answer is a temporary failure, never a yes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import time
from typing import Any, TypeGuard, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
import msgspec

from posthouse.manage.identity_oidc import ALGORITHMS as SIGN_ON_ALGORITHMS
from posthouse.manage.identity_oidc import LARGEST_ANSWER, LEEWAY, available
from posthouse.observe.log import logger
from posthouse.settings import oauth as settings_oauth
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.identity import LOOPBACK

T = TypeVar("T")

log = logger("manage.oauth")

ALGORITHMS = (*SIGN_ON_ALGORITHMS, "Ed25519")
"""Signatures by a private key only; EdDSA has a further name since RFC 9864."""
TIMEOUT = 8.0
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 60.0
"""An unknown key makes us fetch the provider's keys again, at most this often."""
PAUSE_SECONDS = 10.0
"""After a failure the provider is left alone for so long."""
MOST_BELIEVED = 5_000
MOST_KEYS = 64


class Refused(Exception):
    """The token proves nothing here; the text is for the log and holds nothing of the token."""


class Away(Exception):
    """The provider cannot be asked now."""


class Metadata(msgspec.Struct, frozen=True):
    """What is used of the provider's discovery document."""

    issuer: str
    jwks_uri: str = ""
    introspection_endpoint: str = ""


class Outside:
    """The provider of the settings, for one worker. Discovery, keys and answers are kept for a while."""

    def __init__(self, settings: CurrentSettings, clock: Callable[[], float] = time) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: tuple[str, float, Metadata] | None = None
        self._keys: tuple[str, float, Any] | None = None
        self._paused: tuple[str, float, str] | None = None
        self._believed: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()

    def ready(self) -> bool:
        """Whether the settings name a provider and for whom its tokens must be made out."""
        now = self._settings.now
        if not now[settings_oauth.PROVIDER] or not now[settings_oauth.PROVIDER_AUDIENCE].split():
            return False
        check = now[settings_oauth.PROVIDER_CHECK]
        if check != "signature" and not now[settings_oauth.PROVIDER_CLIENT_ID]:
            return False
        return check == "introspection" or available()

    async def owner(self, token: str) -> str:
        """The address whose owner holds a token. Raises Refused and Away."""
        now = self._settings.now
        check = now[settings_oauth.PROVIDER_CHECK]
        claims: dict[str, Any] = {}
        if check != "introspection":
            claims = await self._signed(token)
            self._check(claims, now, asked=False)
        if check != "signature":
            told = await self._introspected(token, now)
            self._check(told, now, asked=True)
            claims = {**claims, **told}
        return _address(claims, now)

    async def look(self) -> None:
        """Whether the provider can be asked. Raises Away and Refused with the reason."""
        self._paused = None
        self._metadata = None
        metadata = await self._discover()
        if self._settings.now[settings_oauth.PROVIDER_CHECK] != "introspection":
            await self._key_set(metadata, again=True)
        elif not metadata.introspection_endpoint:
            raise Away("the provider names no introspection endpoint")

    async def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token that is signed by the provider."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        if token.count(".") != 2:
            raise Refused("the token is not signed")
        metadata = await self._discover()
        for again in (False, True):
            keys = await self._key_set(metadata, again=again)
            try:
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                if again:
                    raise Refused(f"the token does not hold: {type(error).__name__}") from None
                continue  # perhaps the provider changed its keys
            if decoded.header.get("typ", "JWT") not in ("JWT", "at+jwt", "application/at+jwt"):
                raise Refused("the token is of another kind")
            if isinstance(decoded.claims, dict):
                return decoded.claims
            break
        raise Refused("the token is not understood")

    async def _introspected(self, token: str, now: Settings) -> dict[str, Any]:
        mark = hashlib.sha256(token.encode()).digest()
        believed, at = now[settings_oauth.PROVIDER_BELIEVED], self._clock()
        known = self._believed.get(mark)
        if known is not None and 0 <= at - known[0] < believed:
            return known[1]
        metadata = await self._discover()
        if not metadata.introspection_endpoint:
            raise Away("the provider names no introspection endpoint")
        client = now[settings_oauth.PROVIDER_CLIENT_ID]
        secret = now[settings_oauth.PROVIDER_CLIENT_SECRET]
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"  # RFC 6749 2.3.1
        headers = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        form = {"token": token, "token_type_hint": "access_token"}
        body = await self._fetch("POST", metadata.introspection_endpoint, form, headers)
        told = _decoded(body, dict[str, Any])
        if told.get("active") is not True:
            self._believed.pop(mark, None)
            raise Refused("the provider says the token is not active")
        if believed:
            self._believed[mark] = (at, told)
            while len(self._believed) > MOST_BELIEVED:
                self._believed.popitem(last=False)
        return told

    def _check(self, claims: Mapping[str, Any], settings: Settings, *, asked: bool) -> None:
        """For whom, from whom and when. What the provider was asked about it may leave out but the audience (RFC 7662
        2.2). Raises Refused."""
        now = self._clock()
        issuer, audience = claims.get("iss"), claims.get("aud")
        if issuer != settings[settings_oauth.PROVIDER] and not (asked and issuer is None):
            raise Refused("the token is of another issuer")
        audiences = audience if isinstance(audience, list) else [audience]
        if not set(settings[settings_oauth.PROVIDER_AUDIENCE].split()) & {
            each for each in audiences if isinstance(each, str)
        }:
            raise Refused("the token is for somebody else")
        clients = settings[settings_oauth.PROVIDER_CLIENTS].split()
        if clients and claims.get("azp", claims.get("client_id")) not in clients:
            raise Refused("the token was given to another program")
        end = claims.get("exp")
        if not (asked and end is None) and not (_number(end) and end > now - LEEWAY):
            raise Refused("the token has expired")
        for name in ("nbf", "iat"):
            begin = claims.get(name)
            if begin is not None and not (_number(begin) and begin <= now + LEEWAY):
                raise Refused("the token is from the future")

    async def _discover(self) -> Metadata:
        async with self._lock:
            issuer, now = self._settings.now[settings_oauth.PROVIDER], self._clock()
            known = self._metadata
            if known is not None and known[0] == issuer and 0 <= now - known[1] < METADATA_SECONDS:
                return known[2]
            body = await self._fetch("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
            metadata = _decoded(body, Metadata)
            if metadata.issuer != issuer:
                raise Away("discovery names another issuer than the setting oauth.provider")
            for url in (metadata.jwks_uri, metadata.introspection_endpoint):
                if url and not _safe(url, issuer):
                    raise Away("discovery names an endpoint without https")
            self._metadata = (issuer, now, metadata)
            return metadata

    async def _key_set(self, metadata: Metadata, *, again: bool) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        async with self._lock:
            known, now = self._keys, self._clock()
            lasting = KEYS_SECONDS if again else METADATA_SECONDS
            if known is not None and known[0] == metadata.jwks_uri and 0 <= now - known[1] < lasting:
                return known[2]
            if not metadata.jwks_uri:
                raise Away("the provider names no keys")
            document = _decoded(await self._fetch("GET", metadata.jwks_uri), dict[str, Any])
            try:
                keys = KeySet.import_key_set(_signing(document))
            except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise Away(f"the provider's keys are not understood: {type(error).__name__}") from None
            self._keys = (metadata.jwks_uri, now, keys)
            return keys

    async def _fetch(
        self,
        method: str,
        url: str,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The body of an answer 200, bounded in size and time; redirections are not followed. Raises Away."""
        paused = self._paused
        if paused is not None and paused[0] == url and 0 <= self._clock() - paused[1] < PAUSE_SECONDS:
            raise Away(paused[2])
        try:
            body = await _fetched(method, url, form, headers)
        except Away as away:
            log.warning("oauth.provider_away", url=url, reason=str(away))
            self._paused = (url, self._clock(), str(away))
            raise
        return body


async def _fetched(
    method: str, url: str, form: dict[str, str] | None, headers: dict[str, str] | None
) -> bytes:
    body = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client,
            client.stream(
                method, url, data=form, headers={"accept": "application/json", **(headers or {})}
            ) as answer,
        ):
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST_ANSWER:
                    raise Away(f"{url}: the answer is too long")
            status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
        raise Away(f"{url}: {type(error).__name__}") from None
    if status != 200:
        raise Away(f"{url}: the answer is {status}")
    return bytes(body)


def _address(claims: Mapping[str, Any], settings: Settings) -> str:
    """The address in the claims. Raises Refused."""
    name = settings[settings_oauth.PROVIDER_CLAIM]
    address = claims.get(name)
    if not isinstance(address, str) or "@" not in address or len(address) > 320 or not address.isprintable():
        raise Refused(f"the token has no address in the claim {name}")
    if name == "email" and claims.get("email_verified") is not True:
        raise Refused("the provider has not verified the address")
    domains = settings[settings_oauth.PROVIDER_DOMAINS].lower().replace(",", " ").split()
    if domains and address.rpartition("@")[2].lower() not in domains:
        raise Refused("the address is of a domain that is not the provider's")
    return address


def _signing(document: dict[str, Any]) -> Any:
    """The keys of a set that verify signatures: not those for encryption, and no shared secrets."""
    found = document["keys"]
    keys = [key for key in found if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"]
    return {"keys": keys[:MOST_KEYS]}


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise Away("the provider's answer is not understood") from None


def _safe(url: str, issuer: str) -> bool:
    try:
        parts, home = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    if parts.scheme == "https" and parts.hostname:
        return True
    return parts.scheme == "http" == home.scheme and parts.hostname in LOOPBACK


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
