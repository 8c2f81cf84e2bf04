"""SCRAM-SHA-256-PLUS (RFC 7677, RFC 5929) over a real TLS 1.2 connection, with a client of its own; on TLS 1.3,
for which Python has no binding, it is not offered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

ANNA = "anna@posthouse.test"
PLUS, BARE = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(Path(tmp_path_factory.mktemp("scram")))
    running.start()
    try:
        running.add_domain()
        running.add_account(ANNA)
        yield running
    finally:
        running.kill()
    assert "Traceback" not in running.log, running.log[-4000:]


def context(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's context that speaks just this version."""
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    return made


class Scram:
    """The client's side. ``binding`` is what it believes the channel to be (None: no channel binding),
    ``flag`` the GS2 header's first field when it is another than that implies."""

    def __init__(self, binding: bytes | None, flag: str = "") -> None:
        flag = flag or ("n" if binding is None else "p=tls-unique")
        self.header = f"{flag},,".encode()
        self.bound = self.header + (binding or b"")
        self.bare = f"n={ANNA},r=clientnonce".encode()
        self.signature = b""

    def first(self) -> bytes:
        return self.header + self.bare

    def final(self, challenge: bytes) -> bytes:
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        without_proof = b"c=" + base64.b64encode(self.bound) + b",r=" + fields[b"r"]
        salt, rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        message = b",".join((self.bare, challenge, without_proof))
        mask = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, mask, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def proves_itself(self, server_final: bytes) -> bool:
        """Whether the server knows the password too."""
        return server_final == b"v=" + base64.b64encode(self.signature)


def unique(sock: ssl.SSLSocket) -> bytes:
    found = sock.get_channel_binding("tls-unique")
    assert found
    return found


def smtp(server: RunningServer, version: ssl.TLSVersion) -> smtplib.SMTP_SSL:
    client = smtplib.SMTP_SSL("127.0.0.1", server.submissions, context=context(version), timeout=30)
    client.ehlo()
    return client


def smtp_sign_in(client: smtplib.SMTP_SSL, mechanism: str, scram: Scram) -> int:
    """AUTH; the code of the last answer."""
    code, text = client.docmd("AUTH", f"{mechanism} {base64.b64encode(scram.first()).decode()}")
    if code != 334:
        return code
    code, text = client.docmd(base64.b64encode(scram.final(base64.b64decode(text))).decode())
    if code != 334:
        return code
    assert scram.proves_itself(base64.b64decode(text))
    return client.docmd("")[0]


def test_smtp(server: RunningServer) -> None:
    """Offered on TLS 1.2 and binds to this very channel; the binding of another channel is refused; on TLS 1.3
    only the plain kind is offered, and -PLUS is refused."""
    with smtp(server, ssl.TLSVersion.TLSv1_2) as client:
        assert PLUS in client.esmtp_features["auth"].split()
        assert smtp_sign_in(client, PLUS, Scram(unique(client.sock))) == 235
    with smtp(server, ssl.TLSVersion.TLSv1_2) as client:
        other = bytes(byte ^ 1 for byte in unique(client.sock))
        assert smtp_sign_in(client, PLUS, Scram(other)) == 535
    with smtp(server, ssl.TLSVersion.TLSv1_3) as client:
        offered = client.esmtp_features["auth"].split()
        assert BARE in offered
        assert PLUS not in offered
        assert smtp_sign_in(client, PLUS, Scram(b"x" * 12)) == 504
        assert smtp_sign_in(client, BARE, Scram(None)) == 235


def test_smtp_notices_that_the_offer_was_cut(server: RunningServer) -> None:
    """A client that could bind but was not offered it (flag y) is refused where it was offered: somebody
    between removed it (RFC 5802 6). On TLS 1.3 the flag is harmless."""
    with smtp(server, ssl.TLSVersion.TLSv1_2) as client:
        assert smtp_sign_in(client, BARE, Scram(None, "y")) == 535
    with smtp(server, ssl.TLSVersion.TLSv1_3) as client:
        assert smtp_sign_in(client, BARE, Scram(None, "y")) == 235


def test_imap(server: RunningServer) -> None:
    """The same over IMAP, after STARTTLS too."""
    for implicit in (True, False):
        client = imap(server, ssl.TLSVersion.TLSv1_2, implicit)
        assert f"AUTH={PLUS}" in client.capabilities
        scram = Scram(unique(client.sock))
        answers = []

        def respond(challenge: bytes, scram: Scram = scram, answers: list[bytes] = answers) -> bytes:
            answers.append(challenge)
            if challenge == b"":
                return scram.first()
            return scram.final(challenge) if challenge.startswith(b"r=") else b""

        assert client.authenticate(PLUS, respond)[0] == "OK"
        assert scram.proves_itself(answers[-1])
        assert client.select()[0] == "OK"
        client.logout()
    client = imap(server, ssl.TLSVersion.TLSv1_3, True)
    assert f"AUTH={PLUS}" not in client.capabilities
    assert f"AUTH={BARE}" in client.capabilities
    client.logout()


def imap(server: RunningServer, version: ssl.TLSVersion, implicit: bool) -> imaplib.IMAP4:
    if implicit:
        return imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(version), timeout=30)
    client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
    client.starttls(context(version))
    return client


def test_pop3(server: RunningServer) -> None:
    """And over POP3."""
    client = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(ssl.TLSVersion.TLSv1_2), timeout=30)
    assert PLUS in client.capa()["SASL"]
    assert isinstance(client.sock, ssl.SSLSocket)
    scram = Scram(unique(client.sock))
    challenge = client._shortcmd(f"AUTH {PLUS} {base64.b64encode(scram.first()).decode()}")  # type: ignore[attr-defined]
    final = scram.final(base64.b64decode(challenge[2:]))
    challenge = client._shortcmd(base64.b64encode(final).decode())  # type: ignore[attr-defined]
    assert scram.proves_itself(base64.b64decode(challenge[2:]))
    assert client._shortcmd("").startswith(b"+OK")  # type: ignore[attr-defined]
    client.quit()
    client = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(ssl.TLSVersion.TLSv1_3), timeout=30)
    offered = client.capa()["SASL"]
    assert BARE in offered
    assert PLUS not in offered
    client.quit()
