"""Signing and verifying: round trips, every verdict, and what strangers may write into a signature."""

from __future__ import annotations

import base64
import mmap
import tempfile
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from system_dkimpy import load

from posthouse.origin.dkim import MOST_SIGNATURES, Result, SigningKey, Verification, sign
from posthouse.origin.fields import MAX_HEADER, Header, HeaderTooLong
from posthouse.origin.keys import BadKey, PrivateKey, make_key, read_key, read_record, record_of
from posthouse.origin.signature import KeyAnswer
from posthouse.origin.tags import MAX_TAGS, TagError, parse_tags

NOW = 1_795_000_000.0
RSA, ED = make_key("rsa-sha256"), make_key("ed25519-sha256")
KEYS = [SigningKey("example.org", "r", RSA), SigningKey("example.org", "e", ED)]
NAMES = {"r._domainkey.example.org": RSA, "e._domainkey.example.org": ED}
ANSWERS = {name: KeyAnswer("found", (record_of(key.algorithm, key.public),)) for name, key in NAMES.items()}
MESSAGE = (
    b"Received: from x by y; Mon, 23 Nov 2026 02:18:06 +0000\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
    b"Subject: folded\r\n  line\r\nList-Id: <l.example.org>\r\n\r\nHello   there \r\n\r\n\r\n"
)


def verdicts(message: bytes, answers: dict[str, KeyAnswer] | None = None, now: float = NOW) -> list[Result]:
    return Verification(message, now).results(ANSWERS if answers is None else answers)


def states(message: bytes, answers: dict[str, KeyAnswer] | None = None, now: float = NOW) -> list[str]:
    return [each.state for each in verdicts(message, answers, now)]


SIGNED = sign(MESSAGE, KEYS, NOW) + MESSAGE


def test_both_keys_sign_and_verify() -> None:
    assert states(SIGNED) == ["pass", "pass"]
    assert all(len(line) < 79 for line in sign(MESSAGE, KEYS, NOW).split(b"\r\n"))
    assert sign(MESSAGE, [], NOW) == b""
    assert states(MESSAGE) == []


def test_a_memory_map_is_a_message_too() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(MESSAGE + b"x" * 700_000)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            signed = sign(mapped, KEYS, NOW) + mapped[:]
    assert states(signed) == ["pass", "pass"]


