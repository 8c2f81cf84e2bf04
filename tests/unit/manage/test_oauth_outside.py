"""Access tokens of an outside provider on loopback: who gets in, and everything that does not hold."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from posthouse.manage.context import Context
from posthouse.manage.oauth_judge import Judge
from posthouse.manage.oauth_outside import KEYS_SECONDS, PAUSE_SECONDS, Away, Outside, Refused
from posthouse.settings.contract import CurrentSettings, Settings

ANNA = "anna@example.org"


class Provider:
    """Discovery, keys and introspection; ``down`` answers 503, ``told`` is what introspection says."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.others: list[Any] = []
        self.down = False
        self.asked: list[str] = []
        self.told: dict[str, Any] = {"active": False}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                self.answer(provider.pages().get(self.path))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                right = "Basic " + base64.b64encode(b"posthouse:a%20secret").decode()
                good = self.headers["authorization"] == right and form.get("token")
                self.answer(provider.told if good else None)

            def answer(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(503 if provider.down else 200 if value else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def pages(self) -> dict[str, Any]:
        keys = [self.key, *self.others]
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/keys",
                "introspection_endpoint": f"{self.issuer}/introspect",
            },
            "/keys": {"keys": [each.as_dict(private=False) for each in keys]},
        }

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        found = {"iss": self.issuer, "aud": ["mail", "other"], "sub": "1", "iat": now, "exp": now + 300}
        found |= {"azp": "thunderbird", "email": ANNA, "email_verified": True} | changed
        return {name: value for name, value in found.items() if value is not None}

    def token(
        self, key: Any = None, alg: str = "RS256", kid: str = "one", typ: str = "at+jwt", **changed: Any
    ) -> str:
        header = {"alg": alg, "kid": kid, "typ": typ}
        return jwt.encode(header, self.claims(**changed), key or self.key, algorithms=[alg])


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def outside(provider: Provider) -> Callable[..., Outside]:
    def made(clock: Callable[[], float] = time.time, **more: Any) -> Outside:
        values = {"provider": provider.issuer, "provider_audience": "mail"} | more
        return Outside(
            CurrentSettings(Settings({f"oauth.{name}": value for name, value in values.items()})), clock
        )

    return made


INTROSPECTION = {
    "provider_check": "introspection",
    "provider_client_id": "posthouse",
    "provider_client_secret": "a secret",
}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_good_tokens_name_their_owner(provider: Provider, outside: Callable[..., Outside]) -> None:
    """By each kind of key we take, and by whichever claim the setting says."""
    assert await outside().owner(provider.token()) == ANNA
    assert await outside().owner(provider.token(alg="PS256", typ="JWT", aud="mail")) == ANNA
    curve = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    edwards = OKPKey.generate_key("Ed25519", {"kid": "three"})
    provider.others = [curve, edwards]
    assert await outside().owner(provider.token(curve, "ES256", "two")) == ANNA
    for name in ("EdDSA", "Ed25519"):
        assert await outside().owner(provider.token(edwards, name, "three")) == ANNA
    by_upn = outside(provider_claim="upn", provider_clients="thunderbird k9", provider_domains="example.org")
    assert await by_upn.owner(provider.token(upn="bert@example.org", email=None)) == "bert@example.org"


SPOILED: list[dict[str, Any]] = [
    {"aud": "somebody else"},
    {"aud": None},
    {"aud": [{"mail": 1}, 7]},
    {"iss": "http://127.0.0.1:1"},
    {"iss": None},
    {"exp": 1},
    {"exp": None},
    {"exp": "tomorrow"},
    {"exp": True},
    {"nbf": 9e12},
    {"iat": 9e12},
    {"email": None},
    {"email": 7},
    {"email": "no address"},
    {"email": "a@b\x00"},
    {"email": "x" * 400 + "@example.org"},
    {"email_verified": False},
    {"email_verified": "true"},
    {"email": "anna@another.example"},
    {"azp": "another program"},
    {"azp": None},
]


@pytest.mark.parametrize("changed", SPOILED, ids=str)
async def test_claims_that_do_not_hold(
    provider: Provider, outside: Callable[..., Outside], changed: dict[str, Any]
) -> None:
    judge = outside(provider_clients="thunderbird", provider_domains="example.org")
    assert await judge.owner(provider.token()) == ANNA
    with pytest.raises(Refused):
        await judge.owner(provider.token(**changed))


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_forged_tokens(provider: Provider, outside: Callable[..., Outside]) -> None:
    """No algorithm, a shared secret, another's key, a changed body, an ID of another kind, no token at all, huge."""
    claims = json.dumps(provider.claims()).encode()
    head = f"{part(json.dumps({'alg': 'HS256', 'kid': 'one'}).encode())}.{part(claims)}"
    by_public_key = hmac.digest(provider.key.as_pem(private=False), head.encode(), "sha256")
    good = provider.token().split(".")
    other = RSAKey.generate_key(2048, {"kid": "one"})
    forged = [
        f"{part(json.dumps({'alg': 'none'}).encode())}.{part(claims)}.",
        f"{part(json.dumps({'alg': 'none', 'kid': 'one'}).encode())}.{part(claims)}.{good[2]}",
        f"{head}.{part(by_public_key)}",
        provider.token(other),
        f"{good[0]}.{part(claims)}.{good[2][:-8]}AAAAAAAA",
        f"{good[0]}.{good[1]}.",
        provider.token(typ="logout+jwt"),
        "opaque",
        "a.b.c",
        "..",
        f"{part(b'[' * 5000)}.{part(b'{}')}.{part(b'x')}",
        f"{good[0]}.{part(b'7')}.{good[2]}",
        ".".join(["A" * 2700] * 3),
    ]
    for each in forged:
        with pytest.raises(Refused):
            await outside().owner(each)


