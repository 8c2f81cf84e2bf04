"""Single sign-on by OpenID Connect: the code flow with PKCE (RFC 7636), state and nonce.

Nothing the provider or the browser sends is believed before it is checked: discovery must name the issuer of the
setting, endpoints must be https (or on this machine, where the issuer is), answers are bounded and timed, the
ID token must be signed by a key of the provider's set with an algorithm from our list, for us, now, and for the
very sign-in that began here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import msgspec

from posthouse.directory.browser_sessions import digest
from posthouse.manage.identity import OIDC_RETURN_PATH, Departure
from posthouse.manage.identity_pending import Pending
from posthouse.observe.log import logger
from posthouse.settings import identity as settings_identity
from posthouse.settings.contract import CurrentSettings

T = TypeVar("T")

log = logger("manage.oidc")

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key only: never ``none``, never a shared secret."""

FLOW_SECONDS = 600.0
LARGEST_ANSWER = 256 * 1024
TIMEOUT = 10.0
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 60.0
"""An unknown key id makes us fetch the provider's keys again, at most this often."""
LEEWAY = 60.0
"""Seconds by which the provider's clock may differ from ours."""


class OidcTrouble(Exception):
    """Single sign-on failed. The text is for the log; ``temporary``: the provider could not be asked."""

    def __init__(self, text: str, *, temporary: bool = False) -> None:
        super().__init__(text)
        self.temporary = temporary


class Metadata(msgspec.Struct, frozen=True):
    """What is used of the provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class TokenAnswer(msgspec.Struct, frozen=True):
    """What is used of the answer to the code."""

    id_token: str

    def __repr__(self) -> str:
        return "TokenAnswer(...)"


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in on its way through the provider."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    return_to: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back, believed: the claims of the ID token, and the page that was asked for."""

    claims: dict[str, Any]
    return_to: str


