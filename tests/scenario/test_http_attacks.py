"""What somebody hostile tries over HTTP, and does not get. Each test fails when the wall it is about is taken away."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from http_samples import path_of
from http_world import ANNA, DORA, FORM, HOST, NOBODY, PASSWORD, ROOT, Caller, World, empty, world
from running import RunningServer

from posthouse.api import streams
from posthouse.manage import use as register
from posthouse.manage.context import Actor
from posthouse.manage.use import Call, perform, uses
from posthouse.settings import http as settings_http
from posthouse.web.page import pages

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
LOCAL = Actor("uid 0 (root)", "control socket")
EVIL = "evil.example"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("attacks") / "empty")


@pytest.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(template, tmp_path / "world") as made:
        yield made


# --------------------------------------------------------------------------------------- sessions and cookies


async def test_cookie_is_kept_to_this_host_and_from_scripts(place: World) -> None:
    answer = await place.post(
        "/sign-in", {"login": ROOT, "password": PASSWORD}, Caller(cookie="fixed-by-somebody")
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-posthouse=")
    assert "fixed-by-somebody" not in cookie
    words = {word.strip().lower() for word in cookie.split(";")[1:]}
    assert words == {"httponly", "secure", "samesite=lax", "path=/"}


async def test_signing_in_leads_nowhere_else(place: World) -> None:
    for target in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\r\nSet-Cookie: a=b",
        "/\t/evil.example",
    ):
        answer = await place.post("/sign-in", {"login": ANNA, "password": PASSWORD, "next": target})
        assert answer.headers["location"] == "/", target
        assert answer.headers["set-cookie"].count("=") < 5


async def test_a_stolen_browser_makes_no_administrator(place: World) -> None:
    """Its session goes on, but its password was given long ago."""
    caller = place.callers["server"]

    def age(tx: Any) -> None:
        from sqlalchemy import text

        tx.execute(text("UPDATE browser_sessions SET fresh_at = 1"))

    await place.context.database.run(age)
    before = place.changes()
    for path, form in (
        (f"/admin/accounts/{ANNA}/role", {"role": "server"}),
        (f"/admin/accounts/{ROOT}/password", {"password": "taken over"}),
        ("/admin/settings/oidc.issuer", {"oidc.issuer": "https://evil.example"}),
        ("/me/tokens/add", {"name": "x", "rights": "change"}),
        ("/me/security/codes", {}),
    ):
        answer = await place.post(path, form, caller)
        assert answer.status == 303, path
        assert answer.headers["location"].startswith("/prove?next="), path
    role = await place.ask("PUT", f"/api/v1/accounts/{ANNA}/role", caller, json={"role": "server"})
    assert role.status == 403
    assert place.changes() == before


async def test_a_token_that_changes_things_makes_no_sign_in(place: World) -> None:
    """Whoever finds a token with the scope change gets no account of an administrator by it."""
    caller, before = place.callers["token change"], place.changes()
    for path, body in (
        (f"/accounts/{ANNA}/role", {"role": "server"}),
        (f"/accounts/{ROOT}/password", {"password": "taken over"}),
        (f"/accounts/{DORA}/password", {"password": "taken over"}),
        ("/settings/oidc.issuer", {"value": "https://evil.example"}),
        ("/settings/identity.fresh_time", {"value": "86400"}),
    ):
        answer = await place.ask("PUT", f"/api/v1{path}", caller, json=body)
        assert (answer.status, "token may not" in answer.json["detail"]) == (403, True), path
    assert (await place.ask("POST", "/api/v1/tokens", caller, json={"name": "another"})).status == 403
    assert place.changes() == before
    ordinary = await place.ask(
        "PUT", f"/api/v1/accounts/{ANNA}/password", caller, json={"password": "a new one"}
    )
    assert ordinary.status == 200


async def test_tokens_do_not_stand_in_addresses(place: World) -> None:
    token = place.callers["token view"].token
    for name in ("token", "access_token", "authorization", "api_key"):
        assert (await place.ask("GET", f"/api/v1/me?{name}={token}")).status == 401
    assert (
        await place.ask("GET", "/api/v1/me", headers={"cookie": f"__Host-posthouse={token}"})
    ).status == 401


# ------------------------------------------------------------------------------------------------------ roles


async def test_mail_of_a_server_administrator_is_not_taken(place: World) -> None:
    """chief+bank@ is the chief's until somebody has that very address."""
    await perform(place.context, LOCAL, "account.add", {"address": "chief@own.example", "password": PASSWORD})
    await perform(
        place.context, LOCAL, "account.role", {"address": "chief@own.example", "role": "server", "now": True}
    )
    caller, before = place.callers["domain"], place.changes()
    stolen = "chief+bank@own.example"
    for path, body in (
        ("/accounts", {"address": stolen, "password": PASSWORD}),
        ("/aliases", {"address": stolen, "target": DORA}),
        ("/aliases", {"address": "chief@own.example", "target": DORA}),
        ("/accounts/import", {"text": f"{stolen},{PASSWORD}\n"}),
    ):
        assert (await place.ask("POST", f"/api/v1{path}", caller, json=body)).status in (
            403,
            404,
            405,
            409,
        ), path
    assert place.changes() == before
    ordinary = {"address": "anna+bank@own.example", "target": DORA}
    assert (await place.ask("POST", "/api/v1/aliases", caller, json=ordinary)).status == 201


