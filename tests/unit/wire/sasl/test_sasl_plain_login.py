"""PLAIN (RFC 4616), LOGIN, and which mechanisms are offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.sasl import (
    Challenge,
    CheckCertificate,
    CheckPassword,
    Failed,
    Proven,
    WantKeys,
    available,
    mechanism,
)


def test_plain_in_one_response() -> None:
    """PLAIN asks for the password it was given to be verified, authzid empty or equal to the login."""
    plain = mechanism("plain", channel_binding=None)
    assert plain is not None
    assert plain.name == "PLAIN"
    assert plain.start(b"\0ann@example.org\0s3cret") == CheckPassword("ann@example.org", "s3cret")
    again = mechanism("PLAIN", channel_binding=None)
    assert again is not None
    assert again.start(None) == Challenge(b"")
    assert again.respond("änn\0änn\0pässwörd ,=".encode()) == CheckPassword("änn", "pässwörd ,=")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"ann",
        b"\0ann",
        b"\0ann\0",
        b"\0\0secret",
        b"\0ann\0a\0b",
        b"\0\xff\0secret",
        b"\0ann\0\xff",
        b"\0a\nnn\0secret",
        b"\0ann\0sec\x7fret",
        b"\0ann\0" + b"x" * 9000,
    ],
)
def test_bad_plain_responses_are_malformed(response: bytes) -> None:
    """Missing fields, NUL, wrong UTF-8 and excess length are syntax errors, and nothing is verified."""
    plain = mechanism("PLAIN", channel_binding=None)
    assert plain is not None
    step = plain.start(response)
    assert isinstance(step, Failed)
    assert step.malformed
    assert "ret" not in step.reason


def test_plain_for_somebody_else_is_asked_for_as_such() -> None:
    """Another authorization identity makes a login of its own form, which the directory judges."""
    plain = mechanism("PLAIN", channel_binding=None)
    assert plain is not None
    assert plain.start(b"root\0ann\0secret") == CheckPassword("root*ann", "secret")
    same = mechanism("PLAIN", channel_binding=None)
    assert same is not None
    assert same.start(b"Ann\0ann\0secret") == CheckPassword("ann", "secret")


def test_login_in_two_responses() -> None:
    """LOGIN asks for user name and password in turn; the initial response is the user name."""
    login = mechanism("LOGIN", channel_binding=None)
    assert login is not None
    assert login.start(None) == Challenge(b"Username:")
    assert login.respond(b"ann") == Challenge(b"Password:")
    assert login.respond(b"secret") == CheckPassword("ann", "secret")
    step = login.respond(b"secret")
    assert isinstance(step, Failed)
    short = mechanism("LOGIN", channel_binding=None)
    assert short is not None
    assert short.start(b"ann") == Challenge(b"Password:")


@pytest.mark.parametrize("responses", [[b""], [b"ann", b""], [b"\xff"], [b"a" * 9000], [b"ann", b"\0"]])
def test_bad_login_responses_are_malformed(responses: list[bytes]) -> None:
    """An empty, over-long or undecodable answer ends the exchange for good."""
    login = mechanism("LOGIN", channel_binding=None)
    assert login is not None
    login.start(None)
    step = [login.respond(response) for response in responses][-1]
    assert isinstance(step, Failed)
    assert step.malformed
    assert isinstance(login.respond(b"ann"), Failed)


def test_plus_is_offered_only_with_channel_binding() -> None:
    """-PLUS is announced and built only where tls-unique exists; unknown names are None."""
    assert available(channel_binding=None) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]
    assert available(channel_binding=b"x")[:2] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]
    assert available(channel_binding=b"x", scram=False) == ["PLAIN", "LOGIN"]
    assert available(channel_binding=None, scram=False, external=True) == ["EXTERNAL", "PLAIN", "LOGIN"]
    assert mechanism("SCRAM-SHA-256", channel_binding=None, scram=False) is None
    assert mechanism("EXTERNAL", channel_binding=None) is None
    assert mechanism("SCRAM-SHA-256-PLUS", channel_binding=None) is None
    bound = mechanism("scram-sha-256-plus", channel_binding=b"x")
    assert bound is not None
    assert bound.name == "SCRAM-SHA-256-PLUS"
    assert mechanism("CRAM-MD5", channel_binding=b"x") is None
    assert mechanism("", channel_binding=None) is None


@given(
    name=st.sampled_from(
        [
            "PLAIN",
            "LOGIN",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "EXTERNAL",
        ]
    ),
    responses=st.lists(
        st.binary(max_size=60) | st.just(b"n,,n=u,r=x") | st.just(b"\0u\0p"), min_size=1, max_size=4
    ),
)
def test_hostile_responses_never_raise_and_never_prove(name: str, responses: list[bytes]) -> None:
    """Any bytes in any number lead to a step, never to an exception and never to a proof."""
    exchange = mechanism(name, channel_binding=b"binding", external=True)
    assert exchange is not None
    exchange.start(None)
    for response in responses:
        step = exchange.respond(response)
        assert isinstance(step, Challenge | CheckPassword | CheckCertificate | WantKeys | Failed)
        assert not isinstance(step, Proven)
        if isinstance(step, WantKeys):
            exchange.keys(b"salt" * 4, 4096, b"k" * 32, b"s" * 32)  # type: ignore[attr-defined]
