"""The small parts under HTTP: names, proxies, fixed places, ClientHello, rates, origins."""

from __future__ import annotations

import ipaddress
import ssl

import pytest
from starlette.requests import Request

from posthouse.http import csrf
from posthouse.http.hello import Hello, read_hello
from posthouse.http.names import host_of, is_ours
from posthouse.http.rate import Rates
from posthouse.http.well_known import WellKnown
from posthouse.http.who import bearer, behind_proxies
from posthouse.manage.context import Actor
from posthouse.manage.identity import BrowserSession
from posthouse.settings import http as settings_http
from posthouse.settings.contract import CurrentSettings, Settings

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("mail.example.org", "mail.example.org"),
        ("Mail.Example.Org.:8443", "mail.example.org"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("[::1", ""),
        ("[evil.example]", ""),
        ("a:b", ""),
        ("a:1:2", ""),
        ("", ""),
    ],
)
def test_host_of(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("mail.example.org", True),
        ("www.wild.example", True),
        ("a.www.wild.example", False),
        ("wild.example", False),
        ("evil.example", False),
        ("localhost", True),
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("", False),
    ],
)
def test_is_ours(host: str, ours: bool) -> None:
    assert is_ours(host, {"mail.example.org", "*.wild.example"}) is ours


def test_a_stranger_is_not_believed_about_where_he_comes_from() -> None:
    lies = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}
    assert behind_proxies("192.0.2.9", False, lies, TRUSTED) == ("192.0.2.9", False)


def test_a_proxy_is_believed_as_far_as_it_vouches() -> None:
    said = {"x-forwarded-for": "127.0.0.1, 192.0.2.9, 10.1.1.1", "x-forwarded-proto": "https"}
    assert behind_proxies("10.0.0.1", False, said, TRUSTED) == ("192.0.2.9", True)
    assert behind_proxies("10.0.0.1", True, {"x-forwarded-for": "nonsense"}, TRUSTED) == ("10.0.0.1", True)
    assert behind_proxies("10.0.0.1", True, {}, TRUSTED) == ("10.0.0.1", True)


def test_fixed_places_the_longest_prefix_answers() -> None:
    async def one(request: Request) -> None: ...
    async def two(request: Request) -> None: ...

    places = WellKnown()
    places.add("/.well-known/", one)  # type: ignore[arg-type]
    places.add("/.well-known/acme-challenge/", two, plain_ok=False)  # type: ignore[arg-type]
    found = places.find("/.well-known/acme-challenge/abc")
    assert found is not None
    assert found.handler is two
    assert not found.plain_ok
    other = places.find("/.well-known/mta-sts.txt")
    assert other is not None
    assert other.handler is one
    assert places.find("/elsewhere") is None
    with pytest.raises(ValueError, match="already"):
        places.add("/.well-known/", two)  # type: ignore[arg-type]
    places.remove("/.well-known/")
    assert places.find("/.well-known/mta-sts.txt") is None


def client_hello(name: str, protocols: list[str]) -> bytes:
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def test_a_client_hello_is_read_when_it_is_complete() -> None:
    hello = client_hello("mail.example.org", ["acme-tls/1"])
    for cut in range(len(hello)):
        assert read_hello(hello[:cut]) is None, cut
    assert read_hello(hello) == Hello("mail.example.org", ("acme-tls/1",))
    assert read_hello(client_hello("a.example", [])) == Hello("a.example", ())


def test_a_client_hello_in_several_records() -> None:
    hello = client_hello("mail.example.org", ["acme-tls/1", "h2"])
    body = hello[5:]
    records = b"".join(
        b"\x16\x03\x01" + len(body[at : at + 50]).to_bytes(2, "big") + body[at : at + 50]
        for at in range(0, len(body), 50)
    )
    assert read_hello(records) == Hello("mail.example.org", ("acme-tls/1", "h2"))


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x16" * 20000]
)
def test_what_is_no_client_hello_is_left_to_the_handshake(data: bytes) -> None:
    assert read_hello(data) == Hello()


def test_a_bucket_empties_and_fills() -> None:
    now = 0.0
    settings = CurrentSettings(Settings({settings_http.RATE.name: 2.0, settings_http.BURST.name: 3}))
    rates = Rates(settings, clock=lambda: now)
    assert [rates.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rates.take("a") == pytest.approx(0.5)
    assert rates.take("b") == 0.0
    now = 0.5
    assert rates.take("a") == 0.0
    assert rates.take("a") > 0
    now = 100.0
    assert [rates.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def request(headers: dict[str, str], scheme: str = "https") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in {"host": "mail.example.org", **headers}.items()]
    return Request({"type": "http", "scheme": scheme, "headers": raw, "path": "/", "method": "POST"})


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"origin": "https://mail.example.org"}, False),
        ({"origin": "https://MAIL.example.org"}, False),
        ({"origin": "http://mail.example.org"}, True),
        ({"origin": "https://mail.example.org.evil.example"}, True),
        ({"origin": "null"}, True),
    ],
)
def test_requests_of_foreign_pages(headers: dict[str, str], is_foreign: bool) -> None:
    assert csrf.foreign(request(headers)) is is_foreign


def test_the_token_of_a_session() -> None:
    session = BrowserSession(Actor("a", "web"), csrf="right")
    assert csrf.matches(session, "right")
    assert not csrf.matches(session, "wrong")
    assert not csrf.matches(session, "")
    assert not csrf.matches(session, "\ud800")


@pytest.mark.parametrize(
    ("value", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic YQ==", ""), ("Bearer", ""), (None, None)],
)
def test_bearer(value: str | None, token: str | None) -> None:
    assert bearer(request({} if value is None else {"authorization": value})) == token