# ------------------------------------------------------------------------------------------- forged requests


async def test_other_kinds_of_forms_are_not_taken(place: World) -> None:
    """A foreign page may send text/plain and multipart without being asked; JSON hidden in them is no JSON."""
    caller, before = place.callers["server"], place.changes()
    body = b'{"name": "stolen.example"}'
    for kind in ("text/plain", "multipart/form-data; boundary=x", FORM, ""):
        answer = await place.ask("POST", "/api/v1/domains", caller, headers={"content-type": kind}, body=body)
        assert answer.status == 415, kind
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        form = f"csrf={caller.csrf}&name=stolen.example".encode()
        assert (
            await place.ask("POST", "/admin/domains", caller, headers={"content-type": kind}, body=form)
        ).status == 415
    assert place.changes() == before


async def test_a_method_is_what_it_says(place: World) -> None:
    caller, before = place.callers["server"], place.changes()
    for name in ("x-http-method-override", "x-method-override", "x-http-method"):
        answer = await place.ask("GET", f"/api/v1/accounts/{ANNA}", caller, headers={name: "DELETE"})
        assert answer.status == 200
    assert (await place.ask("GET", f"/api/v1/accounts/{ANNA}?_method=DELETE", caller)).status == 422
    for method in ("TRACE", "CONNECT", "PROPFIND", "GET\tX"):
        assert (await place.ask(method, "/admin/domains", caller)).status in (403, 405), method
    assert place.changes() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": f"https://evil.{HOST}"},
    ],
)
async def test_foreign_pages_cannot_even_sign_in(place: World, headers: dict[str, str]) -> None:
    before = place.changes()
    answer = await place.post("/sign-in", {"login": ANNA, "password": PASSWORD}, headers=headers)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    secret = await place.post(
        "/admin/domains", {"name": "stolen.example"}, place.callers["server"], headers=headers
    )
    assert secret.status == 403  # even with the secret of the form
    assert place.changes() == before


# --------------------------------------------------------------------------------------- hosts and forwarding


async def test_a_strangers_word_about_host_and_address_counts_nothing(place: World) -> None:
    claims = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": EVIL,
        "x-forwarded-proto": "http",
        "x-real-ip": "127.0.0.1",
        "forwarded": f"for=127.0.0.1;host={EVIL};proto=http",
    }
    answer = await place.ask("GET", "/admin", headers=claims)
    assert answer.headers["location"] == "/sign-in?next=/admin"
    assert "strict-transport-security" in answer.headers
    assert (await place.ask("GET", "/metrics", headers=claims)).status == 403
    assert EVIL.encode() not in (await place.ask("GET", "/sign-in", headers=claims)).body
    for host in (EVIL, f"{HOST}.{EVIL}", f"{HOST}@{EVIL}", "", f"{HOST}:443:{EVIL}"):
        for path in ("/sign-in", "/sign-in/passkey", "/sign-in/oidc/begin", "/api/v1/me"):
            assert (await place.ask("GET", path, headers={"host": host})).status == 421, (host, path)