class Oidc:
    """The provider of the settings. Discovery and keys are kept for a while."""

    def __init__(self, settings: CurrentSettings, clock: Callable[[], float] = time) -> None:
        self._settings = settings
        self._clock = clock
        self._flows: Pending[Flow] = Pending(FLOW_SECONDS, clock)
        self._metadata: tuple[str, float, Metadata] | None = None
        self._keys: tuple[str, float, Any] | None = None

    def configured(self) -> bool:
        """Whether the settings name a provider and our client id there."""
        now = self._settings.now
        return bool(now[settings_identity.OIDC_ISSUER] and now[settings_identity.OIDC_CLIENT_ID])

    async def begin(self, origin: str, return_to: str, *, fresh: bool) -> Departure:
        """Where to send the browser. Raises OidcTrouble."""
        now = self._settings.now
        metadata = await self._discover()
        flow = Flow(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            origin + OIDC_RETURN_PATH,
            return_to,
            metadata.issuer,
        )
        state = self._flows.put(flow)
        query = {
            "response_type": "code",
            "client_id": now[settings_identity.OIDC_CLIENT_ID],
            "redirect_uri": flow.redirect_uri,
            "scope": now[settings_identity.OIDC_SCOPES],
            "state": state,
            "nonce": flow.nonce,
            "code_challenge": _unpadded(hashlib.sha256(flow.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if fresh:
            query |= {"prompt": "login", "max_age": "0"}
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return Departure(metadata.authorization_endpoint + joint + urlencode(query), state)

    async def finish(self, query: Mapping[str, str], state: str) -> Returned:
        """Check what the browser brought back, fetch the ID token and check that. Raises OidcTrouble."""
        given = query.get("state", "")
        if not state or not hmac.compare_digest(digest(given), digest(state)):
            raise OidcTrouble("the state is not the one of this browser")
        flow = self._flows.pop(state)
        if flow is None:
            raise OidcTrouble("the state is unknown, used or too old")
        if query.get("iss", flow.issuer) != flow.issuer:
            raise OidcTrouble("the answer names another issuer")
        if query.get("error"):
            raise OidcTrouble(f"the provider refused: {query['error'][:100]}")
        code = query.get("code", "")
        if not 0 < len(code) <= 4096:
            raise OidcTrouble("the answer has no code")
        metadata = await self._discover()
        if metadata.issuer != flow.issuer:
            raise OidcTrouble("the issuer was changed meanwhile")
        token = await self._redeem(metadata, flow, code)
        claims = await self._claims(metadata, token)
        self._check(claims, flow)
        return Returned(claims, flow.return_to)

    async def _redeem(self, metadata: Metadata, flow: Flow, code: str) -> str:
        now = self._settings.now
        client, secret = now[settings_identity.OIDC_CLIENT_ID], now[settings_identity.OIDC_CLIENT_SECRET]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = {}
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"  # RFC 6749 2.3.1
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client} | ({"client_secret": secret} if secret else {})
        body = await self._fetch("POST", metadata.token_endpoint, form=form, headers=headers)
        return _decoded(body, TokenAnswer).id_token

    async def _claims(self, metadata: Metadata, token: str) -> dict[str, Any]:
        """The claims of a token that is signed by the provider."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        for again in (False, True):
            keys = await self._key_set(metadata, again=again)
            try:
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except (JoseError, ValueError, TypeError, KeyError) as error:
                if again:
                    raise OidcTrouble(f"the ID token does not hold: {type(error).__name__}") from None
                continue  # perhaps the provider changed its keys
            if not isinstance(decoded.claims, dict):
                break
            return decoded.claims
        raise OidcTrouble("the ID token is not understood")

    def _check(self, claims: dict[str, Any], flow: Flow) -> None:
        """OpenID Connect Core 3.1.3.7. Raises OidcTrouble."""
        client = self._settings.now[settings_identity.OIDC_CLIENT_ID]
        now = self._clock()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != flow.issuer:
            raise OidcTrouble("the ID token is of another issuer")
        if client not in audiences or (len(audiences) > 1 and claims.get("azp") != client):
            raise OidcTrouble("the ID token is for somebody else")
        if claims.get("azp", client) != client:
            raise OidcTrouble("the ID token was given to somebody else")
        if not _number(claims.get("exp")) or claims["exp"] <= now - LEEWAY:
            raise OidcTrouble("the ID token has expired")
        if not _number(claims.get("iat")) or claims["iat"] > now + LEEWAY:
            raise OidcTrouble("the ID token is from the future")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(digest(nonce), digest(flow.nonce)):
            raise OidcTrouble("the ID token is of another sign-in")

    async def _discover(self) -> Metadata:
        issuer = self._settings.now[settings_identity.OIDC_ISSUER]
        known, now = self._metadata, self._clock()
        if known is not None and known[0] == issuer and now - known[1] < METADATA_SECONDS:
            return known[2]
        body = await self._fetch("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
        metadata = _decoded(body, Metadata)
        if metadata.issuer != issuer:
            raise OidcTrouble(f"discovery names the issuer {metadata.issuer[:200]}, the setting {issuer}")
        for url in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
            if not _safe(url, issuer):
                raise OidcTrouble(f"discovery names an endpoint without https: {url[:200]}")
        self._metadata = (issuer, now, metadata)
        return metadata

    async def _key_set(self, metadata: Metadata, *, again: bool) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        known, now = self._keys, self._clock()
        if known is not None and known[0] == metadata.jwks_uri:
            age = now - known[1]
            if age < (KEYS_SECONDS if again else METADATA_SECONDS):
                return known[2]
        document = _decoded(await self._fetch("GET", metadata.jwks_uri), dict[str, Any])
        try:
            keys = KeySet.import_key_set(_signing(document))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OidcTrouble(f"the provider's keys are not understood: {type(error).__name__}") from None
        self._keys = (metadata.jwks_uri, now, keys)
        return keys

    async def _fetch(
        self,
        method: str,
        url: str,
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The body of an answer 200, bounded in size and time; redirections are not followed."""
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
                        raise OidcTrouble(f"{url}: the answer is too long")
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise OidcTrouble(f"{url}: {type(error).__name__}: {error}", temporary=True) from None
        if status != 200:
            raise OidcTrouble(f"{url}: the answer is {status}", temporary=status >= 500)
        return bytes(body)


def available() -> bool:
    """Whether the library for signed tokens is installed (the extra ``oidc``)."""
    try:
        import joserfc  # noqa: F401
    except ImportError:
        return False
    return True


def _signing(document: dict[str, Any]) -> Any:
    """The keys of a set that verify signatures: not those for encryption, and no shared secrets."""
    keys = [
        key
        for key in document["keys"]
        if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    return {"keys": keys}


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise OidcTrouble("the provider's answer is not understood") from None


def _safe(url: str, issuer: str) -> bool:
    try:
        parts, home = urlsplit(url), urlsplit(issuer)
        if parts.scheme == "https" and parts.hostname:
            return True
        return parts.scheme == "http" == home.scheme and parts.hostname in settings_identity.LOOPBACK
    except ValueError:
        return False


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
