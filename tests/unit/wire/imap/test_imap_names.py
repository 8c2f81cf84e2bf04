"""Mailbox names: modified UTF-7, canonical form, limits, LIST patterns."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.imap.names import (
    MAX_LEVELS,
    Pattern,
    canonical,
    complaint,
    decode_name,
    decode_utf7,
    encode_name,
    encode_utf7,
)

NAMES = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    ("name", "coded"),
    [
        ("INBOX", b"INBOX"),
        ("a&b", b"a&-b"),
        ("日本語", b"&ZeVnLIqe-"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("😀", b"&2D3eAA-"),
    ],
)
def test_modified_utf7_as_the_rfc_shows(name: str, coded: bytes) -> None:
    """RFC 3501 5.1.3's examples, both ways."""
    assert encode_utf7(name) == coded
    assert decode_utf7(coded) == name


@given(NAMES)
def test_modified_utf7_goes_there_and_back(name: str) -> None:
    """Every name survives both encodings."""
    assert decode_utf7(encode_utf7(name)) == name
    assert decode_name(encode_name(name, True), True) == canonical(name)


@pytest.mark.parametrize(
    "coded", [b"&", b"a&b", b"&AGE-", b"&ZeVnLIqe", b"&ZeU-&ZyyKng-", b"&2D0-", b"&Z-", b"&ZeVn!-", b"&APx-"]
)
def test_sloppy_modified_utf7_is_refused(coded: bytes) -> None:
    """One name, one spelling: encoded ASCII, adjoining shifts, halves of characters and stray bits are
    refused.
    """
    with pytest.raises(ValueError):
        decode_utf7(coded)


def test_octets_above_127_mean_utf8() -> None:
    """A client that sends plain UTF-8 without ENABLE is understood; what is no UTF-8 is refused."""
    assert decode_name("Entwürfe&x".encode(), False) == "Entwürfe&x"
    with pytest.raises(ValueError):
        decode_name(b"\xff", False)


def test_canonical_form() -> None:
    """NFC, and INBOX in upper case as a whole level only."""
    assert canonical("u\u0308") == "\u00fc"
    assert canonical("iNbOx/a") == "INBOX/a"
    assert canonical("Inboxes") == "Inboxes"


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a/", "a//b", "a%", "a*b", "a\x01", "a\u2028b", "#news", "x" * 256, "é" * 128,
     "/".join("a" * (MAX_LEVELS + 1)), "/".join(["x" * 100] * 6)],
)  # fmt: skip
def test_names_that_cannot_be_created(name: str) -> None:
    """Past the limits, or not to be shown in a LIST: a complaint for people."""
    assert complaint(name)


@pytest.mark.parametrize("name", ["a", "INBOX/x", "日本語/a&b", "a.b", "x" * 255, "/".join("a" * MAX_LEVELS)])
def test_names_that_can_be_created(name: str) -> None:
    """Within the limits there is nothing to complain about."""
    assert complaint(name) == ""


@given(
    pattern=st.text(alphabet="ab/%*", max_size=8),
    name=st.text(alphabet="ab/", max_size=10),
)
def test_patterns_match_as_a_regular_expression_would(pattern: str, name: str) -> None:
    """The matcher agrees with the obvious (but slow) translation."""
    obvious = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c) for c in pattern)
    assert Pattern(pattern).match(name) == bool(re.fullmatch(obvious, name))


def test_inbox_matches_in_any_case_and_others_do_not() -> None:
    """INBOX alone is case-insensitive (RFC 9051 5.1)."""
    assert Pattern("inb%").match("INBOX")
    assert Pattern("inbox").match("INBOX")
    assert Pattern("inbox/*").match("INBOX/a")
    assert not Pattern("sent").match("Sent")


def test_a_hostile_pattern_is_quick() -> None:
    """Hundreds of wildcards against a long name cost milliseconds."""
    begin = time.perf_counter()
    assert not Pattern("*a" * 1000).match("a" * 500 + "b")
    assert time.perf_counter() - begin < 30