async def test_numbers_are_not_told_through_a_proxy_nobody_declared(place: World) -> None:
    class Numbers:
        async def exposition(self) -> str:
            return "posthouse_up 1\n"

    place.context.measures = Numbers()  # type: ignore[assignment]
    assert (await place.ask("GET", "/metrics", peer="127.0.0.1")).status == 200
    for name in ("x-forwarded-for", "x-real-ip", "forwarded"):
        answer = await place.ask("GET", "/metrics", peer="127.0.0.1", headers={name: "192.0.2.1"})
        assert answer.status == 403, name


async def test_autodiscover_sends_nobody_elsewhere(place: World) -> None:
    path = f"/autodiscover/autodiscover.json?Protocol=AutodiscoverV1&Email={ANNA}"

    async def no_listeners() -> Any:
        from posthouse.manage.context import ListenerState, LiveState

        return LiveState(listeners=(ListenerState(protocol="imap", tls="implicit", address="", port=993),))

    place.context.live = no_listeners
    for host in (EVIL, f"autodiscover.own.example.{EVIL}"):
        answer = await place.ask("GET", path, headers={"host": host})
        assert answer.json["Url"] == f"https://{HOST}/autodiscover/autodiscover.xml", answer.body
    answer = await place.ask("GET", path, headers={"host": "autodiscover.own.example"})
    assert answer.json["Url"].startswith("https://autodiscover.own.example/")


# -------------------------------------------------------------------------------------------- what is shown


async def test_what_others_wrote_is_text(place: World) -> None:
    """Names of tokens, browsers, factors and all that stands in the audit."""
    await place.post("/sign-in", {"login": ROOT, "password": PASSWORD}, headers={"user-agent": HOSTILE})
    caller = place.callers["server"]
    form = {"name": HOSTILE, "rights": ["view"]}
    assert (await place.post("/me/tokens/add", form, caller)).status == 200
    odd = '"<b>x</b>"@own.example'
    await place.ask("POST", "/api/v1/aliases", caller, json={"address": odd, "target": ANNA})
    seen = 0
    for path in ("/me/tokens", "/me/sessions", f"/admin/accounts/{ROOT}", "/admin/audit", "/admin/aliases"):
        body = (await place.ask("GET", path, caller)).body.decode()
        assert HOSTILE not in body
        assert "<script>alert" not in body
        assert "<b>x</b>" not in body
        assert "<img src=x" not in body
        seen += "alert(1)" in body
    assert seen >= 3  # it is shown, as text
    for path in ("/admin/accounts", "/admin/domains", "/admin/aliases", "/admin/audit"):
        for name in ("search", "after", "page", "domain", "actor", "use", "subject"):
            answer = await place.ask("GET", f"{path}?{name}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", caller)
            assert b"<script>alert" not in answer.body
            assert answer.status < 500


async def test_pages_hold_no_script_and_are_kept_by_nobody(place: World) -> None:
    caller, looked_at = place.callers["server"], 0
    for page in pages():
        if page.method == "GET":
            answer = await place.ask("GET", path_of(page), caller)
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy, page.path
            assert "frame-ancestors 'none'" in policy, page.path
            assert answer.headers["cache-control"] == "no-store", page.path
            assert answer.headers["x-content-type-options"] == "nosniff", page.path
            body = answer.body.decode()
            assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", body), f"{page.path}: a script in the page"
            assert not re.search(r"<[^>]+\son[a-z]+\s*=", body), f"{page.path}: a handler in the page"
            looked_at += 1
    assert looked_at > 30


async def test_files_are_only_those_there_are(place: World) -> None:
    for path in (
        "/static/x/../../../etc/passwd",
        "/static/x/..%2f..%2frender.py",
        "/static/x/%2e%2e/%2e%2e/site.py",
        "/static/x//etc/passwd",
        "/static/x/..\\..\\site.py",
        "/static/x/bootstrap.min.css%00.py",
    ):
        answer = await place.ask("GET", path)
        assert answer.status in (400, 404), path
        assert b"root:" not in answer.body
        assert b"import" not in answer.body


