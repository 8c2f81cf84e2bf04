"""Access tokens of routes against an authority that answers on the loopback, and trying a route step by step."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from route_scene import RouteScene, route_scene
from structlog.testing import capture_logs

from posthouse.database.contract import Database
from posthouse.deliver.remote.contract import Call, ConnectFailed, Host, Hosts, Parcel, Session, TlsPolicy
from posthouse.deliver.remote.oauth import AccessTokens, NoToken, TokenSessions
from posthouse.deliver.remote.route_trial import RouteTrial
from posthouse.deliver.results import Result, Said
from posthouse.directory import routes
from posthouse.route.contract import Way
from posthouse.settings import route as settings_route

SECRET = "refresh-secret-4711"


@dataclass
class Authority:
    """An endpoint for tokens. ``answers``: status and body of each next request; the last one stays."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    port: int = 0
    silent: bool = False
    coding: bytes = b"identity"
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, status: int = 200, **values: Any) -> None:
        self.answers.append((status, json.dumps(values).encode()))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        self.asked.append(parse_qs((await reader.readexactly(length)).decode()))
        if self.silent:
            await self.over.wait()
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(
            b"HTTP/1.1 %d x\r\nLocation: /other\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
            % (status, self.coding, len(body))
            + body
        )
        writer.close()


@pytest_asyncio.fixture
async def authority() -> AsyncIterator[Authority]:
    made = Authority()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    made.over.set()
    server.close()
    await asyncio.sleep(0.05)  # the one that was kept waiting closes


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[RouteScene]:
    async with route_scene(sqlite_database) as made:
        made.set(settings_route.TOKEN_PRIVATE, True)
        yield made


def tokens_of(scene: RouteScene) -> AccessTokens:
    return AccessTokens(
        book=scene.book,
        database=scene.database,
        feed=scene.feed,
        settings=scene.settings,
        clock=lambda: scene.now,
    )


async def add(scene: RouteScene, authority: Authority, **more: Any) -> int:
    values = {
        "recipient": "*",
        "target": "smart.test",
        "security": "tls",
        "username": "we@smart.test",
        "mechanism": "XOAUTH2",
        "token_url": f"http://127.0.0.1:{authority.port}/token",
        "client_id": "us",
        "refresh_token": SECRET,
        "scope": "mail send",
    }
    return await scene.route(**{**values, **more})


async def test_a_token_is_asked_for_once_and_shared(scene: RouteScene, authority: Authority) -> None:
    """Those who want it at the same time, later, and in other workers take the same one, until it ends."""
    authority.say(access_token="t1", expires_in=3600)
    authority.say(access_token="t2", expires_in="3600")
    ident = await add(scene, authority)
    tokens = tokens_of(scene)
    assert await asyncio.gather(*(tokens.token(ident) for _ in range(5))) == ["t1"] * 5
    assert await tokens_of(scene).token(ident) == "t1"
    assert len(authority.asked) == 1
    assert authority.asked[0] == {
        "grant_type": ["refresh_token"],
        "refresh_token": [SECRET],
        "client_id": ["us"],
        "scope": ["mail send"],
    }
    scene.now += 3600 - 59
    assert await tokens.token(ident) == "t2"


async def test_an_answer_is_never_unpacked(scene: RouteScene, authority: Authority) -> None:
    """A little of it could become very much."""
    bomb = gzip.compress(json.dumps({"access_token": "t1"}).encode() + b" " * 60_000_000)
    assert len(bomb) < 64 * 1024
    authority.coding = b"gzip"
    authority.answers.append((200, bomb))
    ident = await add(scene, authority)
    tracemalloc.start()
    try:
        with pytest.raises(NoToken):
            await tokens_of(scene).token(ident)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 20_000_000


async def test_client_credentials(scene: RouteScene, authority: Authority) -> None:
    authority.say(access_token="t1")
    ident = await add(scene, authority, refresh_token="", client_secret="cs")
    assert await tokens_of(scene).token(ident) == "t1"
    assert authority.asked[0]["grant_type"] == ["client_credentials"]
    assert authority.asked[0]["client_secret"] == ["cs"]


async def test_another_refresh_token_is_kept(scene: RouteScene, authority: Authority) -> None:
    """Authorities that change it take the former one no more."""
    authority.say(access_token="t1", expires_in=100, refresh_token="second")
    authority.say(access_token="t2", expires_in=100)
    ident = await add(scene, authority)
    tokens = tokens_of(scene)
    assert await tokens.token(ident) == "t1"
    assert await tokens.token(ident) == "t1"
    scene.now += 100
    assert await tokens.token(ident) == "t2"
    assert [each["refresh_token"] for each in authority.asked] == [[SECRET], ["second"]]


