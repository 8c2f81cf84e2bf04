"""What every request passes, and what every answer carries."""

from __future__ import annotations

from typing import Any

import pytest
from http_client import ask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from posthouse.http.app import build
from posthouse.http.parts import HttpParts
from posthouse.settings import http as settings_http
from posthouse.settings.contract import CurrentSettings, Settings

STRANGER = "192.0.2.9"


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {"peer": request.client.host, "scheme": request.url.scheme, "size": len(body)}  # type: ignore[union-attr]
    )


async def broken(request: Request) -> Response:
    raise RuntimeError("secret detail")


@pytest.fixture
def settings() -> CurrentSettings:
    return CurrentSettings(Settings({settings_http.TRUSTED_PROXIES.name: "10.0.0.1"}))


@pytest.fixture
def parts() -> HttpParts:
    parts = HttpParts()

    async def proof(request: Request) -> Response:
        return PlainTextResponse("proof")

    parts.well_known.add("/.well-known/acme-challenge/", proof)
    parts.well_known.add("/metrics", proof, plain_ok=False)
    return parts


@pytest.fixture
def app(parts: HttpParts, settings: CurrentSettings) -> Any:
    return build(
        parts=parts,
        settings=settings,
        names=lambda: frozenset({"mail.example.org"}),
        hostname=lambda: "mail.example.org",
        secure_port=8443,
        api=[],
        web=[Route("/echo", echo, methods=["GET", "POST"]), Route("/broken", broken)],
    )


async def test_every_answer_is_hardened(app: Any) -> None:
    for target in ("/echo", "/health", "/nowhere", "/broken", "/.well-known/acme-challenge/x"):
        answer = await ask(app, "GET", target, scheme="https")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'"), target
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await ask(app, "GET", "/echo")).headers


async def test_a_failure_tells_nothing(app: Any) -> None:
    answer = await ask(app, "GET", "/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["evil.example", "mail.example.org.evil.example", "", "mail.example.org:x"])
async def test_names_that_are_not_ours(app: Any, host: str) -> None:
    assert (await ask(app, "GET", "/echo", headers={"host": host})).status == 421
    assert (await ask(app, "GET", "/.well-known/acme-challenge/x", headers={"host": host})).status == 200


async def test_plain_http_is_for_this_machine(app: Any) -> None:
    assert (await ask(app, "GET", "/echo")).status == 200
    assert (await ask(app, "GET", "/echo", peer=STRANGER, scheme="https")).status == 200
    assert (await ask(app, "GET", "/health", peer=STRANGER, headers={"host": "192.0.2.1"})).status == 200
    assert (await ask(app, "GET", "/health", peer=STRANGER, headers={"host": "evil.example"})).status == 421
    assert (await ask(app, "GET", "/.well-known/acme-challenge/x", peer=STRANGER)).status == 200
    assert (await ask(app, "GET", "/metrics", peer=STRANGER)).status == 308


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/echo?a=1&b=%2F", "https://mail.example.org:8443/echo?a=1&b=%2F"),
        ("//evil.example/x", "https://mail.example.org:8443/evil.example/x"),
        ("/%0d%0aSet-Cookie:a=b", "https://mail.example.org:8443/%0D%0ASet-Cookie:a=b"),
        ("/@evil.example", "https://mail.example.org:8443/@evil.example"),
        ("/\\evil.example", "https://mail.example.org:8443/%5Cevil.example"),
    ],
)
async def test_the_way_to_https_leads_nowhere_else(app: Any, target: str, location: str) -> None:
    answer = await ask(app, "GET", target, peer=STRANGER, headers={"host": "evil.example"})
    assert answer.status == 308
    assert answer.headers["location"] == location


async def test_without_https_strangers_are_told(parts: HttpParts, settings: CurrentSettings) -> None:
    app = build(
        parts=parts,
        settings=settings,
        names=frozenset,
        hostname=lambda: "mail.example.org",
        secure_port=0,
        api=[],
        web=[],
    )
    answer = await ask(app, "GET", "/", peer=STRANGER)
    assert answer.status == 403
    assert "[[listener]]" in answer.json["mend"]


async def test_behind_a_proxy_the_visitor_counts(app: Any) -> None:
    headers = {"x-forwarded-for": "127.0.0.1, 192.0.2.50", "x-forwarded-proto": "https"}
    answer = await ask(app, "GET", "/echo", peer="10.0.0.1", headers=headers)
    assert answer.json["peer"] == "192.0.2.50"
    assert answer.json["scheme"] == "https"
    # A stranger cannot become this machine by saying so.
    assert (
        await ask(app, "GET", "/echo", peer=STRANGER, headers={"x-forwarded-for": "127.0.0.1"})
    ).status == 308


async def test_foreign_pages_change_nothing(app: Any) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await ask(app, "POST", "/echo", headers=foreign)).status == 403
    assert (await ask(app, "GET", "/echo", headers=foreign)).status == 200
    # Who holds a token may come from anywhere: browsers do not send it on their own.
    assert (await ask(app, "POST", "/echo", headers={**foreign, "authorization": "Bearer x"})).status == 200


async def test_bodies_have_a_limit(app: Any, settings: CurrentSettings) -> None:
    settings.now = Settings({settings_http.BODY_LIMIT.name: 65536})
    assert (await ask(app, "POST", "/echo", body=b"x" * 65536)).json["size"] == 65536
    assert (await ask(app, "POST", "/echo", body=b"x" * 65537)).status == 413
    undeclared = await ask(app, "POST", "/echo", body=b"x" * 65537, headers={"content-length": "5"})
    assert undeclared.status == 413
    assert (await ask(app, "POST", "/echo", body=b"", headers={"content-length": "-5"})).status == 413


async def test_the_log_tells_no_secrets(app: Any, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "tMhnhwjkYHFKHGQZ0cNa0MMYts_OdYhm"
    await ask(app, "GET", f"/setup/{secret}?token={secret}", headers={"cookie": f"posthouse={secret}"})
    told = capsys.readouterr().out
    assert "http.request" in told
    assert "path=/setup/" in told
    assert secret not in told