async def test_nobody_forges_log_lines(place: World, capsys: pytest.CaptureFixture[str]) -> None:
    forged = "2031-01-01 00:00:00 [info] signin.accepted login=root"
    await place.ask("GET", "/x%0a" + forged.replace(" ", "%20") + "%0d%0a%1b[31m")
    await place.post("/sign-in", {"login": f"x\n{forged}\r{forged}\x1b[2J@own.example", "password": "wrong"})
    await place.ask("GET", "/api/v1/me", headers={"authorization": f"Bearer ph_{forged}"})
    written = capsys.readouterr().out
    assert "signin.accepted" in written  # it is told, on the line it belongs to
    assert not [line for line in re.split(r"[\n\r\x85\u2028]", written) if line.startswith(forged[:10])]
    assert "\x1b[2J" not in written
    assert "\x1b[31m" not in written


# ------------------------------------------------------------------------------------------- who is there


async def test_nobody_learns_which_accounts_exist(place: World) -> None:
    closed = "closed@own.example"
    await perform(place.context, LOCAL, "account.add", {"address": closed, "password": PASSWORD})
    await perform(place.context, LOCAL, "account.active", {"address": closed, "active": False})
    told = set()
    for login, password in (
        (ANNA, "wrong"),
        ("no.such@own.example", "wrong"),
        (closed, PASSWORD),
        ("a@b.example", "x"),
    ):
        answer = await place.post("/sign-in", {"login": login, "password": password}, peer="203.0.113.5")
        told.add((answer.status, answer.body.replace(login.encode(), b"LOGIN")))
    assert len(told) == 1
    profiles = {
        (await place.ask("GET", f"/mobileconfig?address={name}@own.example")).status
        for name in ("anna", "no.such")
    }
    assert len(profiles) == 1
    challenges = {len((await place.ask("GET", "/sign-in/passkey")).body) for _ in range(2)}
    assert len(challenges) == 1


async def test_a_set_up_server_is_not_set_up_again(place: World) -> None:
    """The link, its reuse, two at once, and a link that comes when there is an administrator."""
    door = place.context.setup
    assert door is not None
    link, before = door.link(), place.changes()
    both = await asyncio.gather(*(place.post(link, {}) for _ in range(5)))
    assert sorted(answer.status for answer in both) == [303, 403, 403, 403, 403]
    winner = next(answer for answer in both if answer.status == 303)
    cookie = re.match(
        r"__Host-posthouse-setup=([^;]+); .*SameSite=strict; Secure", winner.headers["set-cookie"]
    )
    assert cookie
    assert (await place.post(link, {})).status == 403
    sent = {"cookie": f"__Host-posthouse-setup={cookie[1]}"}
    finish = {"password": "taken over", "again": "taken over"}
    assert (
        await place.post("/setup/finish", finish, headers=sent)
    ).status == 403  # without the form's secret
    form = {**finish, "csrf": door.csrf(cookie[1])}
    answer = await place.post("/setup/finish", form, headers=sent)
    assert answer.headers["location"] == "/sign-in"
    assert not door.knows(cookie[1])
    assert place.changes() == before


# ------------------------------------------------------------------------------------------------- too much