@pytest.mark.parametrize(
    "added",
    [b"From: eve@example.com", b"Subject: two", b"To: eve@x", b"Cc: x@y", b"Reply-To: eve@x", b"Date: now",
     b"Content-Type: text/html", b"Message-ID: <2@x>", b"Sender: eve@x", b"MIME-Version: 1.0"],
)  # fmt: skip
def test_nobody_adds_a_field_that_people_see(added: bytes) -> None:
    assert states(added + b"\r\n" + SIGNED) == ["fail", "fail"]
    assert states(SIGNED.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n\r\n", 1)) == ["fail", "fail"]


def test_others_add_what_they_must() -> None:
    assert states(b"Received: from y by z\r\nAuthentication-Results: z; none\r\n" + SIGNED) == [
        "pass",
        "pass",
    ]
    assert states(SIGNED.replace(b"l.example.org", b"m.example.org")) == ["fail", "fail"]


def test_what_the_dns_says() -> None:
    name = "r._domainkey.example.org"
    good = ANSWERS[name].rows[0]

    def verdict(*rows: str, state: str = "found") -> str:
        given = {**ANSWERS, name: KeyAnswer(state, rows)}  # type: ignore[arg-type]
        return verdicts(SIGNED, given)[0].state

    assert verdict(state="none") == "permerror"
    assert verdict(state="failed") == "temperror"
    assert states(SIGNED, {}) == ["temperror", "temperror"]
    assert verdict("v=DKIM1; p=") == "permerror"
    assert verdict("v=DKIM2; p=x") == "permerror"
    assert verdict(good.replace("v=DKIM1; ", "")) == "pass"
    assert verdict("k=rsa; v=DKIM1;" + good.partition(";")[2].replace("k=rsa;", "")) == "permerror"
    assert verdict(good + "; h=sha1") == "permerror"
    assert verdict(good + "; h=sha1:sha256") == "pass"
    assert verdict(good + "; s=tlsrpt") == "permerror"
    assert verdict(good + "; t=s") == "pass"
    assert verdict("unrelated text", good) == "pass"
    assert verdict(*["unrelated text"] * 50, good) == "permerror"
    assert verdict(ANSWERS["e._domainkey.example.org"].rows[0]) == "permerror"
    other = make_key("rsa-sha256")
    assert verdict(record_of("rsa-sha256", other.public)) == "fail"
    assert verdicts(SIGNED, {**ANSWERS, name: KeyAnswer("found", (good + "; t=y",))})[0].testing


def _rsa(bits: int) -> PrivateKey:
    return PrivateKey("rsa-sha256", rsa.generate_private_key(65537, bits))


def test_small_keys_are_not_good_enough() -> None:
    small = _rsa(1024)
    signed = sign(MESSAGE, [SigningKey("example.org", "r", small)], NOW) + MESSAGE
    answer = {"r._domainkey.example.org": KeyAnswer("found", (record_of("rsa-sha256", small.public),))}
    (result,) = verdicts(signed, answer)
    assert (result.state, result.bits) == ("pass", 1024)
    tiny = _rsa(1024)
    der = tiny.key.public_key().public_numbers()
    weak = rsa.RSAPublicNumbers(65537, (der.n >> 520) | 1).public_key()
    raw = weak.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = {"r._domainkey.example.org": KeyAnswer("found", ("p=" + base64.b64encode(raw).decode(),))}
    assert states(signed, answer) == ["policy"]


def test_the_bare_form_of_rsa_keys_is_read() -> None:
    raw = RSA.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    assert read_record("p=" + base64.b64encode(raw).decode()).bits == 2048


@pytest.mark.parametrize(
    ("old", "new", "state"),
    [
        (b"v=1;", b"v=2;", "neutral"),
        (b"v=1;", b"", "neutral"),
        (b"a=rsa-sha256", b"a=rsa-sha1", "permerror"),
        (b"a=rsa-sha256", b"a=rot13", "neutral"),
        (b"c=relaxed/relaxed", b"c=relaxed/odd", "neutral"),
        (b"c=relaxed/relaxed", b"c=relaxed", "fail"),
        (b"d=example.org", b"d=", "neutral"),
        (b"d=example.org", b"d=exa mple.org", "neutral"),
        (b"d=example.org", b"d=" + b"a." * 200 + b"org", "neutral"),
        (b"h=from:from:", b"h=", "permerror"),
        (b"h=from", b"x=5; h=from", "permerror"),
        (b"h=from", b"x=99999999999999; h=from", "neutral"),
        (b"h=from", b"i=eve@example.com; h=from", "permerror"),
        (b"h=from", b"i=ann@sub.example.org; h=from", "fail"),
        (b"h=from", b"l=3; h=from", "fail"),
        (b"h=from", b"l=100000; h=from", "permerror"),
        (b"h=from", b"h=from; h=from", "neutral"),
        (b"bh=", b"bh=!", "neutral"),
        (b"h=from", b"h=" + b"x:" * 2000 + b"from", "neutral"),
    ],
)
def test_signatures_that_are_odd(old: bytes, new: bytes, state: str) -> None:
    changed = SIGNED.replace(old, new, 1)
    assert changed != SIGNED
    assert states(changed)[0] == state
    assert states(changed)[1] == "pass"


def test_times() -> None:
    assert states(SIGNED, now=NOW - 10_000) == ["policy", "policy"]
    assert states(SIGNED, now=NOW - 100) == ["pass", "pass"]
    assert states(SIGNED, now=NOW + 10**9) == ["pass", "pass"]


@pytest.mark.needs("dkimpy")
def test_a_part_of_the_body_is_not_the_body() -> None:
    dkim: Any = load()
    made = dkim.sign(
        MESSAGE, b"r", b"example.org", RSA.pem.encode(), length=True, canonicalize=(b"relaxed",) * 2
    )
    assert b"l=13" in made
    later = time.time()
    assert states(made + MESSAGE, now=later) == ["pass"]
    assert states(made + MESSAGE + b"more\r\n", now=later) == ["policy"]
    lax = Verification(made + MESSAGE + b"more\r\n", later, partial=True)
    assert [each.state for each in lax.results(ANSWERS)] == ["pass"]


def test_no_more_than_some_signatures_are_looked_at() -> None:
    many = sign(MESSAGE, KEYS[:1], NOW) * 50 + MESSAGE
    assert len(states(many)) == MOST_SIGNATURES


def test_a_header_has_an_end() -> None:
    huge = b"X: " + b"y" * MAX_HEADER + b"\r\n" + MESSAGE
    with pytest.raises(HeaderTooLong):
        sign(huge, KEYS, NOW)
    assert states(huge) == ["neutral"]
    assert len(Header(b"To: x\r\n" * 9000 + MESSAGE).to_sign()) < 100


def test_private_keys_that_are_none() -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = curve.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    locked = RSA.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    ).decode()
    for text, words in (
        (pem, "neither"),
        (locked, "password"),
        ("", "no private key"),
        ("ü", "no private key"),
    ):
        with pytest.raises(BadKey, match=words):
            read_key(text)
    old = RSA.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    assert read_key(old).public == RSA.public
    assert "PRIVATE" not in repr(RSA)


