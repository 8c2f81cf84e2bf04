"""One request to a receiver: where it may go, how it is signed, and what is made of the answer."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from webhook_receiver import Receiver

from posthouse.deliver.webhook import Answered, WebhookSender, key_of, new_secret, retry_after, sign
from posthouse.deliver.webhook_address import Forbidden, allowed, check_url, is_public, system_resolve
from posthouse.settings.contract import CurrentSettings, Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_known_signature() -> None:
    """The vector that the libraries of Standard Webhooks are tested with."""
    got = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert got == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_manual_shows_how_to_check_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What receivers copy from there works on the same vector, and finds out what is not genuine."""
    page = (Path(__file__).parents[3] / "docs" / "manual" / "webhooks.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    check, body = names["is_genuine"], b'{"test": 2432232314}'
    headers = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert not check(SECRET, headers, body)  # that was in 2021
    monkeypatch.setattr(names["time"], "time", lambda: 1614265400.0)
    assert check(SECRET, headers, body)
    assert not check(SECRET, headers, body + b" ")
    assert not check("whsec_" + "A" * 32, headers, body)


def test_secrets() -> None:
    """New ones are good and differ; short ones and nonsense are refused."""
    assert len({new_secret() for _ in range(5)}) == 5
    assert len(key_of(new_secret())) == 24
    for bad in ("whsec_", "whsec_abc", "whsec_" + "A" * 28, "whsec_!!!!" + "A" * 32, "whsec_" + "A" * 100):
        with pytest.raises(ValueError, match=r"base64|bytes"):
            key_of(bad)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::1",
        "64:ff9b::10.0.0.1",
        "2001:0:7f00:1::f5ff:fffe",
    ],
)
def test_addresses_that_are_not_for_everybody(address: str) -> None:
    """Loopback, private, link-local, shared, documentation, multicast, and IPv6 forms that carry one of these."""
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(Forbidden, match="not public"):
        allowed("receiver.example", [address], private=False)
    assert allowed("receiver.example", [address], private=True) == [address]


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::9.9.9.9"])
def test_addresses_for_everybody(address: str) -> None:
    """These may be asked; of a mixed answer only these."""
    assert allowed("receiver.example", ["10.0.0.1", address, "nonsense"], private=False) == [address]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://receiver.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("receiver.example/hook", "https://"),
        ("https://", "name a host"),
        ("https://receiver.example:0/", "name a host"),
        ("https://receiver.example:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://me:word@receiver.example/", "user name"),
        ("https://receiver.example/#part", "fragment"),
        ("https://receiver.example/a b", "blanks"),
        ("https://receiver.example/\r\nX: y", "blanks"),
        ("https://receiver.example/" + "x" * 2000, "at most"),
        ("https://localhost/", "not public"),
        ("http://127.0.0.1:8080/", "not public"),
        ("http://[::1]/", "not public"),
    ],
)
def test_urls_that_will_not_do(url: str, complaint: str) -> None:
    """Said at once, when the webhook is made."""
    assert complaint in check_url(url, private=False)


def test_urls_that_will_do() -> None:
    """Private ones where the setting says so."""
    assert check_url("https://receiver.example:8443/hook?key=1", private=False) == ""
    assert check_url("http://127.0.0.1/", private=True) == ""


def test_retry_after() -> None:
    """Seconds or a date; nonsense asks for nothing."""
    assert retry_after("120", 0.0) == 120
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480.0 - 30) == 30
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1545412480.0) == 0
    assert retry_after("soon", 0.0) == retry_after("", 0.0) == retry_after("-5", 0.0) == 0


