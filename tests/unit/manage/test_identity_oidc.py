"""Single sign-on against a provider on loopback: who gets in, and everything that does not hold."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from identity_parts import ANNA, CARL, VISITOR, House, furnish
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from oidc_provider import CLIENT, SECRET, OidcProvider

from posthouse.manage.context import Context
from posthouse.manage.identity import Departure, Step
from posthouse.settings.contract import Settings
from posthouse.settings.identity import OIDC_ISSUER


@pytest.fixture
async def place(context: Context) -> AsyncIterator[tuple[House, OidcProvider]]:
    house = await furnish(context)
    with OidcProvider() as provider:
        setup(house, provider)
        yield house, provider


def setup(house: House, provider: OidcProvider, **more: Any) -> None:
    values = {"oidc.issuer": provider.issuer, "oidc.client_id": CLIENT, "oidc.client_secret": SECRET}
    house.context.settings.now = Settings(values | {f"oidc.{name}": value for name, value in more.items()})


async def enter(house: House, provider: OidcProvider, return_to: str = "", **query: str) -> Step:
    departure = await house.identity.oidc_begin(return_to, VISITOR)
    assert isinstance(departure, Departure), departure
    answer = provider.login(departure.url) | query
    return await house.identity.oidc_finish(answer, departure.state, VISITOR)


async def test_an_administrator_gets_in(place: tuple[House, OidcProvider]) -> None:
    """As the account that exists; not fresh unless the provider says when the person was asked."""
    house, provider = place
    assert house.identity.oidc_name() == "Single sign-on"
    step = await enter(house, provider, "/queue")
    assert step.return_to == "/queue"
    session = await house.session(step)
    assert (session.actor.account, session.actor.role, session.actor.fresh_at) == (ANNA, "server", 0.0)
    provider.claims["auth_time"] = int(time.time())
    assert (await house.session(await enter(house, provider))).actor.fresh_at > time.time() - 60
    asked = provider.asked[0]
    assert asked["redirect_uri"] == "https://mail.example.org/sign-in/oidc"
    assert asked["code_challenge_method"] == "S256"
    fresh = await house.identity.oidc_begin("", VISITOR, fresh=True)
    assert isinstance(fresh, Departure)
    assert parse_qs(urlsplit(fresh.url).query)["prompt"] == ["login"]


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", "/a\nb"])
async def test_it_returns_to_our_own_pages_only(place: tuple[House, OidcProvider], path: str) -> None:
    """An open redirect would lend our name to others."""
    house, provider = place
    assert (await enter(house, provider, path)).return_to == ""


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_part(json.dumps({'alg': 'none'}).encode())}.{_part(json.dumps(claims).encode())}."


def _by_secret(claims: dict[str, Any], secret: bytes) -> str:
    """Signed with a public key as if it were a shared secret: libraries refuse to help with that."""
    text = (
        f"{_part(json.dumps({'alg': 'HS256', 'kid': 'one'}).encode())}.{_part(json.dumps(claims).encode())}"
    )
    return f"{text}.{_part(hmac.digest(secret, text.encode(), 'sha256'))}"


async def test_tokens_that_do_not_hold(place: tuple[House, OidcProvider]) -> None:
    """Each is spoiled in one thing, and refused; the good one beside them passes."""
    house, provider = place
    now = int(time.time())
    for name, change in {
        "nonce": {"nonce": "another"},
        "no nonce": {"nonce": None},
        "audience": {"aud": "somebody"},
        "audiences": {"aud": [CLIENT, "somebody"]},
        "authorised party": {"azp": "somebody"},
        "expired": {"exp": now - 120},
        "no expiry": {"exp": None},
        "future": {"iat": now + 600},
        "issuer": {"iss": "https://evil.example"},
        "unverified": {"email_verified": False},
        "half verified": {"email_verified": "true"},
        "no address": {"email": None},
        "stranger": {"email": "nobody@example.org"},
        "no administrator": {"email": CARL},
    }.items():
        provider.spoil = lambda claims, change=change: claims.update(change)
        assert (await enter(house, provider)).kind == "refused", name
    provider.spoil = lambda claims: None
    foreign = RSAKey.generate_key(2048)
    public = provider.key.as_pem(private=False)
    for name, sign in {
        "unsigned": _unsigned,
        "foreign key": lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, foreign),
        "shared secret": lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET)),
        "public key as secret": lambda claims: _by_secret(claims, public),
        "garbage": lambda claims: "a.b.c",
    }.items():
        provider.sign = sign
        assert (await enter(house, provider)).kind == "refused", name
    provider.sign = provider.signed
    assert (await enter(house, provider)).kind == "done"


async def test_the_answer_belongs_to_this_browser_and_this_once(place: tuple[House, OidcProvider]) -> None:
    """State of another browser, none, a used one, a late one; another issuer in the answer; an error."""
    house, provider = place
    one = await house.identity.oidc_begin("", VISITOR)
    other = await house.identity.oidc_begin("", VISITOR)
    assert isinstance(one, Departure)
    assert isinstance(other, Departure)
    answer = provider.login(one.url)
    for state in (other.state, "", "x"):
        assert (await house.identity.oidc_finish(answer, state, VISITOR)).kind == "refused"
    assert (await house.identity.oidc_finish(answer, one.state, VISITOR)).kind == "done"
    assert (await house.identity.oidc_finish(answer, one.state, VISITOR)).kind == "refused"
    house.clock.ahead += 601
    late = provider.login(other.url)
    assert (await house.identity.oidc_finish(late, other.state, VISITOR)).kind == "refused"
    house.clock.ahead = 0
    assert (await enter(house, provider, iss="https://evil.example")).kind == "refused"
    assert (await enter(house, provider, error="access_denied")).kind == "refused"
    assert (await enter(house, provider, code="stolen")).kind == "refused"
    assert (await enter(house, provider, iss=provider.issuer)).kind == "done"


async def test_who_may_come(place: tuple[House, OidcProvider]) -> None:
    """By domain, by group, ordinary users only where the setting says so; new keys are fetched."""
    house, provider = place
    setup(house, provider, domains="example.net")
    assert (await enter(house, provider)).kind == "refused"
    setup(house, provider, domains="example.net, example.org", groups="mail admins")
    assert (await enter(house, provider)).kind == "refused"
    provider.claims["groups"] = ["staff", "mail admins"]
    assert (await enter(house, provider)).kind == "done"
    provider.claims["email"] = CARL
    assert (await enter(house, provider)).kind == "refused"
    setup(house, provider, everybody=True)
    assert (await house.session(await enter(house, provider))).actor.role == "user"
    provider.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
    house.clock.ahead += 61
    assert (await enter(house, provider)).kind == "done"
    house.clock.ahead += 600
    setup(house, provider, claim="upn")
    assert (await enter(house, provider)).kind == "refused"


async def test_a_provider_that_cannot_be_believed_or_asked(place: tuple[House, OidcProvider]) -> None:
    """Discovery of another issuer, endpoints without https, too long an answer, nobody there, nothing set up."""
    house, provider = place

    async def begun(**document: Any) -> str:
        provider.document = document
        step = await house.identity.oidc_begin("", VISITOR)
        return step.kind if isinstance(step, Step) else "departed"

    assert await begun(issuer="https://evil.example") == "refused"
    assert await begun(token_endpoint="http://mail.example.org/token") == "refused"
    assert await begun(authorization_endpoint="javascript:alert(1)") == "refused"
    assert await begun(jwks_uri=7) == "refused"
    assert await begun(padding="x" * 300_000) == "refused"
    assert await begun() == "departed"
    setup(house, provider, issuer="http://127.0.0.1:9")
    assert await begun() == "later"
    house.context.settings.now = Settings({})
    assert house.identity.oidc_name() == ""
    assert await begun() == "refused"
    assert (await house.identity.oidc_finish({"state": "x"}, "x", VISITOR)).kind == "refused"
    assert OIDC_ISSUER.check is not None
    for bad in ("http://login.example.org", "login.example.org", "https://", "https://[", "https://a/?b"):
        assert OIDC_ISSUER.check(bad), bad
    assert not OIDC_ISSUER.check("https://login.example.org/realm")
