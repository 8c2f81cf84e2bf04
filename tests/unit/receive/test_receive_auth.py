"""Signing in, and what a signed-in user may do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac

import pytest
from receive_parts import SALT, Reception, Talk, codes

from posthouse.net.contract import TlsInfo
from posthouse.receive.parts import Kind
from posthouse.receive.session import Session
from posthouse.settings import smtp
from posthouse.wire.sasl.cram_md5 import answer, key_of

GOOD = base64.b64encode(b"\0anna@example.org\0secret").decode()
WRONG = base64.b64encode(b"\0anna@example.org\0guess").decode()


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def under_tls(session: Session) -> None:
    session.tls = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384")


def under_old_tls(session: Session) -> None:
    session.tls = TlsInfo("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", unique=b"unique")


def submission(server: Reception) -> Talk:
    talk = server.talk(Kind.SUBMISSION, change=under_tls)
    talk.say("EHLO client.example")
    return talk


async def test_auth_is_offered_only_where_passwords_are_safe() -> None:
    """No AUTH in clear from afar; over TLS and on this machine it is announced; -PLUS only with tls-unique."""
    server = Reception()
    assert b"AUTH" not in server.talk(Kind.SUBMISSION).say("EHLO c")
    assert b"250-AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN\r\n" in server.talk(
        Kind.SUBMISSION, address="127.0.0.1"
    ).say("EHLO c")
    assert b"250-AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN\r\n" in server.talk(
        Kind.SUBMISSION, change=under_tls
    ).say("EHLO c")
    assert b"AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS " in server.talk(
        Kind.SUBMISSION, change=under_old_tls
    ).say("EHLO c")
    talk = server.talk(Kind.SUBMISSION)
    assert talk.codes("EHLO c", f"AUTH PLAIN {GOOD}", "MAIL FROM:<>") == ["250", "538", "530"]
    assert server.directory.tries == []


async def test_auth_on_port_25_is_a_setting() -> None:
    """Port 25 offers AUTH only where the setting says so; LMTP never does."""
    assert b"AUTH" not in Reception().talk(change=under_tls).say("EHLO c")
    server = Reception({smtp.AUTH_ON_MX: True})
    talk = server.talk(change=under_tls)
    assert b"AUTH" in talk.say("EHLO c")
    assert talk.codes(f"AUTH PLAIN {GOOD}", "MAIL FROM:<anna@example.org>") == ["235", "250"]
    assert b"AUTH" not in server.talk(Kind.LMTP, change=under_tls).say("LHLO c")


async def test_submission_needs_a_sign_in() -> None:
    """MAIL before AUTH is 530; after it the message carries account, login and the word ESMTPSA."""
    server = Reception()
    talk = submission(server)
    assert talk.codes("MAIL FROM:<anna@example.org>") == ["530"]
    assert talk.codes(f"AUTH PLAIN {GOOD}") == ["235"]
    assert b"AUTH" not in talk.say("EHLO client.example")
    assert talk.codes(f"AUTH PLAIN {GOOD}") == ["503"]
    said = talk.codes(
        "MAIL FROM:<anna@example.org>", "RCPT TO:<bert@example.org>", "DATA", b"To: b\r\n\r\nx\r\n.\r\n"
    )
    assert said == ["250", "250", "354", "250"]
    envelope, body = server.acceptance.messages[0]
    assert (envelope.origin.account_id, envelope.origin.login) == (7, "anna@example.org")
    assert b"with ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n" in body
    assert server.directory.tries == [("anna@example.org", True, "203.0.113.9", "submission")]


async def test_submission_adds_date_and_message_id_where_they_lack() -> None:
    """Missing fields are added, given ones are left alone (RFC 6409 8)."""
    server = Reception()
    talk = submission(server)
    talk.say(f"AUTH PLAIN {GOOD}")
    for header in (b"From: anna@example.org\r\n", b"date: x\r\n", b"MESSAGE-ID: <1@x>\r\nDate: y\r\n"):
        talk.say(
            "MAIL FROM:<anna@example.org>", "RCPT TO:<bert@example.org>", "DATA", header + b"\r\nx\r\n.\r\n"
        )
    bodies = [body.partition(b"\r\n\r\n")[0].lower() for _, body in server.acceptance.messages]
    assert [body.count(b"\r\ndate:") for body in bodies] == [1, 1, 1]
    assert [body.count(b"\r\nmessage-id: <") for body in bodies] == [1, 1, 1]
    assert b"\r\nmessage-id: <t1.1@mail.example.org>\r\nfrom: a" in bodies[0]


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("<anna@example.org>", "250"),
        ("<sales@example.org>", "250"),
        ("<>", "250"),
        ("<bert@example.org>", "553"),
        ("<anna@far.example>", "553"),
    ],
)
async def test_users_send_as_themselves(sender: str, code: str) -> None:
    """MAIL FROM is the user's own address or alias, or null; anything by setting."""
    talk = submission(Reception())
    assert talk.codes(f"AUTH PLAIN {GOOD}", f"MAIL FROM:{sender}") == ["235", code]
    talk = submission(Reception({smtp.SENDER_MUST_BE_OWN: False}))
    assert talk.codes(f"AUTH PLAIN {GOOD}", f"MAIL FROM:{sender}") == ["235", "250"]