async def test_other_credentials_ask_anew(scene: RouteScene, authority: Authority) -> None:
    """A token that was asked for with what the route said before is not used any more."""
    authority.say(access_token="t1", expires_in=3600)
    authority.say(access_token="t2", expires_in=3600)
    ident = await add(scene, authority)
    tokens = tokens_of(scene)
    assert await tokens.token(ident) == "t1"
    route = await scene.database.read(routes.find, ident)
    assert route is not None
    await scene.database.run(routes.change, replace(route, scope="other"), scene.feed)
    assert await tokens.token(ident) == "t2"
    await scene.database.run(routes.change, replace(route, mechanism="PLAIN"), scene.feed)
    with pytest.raises(NoToken):
        await tokens.token(ident)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            400,
            b'{"error":"invalid_grant","error_description":"gone\\r\\nfor good"}',
            "400 invalid_grant gone for good",
        ),
        (200, b'{"error":"odd","access_token":"t"}', "odd"),
        (200, b"<html>", "not as OAuth 2"),
        (200, b"[]", "not as OAuth 2"),
        (200, b'{"access_token":7}', "not as OAuth 2"),
        (200, b"[" * 60000, "not as OAuth 2"),
        (200, b"x" * 70000, "too long"),
        (200, b'{"access_token":"a\\u0001b"}', "no token"),
        (200, json.dumps({"access_token": "x" * 20000}).encode(), "no token"),
        (302, b"", "302"),
        (500, b"", "500"),
    ],
)
async def test_authorities_that_give_none(
    scene: RouteScene, authority: Authority, status: int, body: bytes, words: str
) -> None:
    """Told in words without our secrets; not asked again for a while, then again."""
    authority.answers = [(status, body)]
    ident = await add(scene, authority)
    tokens = tokens_of(scene)
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(NoToken) as refused:
                await tokens.token(ident)
            assert words in str(refused.value)
            assert SECRET not in str(refused.value)
    assert SECRET not in str(lines)
    assert len(authority.asked) == 1
    scene.now += 31
    authority.answers = [(200, b'{"access_token":"t1","expires_in":-5}')]
    assert await tokens.token(ident) == "t1"


async def test_an_authority_that_never_answers(scene: RouteScene, authority: Authority) -> None:
    authority.say(access_token="t1")
    authority.silent = True
    scene.set(settings_route.TOKEN_TIMEOUT, 0.2)
    with pytest.raises(NoToken, match="no answer within"):
        await tokens_of(scene).token(await add(scene, authority))


async def test_private_addresses_are_for_who_allows_them(scene: RouteScene, authority: Authority) -> None:
    scene.set(settings_route.TOKEN_PRIVATE, False)
    with pytest.raises(NoToken, match="no public address"):
        await tokens_of(scene).token(await add(scene, authority))
    assert authority.asked == []


# --- signing in with them, and trying routes ---------------------------------------------------------------


@dataclass
class Opened:
    """A session that does nothing."""

    tls: str = "TLSv1.3"

    async def send(self, parcel: Parcel) -> list[Result]:
        return []


class FakeSessions:
    """Opens what ``opens`` says: a session, or raises."""

    def __init__(self, opens: Callable[[Call], Session]) -> None:
        self.opens = opens
        self.calls: list[Call] = []
        self.given = 0

    async def take(self, call: Call) -> Session:
        self.calls.append(call)
        return self.opens(call)

    def give_back(self, session: Session) -> None:
        self.given += 1

    async def close(self) -> None:
        return None


def refusing(stage: str, code: int = 535, good: str = "") -> Callable[[Call], Session]:
    def opens(call: Call) -> Session:
        credentials = call.way.credentials
        if credentials is not None and good and credentials.password == good:
            return Opened()
        raise ConnectFailed(Said(code, "4.7.8", "no", stage=stage))

    return opens


