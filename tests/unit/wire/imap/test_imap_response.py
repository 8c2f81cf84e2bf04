"""Answers as bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imap_sinks import read_one

from posthouse.mail.dates import format_internal_date
from posthouse.wire.imap import response
from posthouse.wire.imap.syntax import Command


@pytest.mark.parametrize(
    ("data", "astring", "nstring"),
    [
        (b"abc", b"abc", b'"abc"'),
        (b"", b'""', b'""'),
        (b"a b", b'"a b"', b'"a b"'),
        (b'a"\\', b'"a\\"\\\\"', b'"a\\"\\\\"'),
        (b"NIL", b'"NIL"', b'"NIL"'),
        (b"a\nb", b"{3}\r\na\nb", b"{3}\r\na\nb"),
        (b"\xc3\xbc", b"{2}\r\n\xc3\xbc", b"{2}\r\n\xc3\xbc"),
        (b"a\0", b"~{2}\r\na\0", b"~{2}\r\na\0"),
    ],
)
def test_strings(data: bytes, astring: bytes, nstring: bytes) -> None:
    """Atoms where allowed, then quotes, then literals."""
    assert response.astring(data) == astring
    assert response.nstring(data) == nstring


def test_utf8_may_be_quoted_once_enabled() -> None:
    """With UTF8=ACCEPT octets above 127 stand in quotes, unless they are no UTF-8."""
    assert response.string(b"\xc3\xbc", utf8=True) == b'"\xc3\xbc"'
    assert response.string(b"\xff", utf8=True) == b"{1}\r\n\xff"
    assert response.nstring(None) == b"NIL"


@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_sets_are_compact_and_complete(numbers: list[int]) -> None:
    """A set read back names the same numbers, in maximal ranges."""
    data = response.uid_set(numbers)
    if not numbers:
        assert data == b""
        return
    back: list[int] = []
    for piece in data.split(b","):
        low, _, high = piece.partition(b":")
        back += range(int(low), int(high or low) + 1)
    assert back == numbers
    assert data.count(b",") == sum(b - a > 1 for a, b in itertools.pairwise(numbers))


def test_sets_keep_an_order_that_is_not_ascending() -> None:
    """COPYUID's and SORT's sets pair up by position."""
    assert response.uid_set([5, 6, 2, 3, 1]) == b"5:6,2:3,1"


@pytest.mark.parametrize(
    ("seconds", "zone", "shown"),
    [
        (0, 0, b'" 1-Jan-1970 00:00:00 +0000"'),
        (837596665, -420, b'"17-Jul-1996 02:44:25 -0700"'),
        (0, 99999, b'" 1-Jan-1970 00:00:00 +0000"'),
        (10**15, 0, b'"31-Dec-9999 01:46:40 +0000"'),
        (-(10**9), 330, b'"25-Apr-1938 03:43:20 +0530"'),
    ],
)
def test_internal_date(seconds: int, zone: int, shown: bytes) -> None:
    """A date-time in its zone; what no calendar has is moved into it, never an exception."""
    assert response.internal_date(seconds, zone) == shown


@given(st.integers(-(10**11), 10**12), st.integers(-1439, 1439))
def test_the_quick_internal_date_is_the_plain_one(seconds: int, zone: int) -> None:
    """Kept days and zones give what formatting each date anew would."""
    assert response.internal_date(seconds, zone) == format_internal_date(seconds, zone)


def test_tagged_lines_never_break() -> None:
    """A text with line ends or brackets cannot forge a second line or a response code."""
    assert response.tagged(b"A1", b"NO", "[X]\r\n* OK", b"CANNOT") == b"A1 NO [CANNOT] - [X]??* OK\r\n"
    assert response.tagged(b"*", b"OK", "") == b"* OK Done\r\n"


def test_list_and_status_lines() -> None:
    """Attributes, name in the client's encoding, extended data."""
    assert response.list_line(["\\HasNoChildren"], "ü", False) == b'* LIST (\\HasNoChildren) "/" &APw-\r\n'
    assert response.list_line([], "ü", True, old_name="a b") == (
        b'* LIST () "/" "\xc3\xbc" ("OLDNAME" ("a b"))\r\n'
    )
    assert response.list_line([], "a", False, child_info=["SUBSCRIBED"], word=b"LSUB") == (
        b'* LSUB () "/" a ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    )
    assert response.status_line("a b", [("MESSAGES", 3), ("MAILBOXID", "F1")], False) == (
        b'* STATUS "a b" (MESSAGES 3 MAILBOXID (F1))\r\n'
    )


def test_esearch_line() -> None:
    """RFC 4731 3.1."""
    assert response.esearch(b"A1", True, [(b"COUNT", b"3"), (b"ALL", b"1:3")]) == (
        b'* ESEARCH (TAG "A1") UID COUNT 3 ALL 1:3\r\n'
    )
    assert response.esearch(b"A1", False, []) == b'* ESEARCH (TAG "A1")\r\n'


@given(
    st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40), st.booleans()
)
def test_a_shown_name_is_understood_when_sent_back(name: str, utf8: bool) -> None:
    """What LIST shows can be selected: the round trip through the client's encoding keeps the canonical
    name.
    """
    from posthouse.wire.imap.names import canonical
    from posthouse.wire.imap.syntax import ReaderState

    shown = response.mailbox(canonical(name), utf8).replace(b"}\r\n", b"+}\r\n")
    event = read_one(b"A1 SELECT " + shown + b"\r\n", ReaderState(authenticated=True, utf8=utf8))
    assert isinstance(event, Command)
    assert event.arguments.mailbox == canonical(name)
