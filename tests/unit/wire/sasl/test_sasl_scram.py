"""SCRAM-SHA-256 on the server side (RFC 5802, RFC 7677)."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from posthouse.wire.sasl import Challenge, Failed, Proven, Scram, WantKeys

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
PASSWORD = b"pencil"
SERVER_NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def keys(password: bytes = PASSWORD) -> tuple[bytes, int, bytes, bytes]:
    salted = hashlib.pbkdf2_hmac("sha256", password, SALT, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return SALT, 4096, stored, hmac.digest(salted, b"Server Key", "sha256")


def client_final(mechanism: Scram, first: bytes, header: bytes, password: bytes = PASSWORD) -> bytes:
    """What an honest client answers; ``header`` is what it puts into ``c=``."""
    asked = mechanism.start(first)
    assert isinstance(asked, WantKeys)
    challenge = mechanism.keys(*keys())
    assert isinstance(challenge, Challenge)
    nonce = challenge.data.split(b",")[0][2:]
    bare = first.split(b",", 2)[2]
    without_proof = b"c=" + base64.b64encode(header) + b",r=" + nonce
    salted = hashlib.pbkdf2_hmac("sha256", password, SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    message = b",".join((bare, challenge.data, without_proof))
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return without_proof + b",p=" + base64.b64encode(proof)


def test_the_exchange_of_rfc_7677_succeeds_byte_for_byte() -> None:
    """The example of RFC 7677 section 3 gives exactly its server messages."""
    mechanism = Scram(nonce=SERVER_NONCE)
    assert mechanism.start(CLIENT_FIRST) == WantKeys("user")
    assert mechanism.keys(*keys()) == Challenge(SERVER_FIRST)
    assert mechanism.respond(CLIENT_FINAL) == Proven("user", SERVER_FINAL)


def test_without_an_initial_response_the_challenge_is_empty() -> None:
    """SCRAM is client-first: the server's first challenge carries nothing."""
    mechanism = Scram()
    assert mechanism.start(None) == Challenge(b"")
    assert mechanism.respond(CLIENT_FIRST) == WantKeys("user")


def test_each_exchange_has_its_own_nonce() -> None:
    """Two exchanges never share a server nonce, and it is 18 random bytes or more."""
    seen = set()
    for _ in range(50):
        mechanism = Scram()
        mechanism.start(CLIENT_FIRST)
        challenge = mechanism.keys(*keys())
        assert isinstance(challenge, Challenge)
        seen.add(challenge.data.split(b",")[0][2 + len("rOprNGfwEbeRWgbNEkqO") :])
    assert len(seen) == 50
    assert all(len(nonce) >= 24 for nonce in seen)


def test_a_wrong_password_fails_without_being_malformed() -> None:
    """A wrong proof is a refusal (535), not a syntax error, and names the login for the log."""
    mechanism = Scram()
    final = client_final(mechanism, CLIENT_FIRST, b"n,,", b"pencils")
    assert mechanism.respond(final) == Failed("wrong proof", login="user")


def test_quoted_commas_and_equals_signs_are_decoded() -> None:
    """``=2C`` and ``=3D`` in a user name stand for comma and equals sign (RFC 5802 5.1)."""
    assert Scram().start(b"n,,n=a=2Cb=3Dc,r=abc") == WantKeys("a,b=c")
    assert Scram().start(b"n,,n=a=3D2C,r=abc") == WantKeys("a=2C")


def test_an_authorization_identity_must_be_the_login() -> None:
    """Acting for somebody else is refused; naming oneself is fine."""
    assert Scram().start(b"n,a=user,n=user,r=abc") == WantKeys("user")
    step = Scram().start(b"n,a=root,n=user,r=abc")
    assert isinstance(step, Failed)
    assert not step.malformed