async def test_a_token_that_is_not_taken_is_asked_for_anew_once(
    scene: RouteScene, authority: Authority
) -> None:
    authority.say(access_token="old", expires_in=3600)
    authority.say(access_token="new", expires_in=3600)
    ident = await add(scene, authority)
    inner = FakeSessions(refusing("AUTH", 454, good="new"))
    sessions = TokenSessions(inner, tokens_of(scene))
    way = await scene.way("x@example.org")
    assert isinstance(way, Way)
    assert way.route_id == ident
    call = Call(way, Host("smart.test", ("192.0.2.1",)), "192.0.2.1")
    assert await sessions.take(call)
    passwords = [each.way.credentials.password for each in inner.calls if each.way.credentials]
    assert passwords == ["old", "new"]
    assert await tokens_of(scene).token(ident) == "new"
    inner.opens = refusing("AUTH", 454)
    inner.calls.clear()
    with pytest.raises(ConnectFailed):
        await sessions.take(call)
    assert len(inner.calls) == 2
    inner.opens = refusing("CONNECT", 0)
    inner.calls.clear()
    with pytest.raises(ConnectFailed):
        await sessions.take(call)
    assert len(inner.calls) == 1


async def test_without_a_token_nobody_is_asked(scene: RouteScene, authority: Authority) -> None:
    """Mail waits, and the reason is told."""
    authority.say(400, error="invalid_grant")
    await add(scene, authority)
    inner = FakeSessions(refusing("AUTH"))
    way = await scene.way("x@example.org")
    assert isinstance(way, Way)
    with pytest.raises(ConnectFailed) as failed:
        await TokenSessions(inner, tokens_of(scene)).take(Call(way, Host("h", ("192.0.2.1",)), "192.0.2.1"))
    assert failed.value.said.code == 0
    assert "invalid_grant" in failed.value.said.text
    assert inner.calls == []
    plain = Way("mx:x.test", domain="x.test")
    with pytest.raises(ConnectFailed):
        await TokenSessions(inner, tokens_of(scene)).take(Call(plain, Host("h", ("192.0.2.1",)), "192.0.2.1"))
    assert len(inner.calls) == 1


class Finder:
    """Finds what it was told."""

    def __init__(self, hosts: Hosts) -> None:
        self.hosts = hosts
        self.ways: list[Way] = []

    async def find(self, way: Way) -> Hosts:
        self.ways.append(way)
        return self.hosts


class Policies:
    """Refuses one host."""

    async def policy(self, way: Way, host: Host, *, require_tls: bool = False) -> TlsPolicy | Said:
        return Said(450, "4.7.5", "no") if host.name == "barred.test" else TlsPolicy()

    def outcome(self, *given: Any, **more: Any) -> None:
        return None


async def test_a_route_is_tried_host_by_host(scene: RouteScene) -> None:
    """Each host up to the step where it ends; the first address that answers is enough."""
    ident = await scene.route(recipient="x.test", target="a.test|b.test", username="we", password="pw")
    route = await scene.database.read(routes.find, ident)
    assert route is not None

    def opens(call: Call) -> Session:
        if call.address == "192.0.2.1":
            raise ConnectFailed(Said(0, "4.4.1", "silent", stage="CONNECT"))
        if call.host.name == "b.test":
            raise ConnectFailed(Said(454, "4.7.8", "wrong", remote="b.test", stage="AUTH"))
        return Opened()

    hosts = Hosts(
        (
            Host("a.test", ("192.0.2.1", "192.0.2.2"), 587),
            Host("b.test", ("192.0.2.3", "192.0.2.4")),
            Host("barred.test", ("192.0.2.5",)),
        )
    )
    inner = FakeSessions(opens)
    steps = await RouteTrial(Finder(hosts), Policies(), inner).test(route, "")  # type: ignore[arg-type]
    assert [(step.name, step.host, step.good) for step in steps] == [
        ("dns", "", True),
        ("connect", "a.test", False),
        ("connect", "a.test", True),
        ("tls", "a.test", True),
        ("sign in", "a.test", True),
        ("connect", "b.test", True),
        ("sign in", "b.test", False),
        ("policy", "barred.test", False),
    ]
    assert inner.given == 1
    finder = Finder(Hosts(trouble=Said(550, "5.1.2", "no such domain")))
    wide = await scene.route(recipient="*.bank.test", security="starttls")
    route = await scene.database.read(routes.find, wide)
    assert route is not None
    (step,) = await RouteTrial(finder, Policies(), inner).test(route, "bücher.bank.test")  # type: ignore[arg-type]
    assert (step.name, step.good) == ("dns", False)
    assert finder.ways[0].domain == "xn--bcher-kva.bank.test"
    (step,) = await RouteTrial(finder, Policies(), inner).test(route, "a b")  # type: ignore[arg-type]
    assert not step.good