async def test_keys_are_fetched_again_but_not_at_will(
    provider: Provider, outside: Callable[..., Outside]
) -> None:
    """A new key of the provider is found; a flood of unknown ones costs one question in a minute."""
    now = time.time()
    judge = outside(lambda: now)
    await judge.owner(provider.token())
    provider.key = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
    for _ in range(5):
        with pytest.raises(Refused):
            await judge.owner(provider.token(kid="new"))
    assert provider.asked.count("/keys") == 1
    now += KEYS_SECONDS + 1
    assert await judge.owner(provider.token(kid="new")) == ANNA
    for _ in range(5):
        with pytest.raises(Refused):
            await judge.owner(provider.token(RSAKey.generate_key(2048, {"kid": "bad"}), kid="bad"))
    assert provider.asked.count("/keys") == 2


async def test_an_outage_is_no_refusal(provider: Provider, outside: Callable[..., Outside]) -> None:
    """A temporary failure, and the provider is left alone for a while; with known keys nobody notices."""
    now = time.time()
    judge = outside(lambda: now)
    provider.down = True
    for _ in range(5):
        with pytest.raises(Away):
            await judge.owner(provider.token())
    assert len(provider.asked) == 1
    provider.down = False
    now += PAUSE_SECONDS + 1
    assert await judge.owner(provider.token()) == ANNA
    provider.down = True
    assert await judge.owner(provider.token()) == ANNA
    with pytest.raises(Away):
        await outside(provider=provider.issuer + "/").owner(provider.token())


async def test_the_provider_is_asked(provider: Provider, outside: Callable[..., Outside]) -> None:
    """Opaque tokens; what was revoked is refused once the answer has grown old."""
    now = time.time()
    judge = outside(lambda: now, provider_believed=30, **INTROSPECTION)
    provider.told = {"active": True, "aud": "mail", "email": ANNA, "email_verified": True}
    assert await judge.owner("opaque") == ANNA
    provider.told = {"active": False}
    assert await judge.owner("opaque") == ANNA
    assert provider.asked.count("/introspect") == 1
    now += 31
    with pytest.raises(Refused):
        await judge.owner("opaque")
    for told in (
        {"active": "true"},
        {"active": True},
        {"active": True, "aud": "mail", "exp": 1, "email": ANNA},
    ):
        provider.told = told
        with pytest.raises(Refused):
            await judge.owner("opaque")
    wrong = outside(**INTROSPECTION | {"provider_client_secret": "wrong"})
    with pytest.raises(Away):
        await wrong.owner("opaque")
    both = outside(**INTROSPECTION | {"provider_check": "both"})
    provider.told = {"active": True, "aud": "mail"}
    assert await both.owner(provider.token()) == ANNA
    with pytest.raises(Refused):
        await both.owner("opaque")


async def test_the_judge(context: Context, provider: Provider) -> None:
    """What a session is told: the owner, a reason as JSON, or to come again."""
    judge = Judge(context, Outside(context.settings))
    assert not judge.ready()
    values = {"oauth.provider": provider.issuer, "oauth.provider_audience": "mail"}
    context.settings.now = Settings({"oauth.provider": provider.issuer})
    assert not judge.ready()
    context.settings.now = Settings(values)
    assert judge.ready()
    found = await judge.judge("XOAUTH2", provider.token(), ANNA, "192.0.2.1", "imap")
    assert found.login == ANNA
    found = await judge.judge("OAUTHBEARER", "bad", "", "192.0.2.1", "imap")
    told = json.loads(found.challenge)
    assert not found.login
    assert told["status"] == "invalid_token"
    assert told["openid-configuration"] == provider.issuer + "/.well-known/openid-configuration"
    ours = await judge.judge("OAUTHBEARER", "pha_" + "x" * 43, "", "192.0.2.1", "imap")
    assert (ours.login, ours.temporary) == ("", False)
    away = Judge(context, Outside(context.settings))
    provider.down = True
    found = await away.judge("XOAUTH2", provider.token(), ANNA, "192.0.2.1", "imap")
    assert (found.login, found.temporary, found.challenge) == ("", True, b"")
