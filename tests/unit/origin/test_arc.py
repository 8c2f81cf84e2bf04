"""ARC: chains that grow, and every way in which one can be broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.origin.arc import MOST_SETS, Chain, ChainVerification, seal
from posthouse.origin.dkim import SigningKey, sign
from posthouse.origin.keys import make_key, record_of
from posthouse.origin.signature import KeyAnswer

NOW = 1_795_000_000.0
KEY = SigningKey("forward.example", "r", make_key("rsa-sha256"))
OTHER = SigningKey("other.example", "r", make_key("rsa-sha256"))
ANSWERS = {
    f"r._domainkey.{key.domain}": KeyAnswer("found", (record_of("rsa-sha256", key.private.public),))
    for key in (KEY, OTHER)
}
MESSAGE = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: x\r\n\r\nHello\r\n"


def chain(message: bytes, answers: dict[str, KeyAnswer] | None = None) -> Chain:
    return ChainVerification(message, NOW).result(ANSWERS if answers is None else answers)


def sealed(message: bytes, key: SigningKey = KEY) -> bytes:
    return seal(message, key, chain(message), "mx.forward.example", "spf=pass", NOW) + message


def test_a_chain_grows_and_holds() -> None:
    message = MESSAGE
    assert chain(message) == Chain("none")
    for number in range(1, 5):
        message = sealed(message, OTHER if number == 2 else KEY)
        found = chain(message)
        assert (found.state, found.length) == ("pass", number)
    assert found.domains == ("forward.example", "other.example", "forward.example", "forward.example")
    assert message.count(b"cv=none") == 1
    assert message.count(b"cv=pass") == 3


def test_a_signature_put_before_the_message_is_sealed_too() -> None:
    prefix = sign(MESSAGE, [KEY], NOW)
    top = seal(MESSAGE, KEY, Chain("none"), "mx.forward.example", "none", NOW, prefix)
    assert chain(top + prefix + MESSAGE).state == "pass"
    assert chain(top + prefix.replace(b"d=forward", b"d=backward") + MESSAGE).state == "fail"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hullo"),
        (b"Subject: x", b"Subject: y"),
        (b"spf=pass", b"spf=fail"),
        (b"ARC-Seal: i=2", b"ARC-Seal: i=3"),
        (b"ARC-Seal: i=2", b"ARC-Seal: i=0"),
        (b"ARC-Seal: i=2", b"ARC-Seal: i=x"),
        (b"ARC-Seal: i=2", b"X-Seal: i=2"),
        (b"ARC-Message-Signature: i=1", b"X-Signature: i=1"),
        (b"ARC-Authentication-Results: i=1", b"ARC-Authentication-Results: i=2"),
        (b"cv=pass", b"cv=none"),
        (b"cv=none", b"cv=pass"),
        (b"cv=pass", b"cv=perhaps"),
        (b"cv=pass", b"cv=pass; h=from"),
        (b"h=from", b"h=arc-seal:from"),
    ],
)
def test_a_chain_breaks(old: bytes, new: bytes) -> None:
    message = sealed(sealed(MESSAGE))
    changed = message.replace(old, new, 1)
    assert changed != message
    assert chain(changed).state == "fail"


def test_an_older_signature_may_break_but_not_the_newest() -> None:
    # A list changed the subject between its own seal and the first one.
    message = sealed(MESSAGE).replace(b"Subject: x", b"Subject: [list] x")
    broken = chain(message)
    assert broken.state == "fail"
    closed = sealed(message)
    assert b"cv=fail" in closed
    assert chain(closed).state == "fail"
    assert chain(closed).closed
    assert seal(closed, KEY, chain(closed), "mx", "none", NOW) == b"", "a broken chain is not continued"


def test_a_dns_that_does_not_answer_says_nothing() -> None:
    message = sealed(MESSAGE)
    found = chain(message, {})
    assert found.state == "temperror"
    assert seal(message, KEY, found, "mx", "none", NOW) == b""
    assert chain(message, {name: KeyAnswer("none") for name in ANSWERS}).state == "fail"


def test_a_chain_has_an_end() -> None:
    assert seal(MESSAGE, KEY, Chain("pass", length=MOST_SETS), "mx", "none", NOW) == b""
    many = b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.y; s=z; b=AA==\r\n" * 5000 + MESSAGE
    found = chain(many)
    assert found.state == "fail"
    assert ChainVerification(many, NOW).questions == ()


NAMES = st.sampled_from([b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results", b"From"])
TAGS = st.sampled_from(
    [b"i=1;", b"i=2;", b"i=51;", b"cv=none;", b"cv=pass;", b"cv=fail;", b"a=rsa-sha256;", b"d=x.example;", b"s=s;",
     b"b=AAAA;", b"bh=AAAA;", b"h=from;", b"t=1;", b"mx.example;", b"=", b"\xff", b"c=relaxed/relaxed;"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NAMES, st.lists(TAGS, max_size=9)), max_size=8))
def test_hostile_chains_never_raise_and_never_pass(fields: list[tuple[bytes, list[bytes]]]) -> None:
    message = b"".join(name + b": " + b" ".join(tags) + b"\r\n" for name, tags in fields) + MESSAGE
    checking = ChainVerification(message, NOW)
    found = checking.result(dict.fromkeys(checking.questions, ANSWERS["r._domainkey.forward.example"]))
    assert found.state in ("none", "fail")
    seal(message, KEY, found, "mx", "none", NOW)
