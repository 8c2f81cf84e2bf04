"""What mail programs are told: who may ask, which ports, and the profile's signature."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from posthouse.http.autoconfig import email_in
from posthouse.manage import client_profile, setup_facts
from posthouse.manage.client_settings import MailService
from posthouse.manage.context import Actor, Context, ListenerState, LiveState
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.net.certificates import SelfMade
from posthouse.settings.contract import Settings

IMAPS = MailService("imap", "mail.example.org", 993, "implicit")
SMTPS = MailService("smtp", "mail.example.org", 465, "implicit")


async def test_who_may_ask(context: Context) -> None:
    """A user about the own address only; it need not exist for an administrator; never about others' domains."""
    root = Actor("root", "test")
    await perform(context, root, "domain.add", {"name": "example.org"})
    context.settings.now = Settings({"server.hostname": "mail.example.org"})

    async def live() -> LiveState:
        states = [("imap", "implicit", 993), ("imap", "none", 1143), ("submission", "starttls", 587)]
        return LiveState(listeners=tuple(ListenerState(protocol=p, tls=t, port=n) for p, t, n in states))

    context.live = live
    user = Actor("anna@example.org", "test", role="user", account="anna@example.org")
    found = await perform(context, user, "client.settings", {})
    assert [(each.protocol, each.port) for each in found.incoming + found.outgoing] == [
        ("imap", 993),
        ("smtp", 587),
    ]
    assert found.profile == found.qr == ""  # there is no https
    with pytest.raises(ManageError) as refused:
        await perform(context, user, "client.settings", {"address": "bert@example.org"})
    assert refused.value.kind == "refused"
    assert (
        await perform(context, root, "client.settings", {"address": "x@example.org"})
    ).incoming == found.incoming
    with pytest.raises(ManageError) as missing:
        await perform(context, root, "client.settings", {"address": "x@example.com"})
    assert missing.value.kind == "missing"


def test_the_port_that_others_reach_is_told() -> None:
    """Before one on loopback, and the standard one before another."""
    states = [
        ListenerState(protocol="imap", tls="implicit", address="127.0.0.1", port=993),
        ListenerState(protocol="imap", tls="implicit", address="192.0.2.1", port=2993),
        ListenerState(protocol="imap", tls="implicit", address="", port=993),
        ListenerState(protocol="lmtp", tls="none", path="/run/lmtp"),
    ]
    assert [(each.protocol, each.port) for each in setup_facts.offered(states)] == [("imap", 993)]
    assert [each.port for each in setup_facts.offered(states[:2])] == [2993]


def test_the_profile_is_signed_and_holds_no_password(tmp_path: Path) -> None:
    """The certificate goes with it; what is signed is the profile; without a key there is no signature."""
    file = SelfMade(tmp_path, ["mail.example.org"]).ensure()
    data = client_profile.plain("anna@example.org", "mail.example.org", [IMAPS], [SMTPS])
    signed = client_profile.signed(data, file, file)
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    assert pkcs7.load_der_pkcs7_certificates(signed) == [certificate]
    assert data in signed
    account = plistlib.loads(data)["PayloadContent"][0]
    assert (account["IncomingMailServerPortNumber"], account["OutgoingMailServerPortNumber"]) == (993, 465)
    assert not {"IncomingPassword", "OutgoingPassword"} & set(account)
    assert client_profile.signed(data, file, tmp_path / "none") == b""


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<a>",
        b"<a><EMailAddress>nobody</EMailAddress></a>",
        b"<!DOCTYPE a><a><EMailAddress>a@example.org</EMailAddress></a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a><EMailAddress>&x;@example.org</EMailAddress></a>',
        b"<a>" * 20 + b"</a>" * 20,
        b"<a><EMailAddress>" + b"a" * 400 + b"@example.org</EMailAddress></a>",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_autodiscover_request(xml: bytes) -> None:
    """It is refused before anything is made of it."""
    with pytest.raises(ValueError):
        email_in(xml)


def test_an_autodiscover_request() -> None:
    """The address, in any namespace."""
    assert (
        email_in(b'<a xmlns="urn:x"><Request><EMailAddress> a@example.org </EMailAddress></Request></a>')
        == "a@example.org"
    )