def test_tag_lists() -> None:
    assert parse_tags(b" a = b ; c=\r\n d e;") == {"a": b"b", "c": b"d e"}
    assert parse_tags(b"") == {}
    for bad in (
        b"a",
        b"a=1;a=2",
        b"1=2",
        b"a=1;;b=2",
        b"a=\x00",
        b"=x",
        b";".join(b"t%d=1" % n for n in range(MAX_TAGS + 2)),
    ):
        with pytest.raises(TagError):
            parse_tags(bad)


FIELD = st.sampled_from(
    [b"From", b"To", b"Subject", b"X-Odd", b"from", b"Received", b"List-Id", b"DKIM-Signature"]
)
VALUE = st.binary(max_size=60).map(
    lambda data: data.replace(b"\r", b"").replace(b"\n", b"\r\n ").replace(b"\x00", b"")
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FIELD, VALUE), max_size=12), st.binary(max_size=400))
def test_whatever_is_signed_verifies(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    header = b"From: ann@example.org\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    message = header + b"\r\n" + body
    signed = sign(message, KEYS[1:], NOW) + message
    assert states(signed)[0] == "pass"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=100))
def test_hostile_signatures_and_records_never_raise(value: bytes, record: bytes) -> None:
    message = b"DKIM-Signature: " + value + b"\r\n" + MESSAGE
    checking = Verification(message, NOW)
    rows = (record.decode("utf-8", "replace"),)
    checking.results({name: KeyAnswer("found", rows) for name in checking.questions})
    try:
        read_record(rows[0])
    except BadKey:
        pass


MUTATED = st.lists(
    st.tuples(st.integers(min_value=0, max_value=len(SIGNED) - 1), st.binary(max_size=3)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(MUTATED)
def test_damaged_signatures_never_raise_and_never_pass_by_chance(changes: list[tuple[int, bytes]]) -> None:
    message = SIGNED
    for at, data in changes:
        message = message[:at] + data + message[at + len(data) :]
    for result in verdicts(message):
        if result.state == "pass":
            # Then what counts is as it was.
            assert b"ann@example.org" in message
