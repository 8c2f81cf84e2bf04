"""CRAM-MD5 (RFC 2195), and MD5 (RFC 1321) that can stop between two blocks."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.sasl import Challenge, CheckDigest, Failed, available, mechanism
from posthouse.wire.sasl.cram_md5 import KEY_SIZE, CramMd5, answer, is_right, key_of
from posthouse.wire.sasl.md5 import BLOCK, START, absorb, finish
from posthouse.wire.sasl.offer import Offer

CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"
RESPONSE = b"tim b913a602c7eda7a495b4e6e7334d3890"
SECRET = b"tanstaaftanstaaf"


def trusted(text: bytes) -> bytes:
    """MD5 as the system's library has it, where it does."""
    try:
        return hashlib.md5(text, usedforsecurity=False).digest()
    except ValueError:
        pytest.skip("only on systems whose library has MD5")


def trusted_hmac(secret: bytes, text: bytes) -> bytes:
    trusted(b"")
    return hmac.new(secret, text, lambda data=b"": hashlib.md5(data, usedforsecurity=False)).digest()


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"a", "0cc175b9c0f1b6a831c399e269772661"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (b"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (b"1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    ],
)
def test_md5_of_the_rfc(text: bytes, digest: str) -> None:
    """RFC 1321 A.5."""
    assert finish(START, 0, text).hex() == digest


@given(st.binary(max_size=300), st.integers(0, 4))
def test_md5_is_the_systems_wherever_it_stops(text: bytes, blocks: int) -> None:
    cut = min(blocks, len(text) // BLOCK) * BLOCK
    state = absorb(START, text[:cut])
    assert finish(state, cut, text[cut:]) == trusted(text)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_an_answer_is_hmac_md5(secret: bytes, challenge: bytes) -> None:
    """Also of passwords longer than a block, which HMAC hashes first; a key is not the password."""
    key = key_of(secret)
    assert len(key) == KEY_SIZE
    assert answer(key, challenge) == trusted_hmac(secret, challenge)


def test_the_exchange_of_the_rfc() -> None:
    """RFC 2195 2: challenge, name and digest."""
    exchange = CramMd5("", challenge=CHALLENGE)
    assert exchange.start(None) == Challenge(CHALLENGE)
    step = exchange.respond(RESPONSE)
    assert step == CheckDigest("tim", CHALLENGE, bytes.fromhex("b913a602c7eda7a495b4e6e7334d3890"))
    assert isinstance(step, CheckDigest)
    assert is_right(key_of(SECRET), step)
    assert not is_right(key_of(SECRET + b"x"), step)
    assert not is_right(key_of(SECRET), CheckDigest("tim", CHALLENGE + b"x", step.digest))
    again = exchange.respond(RESPONSE)
    assert isinstance(again, Failed)
    assert again.malformed


def test_challenges_are_fresh_and_name_the_host() -> None:
    """In the form of a Message-ID; a host name that has no place in one is left out."""
    steps = [
        CramMd5(host).start(None)
        for host in ("mail.ours.test", "mail.ours.test", "odd host>\r\n", "ü.test", "")
    ]
    made = [step.data for step in steps if isinstance(step, Challenge)]
    assert len(set(made)) == 5
    for data, host in zip(made, (b"mail.ours.test",) * 2 + (b"localhost",) * 3, strict=True):
        assert re.fullmatch(rb"<\d{10,40}\.\d{10,12}@" + re.escape(host) + rb">", data)


@pytest.mark.parametrize("initial", [b"", RESPONSE])
def test_the_server_speaks_first(initial: bytes) -> None:
    """An initial response, even an empty one, is an error (RFC 4954 4), and ends the exchange."""
    exchange = CramMd5("h", challenge=CHALLENGE)
    for step in (exchange.start(initial), exchange.respond(RESPONSE), exchange.start(None)):
        assert isinstance(step, Failed)
        assert step.malformed


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b" ",
        b"tim",
        RESPONSE[4:],
        RESPONSE[3:],
        RESPONSE[:-1],
        RESPONSE + b"0",
        RESPONSE + b" ",
        RESPONSE + b"\n",
        RESPONSE.replace(b"b9", b"x9"),
        RESPONSE.replace(b" ", b"\t"),
        RESPONSE.replace(b"tim", b"t\0m"),
        RESPONSE.replace(b"tim", b"\xff\xfe"),
        b"tim " + "٠".encode() * 32,
        b"t" * 8192 + RESPONSE,
    ],
)
def test_other_responses_are_malformed(response: bytes) -> None:
    exchange = CramMd5("h", challenge=CHALLENGE)
    exchange.start(None)
    step = exchange.respond(response)
    assert isinstance(step, Failed)
    assert step.malformed


def test_names_may_have_spaces_and_digests_capitals() -> None:
    exchange = CramMd5("h", challenge=CHALLENGE)
    exchange.start(None)
    step = exchange.respond("Tim Ö b913A602C7EDA7A495B4E6E7334D3890".encode())
    assert step == CheckDigest("Tim Ö", CHALLENGE, bytes.fromhex("b913a602c7eda7a495b4e6e7334d3890"))


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_end_in_an_answer(responses: list[bytes]) -> None:
    exchange = CramMd5("h")
    exchange.start(None)
    for response in responses:
        assert isinstance(exchange.respond(response), CheckDigest | Failed)


def test_it_is_offered_only_where_it_is_wanted() -> None:
    """Last of all, and never shown in what is logged of a step."""
    assert available(channel_binding=None, scram=False, cram_md5=True) == ["PLAIN", "LOGIN", "CRAM-MD5"]
    assert "CRAM-MD5" not in available(channel_binding=b"x")
    assert mechanism("CRAM-MD5", channel_binding=None) is None
    assert isinstance(mechanism("cram-md5", channel_binding=None, cram_md5="h"), CramMd5)
    assert Offer(None).begin("CRAM-MD5") is None
    offer = Offer(None, cram_md5="h")
    assert offer.names[-1] == "CRAM-MD5"
    assert isinstance(offer.begin("CRAM-MD5"), CramMd5)
    assert "b9" not in repr(CheckDigest("tim", b"c", b"\xb9" * 16))