def test_plus_binds_the_channel() -> None:
    """-PLUS succeeds with the right tls-unique value and fails with another one."""
    first = b"p=tls-unique,,n=user,r=abc"
    good = Scram(channel_binding=b"unique", plus=True)
    assert isinstance(good.respond(client_final(good, first, b"p=tls-unique,,unique")), Proven)
    bad = Scram(channel_binding=b"unique", plus=True)
    step = bad.respond(client_final(bad, first, b"p=tls-unique,,another"))
    assert step == Failed("channel bindings differ", login="user")


def test_downgrade_from_plus_is_noticed() -> None:
    """A client that believes -PLUS was not offered, though it was, has been lied to (RFC 5802 6)."""
    step = Scram(channel_binding=b"unique").start(b"y,,n=user,r=abc")
    assert isinstance(step, Failed)
    assert "downgraded" in step.reason
    assert Scram(channel_binding=None).start(b"y,,n=user,r=abc") == WantKeys("user")


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b",,,",
        b"n",
        b"n,,",
        b"n,,n=user",
        b"x,,n=user,r=abc",
        b"n,root,n=user,r=abc",
        b"n,,m=ext,n=user,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=us=2cer,r=abc",
        b"n,,n=user,r=",
        b"n,,n=user,r=a b",
        b"n,,n=user,r=\xff",
        b"n,,n=us\0er,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,r=abc,n=user",
        b"p=tls-exporter,,n=user,r=abc",
        b"p=tls-unique,,n=user,r=abc",
        b"n,,n=user,r=" + b"a" * 9000,
    ],
)
def test_bad_first_messages_are_malformed(first: bytes) -> None:
    """Whatever is no client-first-message of this mechanism ends the exchange as a syntax error."""
    mechanism = Scram()
    step = mechanism.start(first)
    assert isinstance(step, Failed)
    assert step.malformed
    assert isinstance(mechanism.respond(CLIENT_FIRST), Failed)


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"p=",
        b"c=biws,p=YQ==",
        b"c=biws,r=x",
        b"r=x,c=biws,p=YQ==",
        CLIENT_FINAL.replace(b"p=", b"q="),
        CLIENT_FINAL.replace(b"c=biws", b"c=!!!!"),
        CLIENT_FINAL[:-1] + b"!",
        CLIENT_FINAL + b",x=y",
    ],
)
def test_bad_final_messages_are_malformed(final: bytes) -> None:
    """Whatever is no client-final-message ends the exchange as a syntax error."""
    mechanism = Scram(nonce=SERVER_NONCE)
    mechanism.start(CLIENT_FIRST)
    mechanism.keys(*keys())
    step = mechanism.respond(final)
    assert isinstance(step, Failed)
    assert step.malformed


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        (CLIENT_FINAL.replace(b"r=rOpr", b"r=rOpx"), "nonces differ"),
        (CLIENT_FINAL.replace(b"c=biws", b"c=eSws"), "channel bindings differ"),
        (CLIENT_FINAL[: CLIENT_FINAL.rindex(b",p=")] + b",p=YQ==", "proof has the wrong length"),
    ],
)
def test_tampered_final_messages_are_refused(final: bytes, reason: str) -> None:
    """A changed nonce, header or proof is a failed sign-in, not a syntax error."""
    mechanism = Scram(nonce=SERVER_NONCE)
    mechanism.start(CLIENT_FIRST)
    mechanism.keys(*keys())
    assert mechanism.respond(final) == Failed(reason, login="user")


def test_an_exchange_is_used_once() -> None:
    """After its end an exchange accepts nothing more, not even the same proof again."""
    mechanism = Scram(nonce=SERVER_NONCE)
    mechanism.start(CLIENT_FIRST)
    mechanism.keys(*keys())
    assert isinstance(mechanism.respond(CLIENT_FINAL), Proven)
    assert isinstance(mechanism.respond(CLIENT_FINAL), Failed)


def test_keys_before_they_were_asked_for_is_a_mistake_of_ours() -> None:
    """Handing over keys out of turn is a programming error, said loudly."""
    with pytest.raises(RuntimeError):
        Scram().keys(*keys())
    with pytest.raises(ValueError):
        Scram(plus=True)