class Names:
    """A resolver that gives these answers in turn, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str) -> Sequence[str]:
        assert host == "receiver.example"
        self.asked += 1
        return self.answers.pop(0)


def sender(names: Names | None = None, **values: object) -> WebhookSender:
    """One that may ask private addresses unless told otherwise."""
    given = {"webhooks.allow_private": True, "webhooks.timeout": 5.0}
    given |= {f"webhooks.{name}": value for name, value in values.items()}
    settings = CurrentSettings(Settings(given))
    return WebhookSender(settings, names) if names is not None else WebhookSender(settings)


async def post(one: WebhookSender, url: str) -> Answered:
    """One request."""
    return await one.send(url, SECRET, "delivery_1_1", b'{"events":[]}')


async def test_a_request_as_it_arrives() -> None:
    """Signed, with the host as named in the URL, path and query as they are."""
    with Receiver() as receiver:
        names = Names(["127.0.0.1"])
        answer = await post(sender(names), f"http://receiver.example:{receiver.port}/hook?a=%20b")
        assert (answer.taken, answer.status, answer.trouble) == (True, 204, "")
        (got,) = receiver.got
        assert got.is_signed_with(SECRET)
        assert (got.path, got.body, got.id) == ("/hook?a=%20b", b'{"events":[]}', "delivery_1_1")
        assert got.headers["host"] == f"receiver.example:{receiver.port}"
        assert got.headers["content-type"] == "application/json"


async def test_a_name_is_looked_up_once_and_the_checked_address_is_asked() -> None:
    """DNS rebinding: the second answer would be loopback, but nobody asks a second time. And a first answer that is
    loopback is refused before anything is sent."""
    with Receiver() as receiver:
        names = Names(["127.0.0.1"], ["192.0.2.1"])
        assert (await post(sender(names), f"http://receiver.example:{receiver.port}/")).taken
        assert names.asked == 1
        names = Names(["127.0.0.1"], ["127.0.0.1"])
        answer = await post(sender(names, allow_private=False), f"http://receiver.example:{receiver.port}/")
        assert answer.status == 0
        assert "not public" in answer.trouble
        assert len(receiver.got) == 1
        assert names.asked == 1


async def test_the_next_address_is_tried() -> None:
    """A host of which one address does not answer."""
    with Receiver() as receiver:
        names = Names(["127.0.0.2", "127.0.0.1"])
        assert (await post(sender(names), f"http://receiver.example:{receiver.port}/")).taken


async def test_redirects_are_not_followed() -> None:
    """They would lead past the check."""
    with Receiver() as inside, Receiver(reply=lambda _: (302, {"Location": inside.url}, b"")) as receiver:
        answer = await post(sender(), receiver.url)
        assert (answer.taken, answer.status) == (False, 302)
        assert "redirects" in answer.trouble
        assert inside.got == []


async def test_answers_without_end_are_cut_off() -> None:
    """64 KB are read; what counts is the status."""
    large = b"x" * 20_000_000
    with Receiver(reply=lambda _: (200, {}, large)) as receiver:
        assert (await post(sender(), receiver.url)).taken


async def test_a_receiver_that_does_not_answer() -> None:
    """The deadline covers everything; nobody listening is said at once."""
    with Receiver() as receiver:
        receiver.hold.clear()
        answer = await post(sender(timeout=0.2), receiver.url)
        assert answer.status == 0
        assert "within 0.2 seconds" in answer.trouble
    answer = await post(sender(), receiver.url)
    assert (answer.status, answer.taken) == (0, False)
    assert "attempts failed" in answer.trouble


async def test_a_lookup_that_does_not_end() -> None:
    """A dead name server costs no more than the deadline."""

    async def never(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    settings = CurrentSettings(Settings({"webhooks.timeout": 0.1}))
    assert "within" in (await post(WebhookSender(settings, never), "http://receiver.example/")).trouble


async def test_retry_after_counts_for_the_two_answers_that_mean_it() -> None:
    """429 and 503, as RFC 9110 and RFC 6585 say."""
    statuses = [429, 503, 500, 410]
    with Receiver(reply=lambda number: (statuses[number], {"Retry-After": "77"}, b"")) as receiver:
        answers = [await post(sender(), receiver.url) for _ in statuses]
    assert [(each.status, each.retry_after) for each in answers] == [(429, 77), (503, 77), (500, 0), (410, 0)]
    assert [each.gone for each in answers] == [False, False, False, True]


def certificate(folder: Path, *names: str) -> Path:
    """A self-made certificate for these names, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "receiver.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.mark.parametrize(
    ("name", "trusted", "taken"),
    [("receiver.example", True, True), ("receiver.example", False, False), ("other.example", True, False)],
)
async def test_the_certificate_must_be_the_hosts(
    tmp_path: Path, name: str, trusted: bool, taken: bool
) -> None:
    """The request goes to an address, but the certificate is checked for the name; the authority is the system's or
    that of the setting."""
    path = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Receiver(context=context) as receiver:
        one = sender(Names(["127.0.0.1"]), ca_file=str(path) if trusted else "")
        answer = await post(one, f"https://receiver.example:{receiver.port}/hook")
    assert answer.taken == taken
    assert len(receiver.got) == int(taken)
    if not taken:
        assert "certificate" in answer.trouble.lower()


async def test_a_name_without_an_address() -> None:
    """In words, without numbers of the system."""

    async def nowhere(host: str) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    answer = await WebhookSender(CurrentSettings(), nowhere).send(
        "https://receiver.example/", SECRET, "i", b""
    )
    assert answer.trouble == "no address is found for receiver.example (Name or service not known)"


async def test_a_missing_file_of_authorities_is_said(tmp_path: Path) -> None:
    """In the trouble of the webhook, not as a crash."""
    answer = await post(sender(ca_file=str(tmp_path / "none.pem")), "https://127.0.0.1:1/")
    assert "none.pem" in answer.trouble


async def test_a_name_nobody_answers_for_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's lookup cannot be cut off: repeated requests share the one under way."""
    release = threading.Event()
    asked: list[str] = []

    def lookup(host: str, port: object, **more: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host == "dead.example":
            assert release.wait(20)
            raise OSError("no answer")
        return [(0, 0, 0, "", ("192.0.2.1", 0))] * 2

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    for _ in range(6):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(system_resolve("dead.example"), 0.01)
    assert await asyncio.wait_for(system_resolve("live.example"), 15) == ["192.0.2.1"]
    assert asked == ["dead.example", "live.example"]
    last = asyncio.ensure_future(system_resolve("dead.example"))
    await asyncio.sleep(0)
    release.set()
    with pytest.raises(OSError, match="no answer"):
        await last
    assert await system_resolve("live.example") == ["192.0.2.1"]
    assert asked == ["dead.example", "live.example", "live.example"]
