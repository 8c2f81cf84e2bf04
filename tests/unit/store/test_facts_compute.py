"""Facts of messages: computing, keeping, and what they cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.mime import scan
from posthouse.store.contract import Facts
from posthouse.store.facts import MAX_REFERENCES, compute, decode, decode_parts, encode, encode_parts

CORPUS = sorted((Path(__file__).parents[2] / "corpus").glob("*/*.eml"))

MESSAGE = (
    b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nSubject: Re: [list] =?utf-8?q?caf=C3=A9?=\r\n"
    b'From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: plain@example.org, "Other" <o@x>\r\nCc: G: c@d;\r\n'
    b'Message-ID: <"m"@x>\r\nReferences: <a@x>\r\n <b@x>\r\nIn-Reply-To: <z@x>\r\n\r\nbody\r\n'
)


def test_facts_of_an_ordinary_message() -> None:
    """Everything SORT, THREAD, SEARCH and FETCH need, ready to compare."""
    facts = compute(MESSAGE)
    assert (facts.sent_date, facts.sent_zone) == (880127706, -360)
    assert (facts.base_subject, facts.is_reply) == ("CAFE\u0301", True)
    assert (facts.sort_from, facts.display_from) == ("JOERG", "JO\u0308RG")
    assert (facts.sort_to, facts.display_to) == ("PLAIN", "PLAIN@EXAMPLE.ORG")
    assert facts.sort_cc == "G"
    assert facts.message_id == "<m@x>"
    assert facts.references == ("<a@x>", "<b@x>")
    assert facts.header_size == MESSAGE.index(b"body")
    assert facts.body.startswith(b'("text" "plain"')
    assert decode_parts(facts.parts) == scan(MESSAGE)


def test_in_reply_to_stands_in_for_references() -> None:
    """Only its first id, and only when References has none."""
    assert compute(b"In-Reply-To: your mail <a@x> <b@x>\r\n\r\n").references == ("<a@x>",)
    assert compute(b"References: junk\r\nIn-Reply-To: <a@x>\r\n\r\n").references == ("<a@x>",)


def test_facts_of_nothing() -> None:
    """The empty message has facts too."""
    facts = compute(b"")
    assert (facts.sent_date, facts.base_subject, facts.message_id, facts.references) == (None, "", "", ())
    assert facts.envelope == b"(" + b" ".join([b"NIL"] * 10) + b")"


def test_sizes_are_bounded() -> None:
    """Endless references and subjects are cut."""
    header = b"References: " + b" ".join(b"<%d@x>" % n for n in range(1000)) + b"\r\n"
    facts = compute(header + b"Subject: " + b"x" * 10_000 + b"\r\nFrom: " + b"y" * 10_000 + b"\r\n\r\n")
    assert facts.references[-1] == "<999@x>"
    assert len(facts.references) == MAX_REFERENCES
    assert len(facts.base_subject) <= 500
    assert len(facts.sort_from) <= 500


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_kept_comes_back(path: Path) -> None:
    """Encoding facts and parts loses nothing, for every message of the corpus."""
    message = path.read_bytes()
    facts = compute(message)
    assert decode(encode(facts)) == facts
    assert decode_parts(facts.parts) == scan(message)


def test_facts_of_an_older_version_are_read() -> None:
    """Rows written before the newest fields existed get their defaults."""
    facts = compute(MESSAGE)
    import msgspec

    packed = msgspec.msgpack.decode(encode(facts))
    older = msgspec.msgpack.encode(packed[: list(Facts.__dataclass_fields__).index("preview")])
    expected = compute(MESSAGE)
    expected.preview, expected.sent_zone = None, 0
    assert decode(older) == expected


@given(st.binary(max_size=200))
def test_any_bytes_have_facts(message: bytes) -> None:
    """No content raises, and the facts survive keeping."""
    facts = compute(message)
    assert decode(encode(facts)) == facts
    assert encode_parts(decode_parts(facts.parts)) == facts.parts