async def test_bombs_are_refused_in_words(place: World) -> None:
    caller = place.callers["server"]
    bombs: list[tuple[bytes, int]] = [
        (b"[" * 100_000, 400),
        (b'{"name":' * 50_000, 400),
        (b'{"id":' + b"9" * 5_000 + b"}", 400),
        (b'{"id": 1e999}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b"\xff\xfe{}", 400),
    ]
    for body, status in bombs:
        headers = {"content-type": "application/json"}
        answer = await place.ask("POST", "/api/v1/domains", caller, headers=headers, body=body)
        assert answer.status == status, (body[:20], answer.body[:200])
    laughs = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a><EMailAddress>&d;@own.example</EMailAddress></a>'
    outside = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><EMailAddress>a@own.example</EMailAddress></a>'
    deep = b"<a>" * 5_000
    for xml in (laughs, outside, deep, b"<" * 70_000):
        answer = await place.ask("POST", "/autodiscover/autodiscover.xml", body=xml)
        assert answer.status == 400, xml[:20]


@pytest.mark.parametrize(
    "number", ["9223372036854775808", "99999999999999999999999999", "-99999999999999999999999999"]
)
async def test_numbers_that_no_database_takes(place: World, number: str) -> None:
    caller = place.callers["server"]
    for method, path in (
        ("DELETE", f"/api/v1/me/sessions/{number}"),
        ("DELETE", f"/api/v1/tokens/{number}"),
        ("POST", f"/api/v1/probation/{number}/confirm"),
        ("GET", f"/api/v1/accounts?limit={number}"),
        ("POST", f"/me/sessions/{number}"),
        ("POST", f"/admin/probation/{number}/confirm"),
    ):
        ask = (
            place.post(path, {}, caller)
            if path.startswith(("/me", "/admin"))
            else place.ask(method, path, caller)
        )
        answer = await ask
        assert 400 <= answer.status < 500, (method, path, answer.status, answer.body[:300])


async def test_pages_and_places_count_requests(template: Path, tmp_path: Path) -> None:
    few = {settings_http.RATE.name: 0.1, settings_http.BURST.name: 40}
    async with world(template, tmp_path / "world", **few) as place:
        for path, caller, status in (
            ("/sign-in", NOBODY, 200),
            ("/me", place.callers["user"], 200),
            ("/health/live", NOBODY, 200),
        ):
            answers = [await place.ask("GET", path, caller, peer="203.0.113.9") for _ in range(60)]
            assert answers[0].status == status, path
            assert answers[-1].status == 429, path
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert (await place.ask("GET", path, place.callers["domain"], peer="203.0.113.10")).status != 429
        tries = [
            await place.post("/sign-in/second", {"factor": "totp"}, peer="203.0.113.11") for _ in range(60)
        ]
        assert tries[-1].status == 429


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that goes on for ever, asked about often."""

    async def watching(call: Call, wanted: Any) -> Any:
        for _ in iter(int, 1):
            await call.emit(register.Progress(text="still"))
            await asyncio.sleep(0.01)

    monkeypatch.setitem(register._uses, "log.watch", dataclasses.replace(uses()["log.watch"], body=watching))
    monkeypatch.setattr(streams, "ASK_AGAIN_SECONDS", 0.05)


async def test_a_stream_ends_with_the_right_to_watch(place: World, endless: None) -> None:
    watching = asyncio.ensure_future(place.ask("GET", "/api/v1/log/watch", place.callers["token view"]))
    await asyncio.sleep(0.15)
    assert not watching.done()
    secret = place.callers["token view"].token
    await perform(place.context, LOCAL, "token.remove", {"id": place.ids[f"token {secret}"]})
    answer = await asyncio.wait_for(watching, 10)
    assert answer.status == 200
    assert len(answer.pieces) > 2


async def test_nobody_opens_streams_without_end(place: World, endless: None) -> None:
    caller = place.callers["token view"]
    open_now = [
        asyncio.ensure_future(place.ask("GET", "/api/v1/log/watch", caller))
        for _ in range(streams.MOST_STREAMS)
    ]
    await asyncio.sleep(0.1)
    assert (await place.ask("GET", "/api/v1/log/watch", caller)).status == 429
    other = place.ask("GET", "/api/v1/log/watch", place.callers["server"], leave_after=1)
    assert (await asyncio.wait_for(other, 10)).status == 200
    place.parts.stopping.set()
    assert {(await one).status for one in open_now} == {200}


# ------------------------------------------------------------------------------------------- on the wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path_factory.mktemp("wire") / "server")
    made.start()
    yield made
    made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_one_request_is_not_read_as_two(server: RunningServer, head: bytes) -> None:
    """Whatever a proxy before us believed about where the body ends: what follows is never a request of its own."""
    with socket.create_connection(("127.0.0.1", server.http), timeout=20) as wire:
        wire.sendall(b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n" + head + SMUGGLED)
        told = b""
        while piece := wire.recv(65536):
            told += piece
    assert told.startswith(b"HTTP/1.1 4")
    assert told.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in server.log