async def test_remote_recipients_of_a_user_are_what_reception_says() -> None:
    """Being signed in changes nothing about who decides on recipients."""
    talk = submission(Reception())
    talk.say(f"AUTH PLAIN {GOOD}", "MAIL FROM:<anna@example.org>")
    assert talk.codes("RCPT TO:<x@far.example>") == ["550"]


async def test_plain_and_login_by_challenge() -> None:
    """The responses may come one by one, or the first with the command, or all in one packet."""
    talk = submission(Reception())
    assert talk.say("AUTH PLAIN") == b"334 \r\n"
    assert talk.codes(GOOD) == ["235"]
    talk = submission(Reception())
    assert talk.say("AUTH login") == b"334 VXNlcm5hbWU6\r\n"
    assert talk.say(b64("anna@example.org")) == b"334 UGFzc3dvcmQ6\r\n"
    assert talk.codes(b64("secret")) == ["235"]
    talk = submission(Reception())
    assert talk.codes(f"AUTH LOGIN {b64('anna@example.org')}", b64("secret"), "NOOP") == ["334", "235", "250"]


def scram_final(first: bytes, challenge: bytes, password: bytes) -> bytes:
    nonce = challenge.split(b",")[0][2:]
    without_proof = b"c=biws,r=" + nonce
    key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, SALT, 4096), b"Client Key", "sha256")
    signature = hmac.digest(
        hashlib.sha256(key).digest(), b",".join((first[3:], challenge, without_proof)), "sha256"
    )
    return (
        without_proof + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
    )


@pytest.mark.parametrize(
    ("login", "password", "expected"),
    [
        ("anna@example.org", b"secret", "235"),
        ("anna@example.org", b"guess", "535"),
        ("nobody@example.org", b"secret", "535"),
    ],
)
async def test_scram(login: str, password: bytes, expected: str) -> None:
    """SCRAM-SHA-256 end to end; an unknown login looks like a wrong password all the way."""
    server = Reception()
    talk = submission(server)
    first = f"n,,n={login},r=abc".encode()
    said = talk.say(f"AUTH SCRAM-SHA-256 {b64(first)}")
    assert said.startswith(b"334 ")
    said = talk.say(b64(scram_final(first, base64.b64decode(said[4:]), password)))
    if expected == "235":
        assert base64.b64decode(said[4:]).startswith(b"v=")
        said = talk.say("")
    assert codes(said) == [expected]
    assert server.directory.tries == [(login, expected == "235", "203.0.113.9", "submission")]


async def test_scram_keys_that_prove_a_made_up_login_do_not_sign_in() -> None:
    """Even a right proof for made-up keys signs nobody in."""
    talk = submission(Reception())
    first = b"n,,n=nobody@example.org,r=abc"
    said = talk.say(f"AUTH SCRAM-SHA-256 {b64(first)}")
    talk.say(b64(scram_final(first, base64.b64decode(said[4:]), b"made up")))
    assert talk.codes("") == ["535"]
    assert talk.codes("MAIL FROM:<anna@example.org>") == ["530"]


async def test_cancelled_malformed_and_unknown() -> None:
    """``*`` cancels with 501; what is not base64 or no response is 501; an unknown mechanism 504; nothing
    is verified."""
    server = Reception({smtp.MAX_ERRORS: 50})
    talk = submission(server)
    assert talk.codes("AUTH PLAIN", "*") == ["334", "501"]
    assert talk.codes("AUTH PLAIN", "!!!!", "NOOP") == ["334", "501", "250"]
    assert talk.codes("AUTH PLAIN " + b64("nothing")) == ["501"]
    assert talk.codes("AUTH PLAIN =") == ["501"]
    assert talk.codes("AUTH", "AUTH PLAIN a b", "AUTH CRAM-MD5", "AUTH SCRAM-SHA-256-PLUS") == [
        "501",
        "501",
        "504",
        "504",
    ]
    assert talk.codes("AUTH PLAIN", b"A" * 13000 + b"\r\n", "NOOP") == ["334", "500", "250"]
    assert talk.codes("AUTH PLAIN", b"A" * 12000 + b"\r\n", "NOOP") == ["334", "501", "250"]
    assert server.directory.tries == []
    assert talk.codes(b"x" * 3000 + b"\r\n") == ["500"]


async def test_another_identity_is_refused() -> None:
    """PLAIN on behalf of somebody else fails as a sign-in, and counts as one."""
    server = Reception({smtp.MAX_AUTH_FAILURES: 1})
    talk = submission(server)
    assert talk.codes("AUTH PLAIN " + b64("root\0anna@example.org\0secret")) == ["421"]
    assert server.directory.tries == [("root*anna@example.org", False, "203.0.113.9", "submission")]


async def test_failures_are_slowed_down_and_end_the_session() -> None:
    """A failure is answered after the delay the directory asks for; the last one allowed with 421."""
    server = Reception({smtp.MAX_AUTH_FAILURES: 3})
    server.directory.delay = 0.05
    talk = submission(server)
    assert talk.say(f"AUTH PLAIN {WRONG}", "NOOP") == b""
    await asyncio.sleep(0.1)
    assert codes(talk.heard()) == ["535", "250"]
    server.directory.delay = 0.0
    assert talk.codes(f"AUTH PLAIN {WRONG}", f"AUTH PLAIN {WRONG}") == ["535", "421"]
    assert talk.over


async def test_a_directory_that_cannot_be_asked_is_a_temporary_failure() -> None:
    """454 when the directory says so; nothing counts as a failed sign-in."""
    server = Reception({smtp.MAX_AUTH_FAILURES: 1})
    server.directory.temporary = True
    talk = submission(server)
    assert talk.codes(f"AUTH PLAIN {GOOD}", f"AUTH PLAIN {GOOD}", "NOOP") == ["454", "454", "250"]


async def test_no_sign_in_within_a_transaction() -> None:
    """AUTH between MAIL and the end of the message is out of place (RFC 4954 4)."""
    server = Reception({smtp.AUTH_ON_MX: True})
    talk = server.talk(change=under_tls)
    talk.begin()
    assert talk.codes(f"AUTH PLAIN {GOOD}") == ["503"]


async def test_a_users_refused_recipients_are_not_held_against_them() -> None:
    """A long list with many dead addresses does not end a user's session."""
    talk = submission(Reception({smtp.MAX_ERRORS: 3}))
    talk.say(f"AUTH PLAIN {GOOD}", "MAIL FROM:<anna@example.org>")
    assert talk.codes(*["RCPT TO:<x@far.example>"] * 10, "NOOP") == ["550"] * 10 + ["250"]


async def test_cram_md5_where_it_is_wanted() -> None:
    """Announced last, with the rule of the others: not in clear from afar. The server speaks first."""
    server = Reception()
    assert submission(server).codes("AUTH CRAM-MD5") == ["504"]
    server.directory.host = "mail.example.org"
    assert b" PLAIN LOGIN CRAM-MD5\r\n" in server.talk(Kind.SUBMISSION, change=under_tls).say("EHLO c")
    assert server.talk(Kind.SUBMISSION).codes("EHLO c", "AUTH CRAM-MD5") == ["250", "538"]
    for password, code in (("secret", "235"), ("guess", "535")):
        talk = submission(server)
        challenge = base64.b64decode(talk.say("AUTH CRAM-MD5").split()[-1])
        assert challenge.endswith(b"@mail.example.org>")
        digest = answer(key_of(password.encode()), challenge).hex()
        assert talk.codes(b64(f"anna@example.org {digest}")) == [code]
    for line in ("nonsense", "!", "", "=", b64("anna@example.org"), "*"):
        talk = submission(server)
        assert talk.codes("AUTH CRAM-MD5", line, "NOOP") == ["334", "501", "250"]
    assert submission(server).codes(f"AUTH CRAM-MD5 {b64('anna')}", "AUTH CRAM-MD5 =", "NOOP") == [
        "501",
        "501",
        "250",
    ]
