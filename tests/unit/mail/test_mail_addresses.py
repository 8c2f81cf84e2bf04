"""Address lists, good and broken."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.addresses import Mailbox, parse_addresses

END = (None, None, None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b", [(None, None, b"a", b"b")]),
        (b" a@b , c@d", [(None, None, b"a", b"b"), (None, None, b"c", b"d")]),
        (b'"q, r" <s@t>, N M <u@v>', [(b"q, r", None, b"s", b"t"), (b"N M", None, b"u", b"v")]),
        (b"John Q. Public <a@b>", [(b"John Q. Public", None, b"a", b"b")]),
        (b"e@f (Comment (nested) \\) x)", [(b"Comment (nested) ) x", None, b"e", b"f")]),
        (b"(c1) a (c2) @ (c3) b (c4)", [(b"c4", None, b"a", b"b")]),
        (b"a . b @ c . d", [(None, None, b"a.b", b"c.d")]),
        (b'"a \\"b\\""@c', [(None, None, b'a "b"', b"c")]),
        (b"a@[1.2.3.4]", [(None, None, b"a", b"[1.2.3.4]")]),
        (b"<@r1,@r2:u@v>", [(None, b"@r1,@r2", b"u", b"v")]),
        (
            b"G: a@b, N <c@d>;, e@f",
            [
                (None, None, b"G", None),
                (None, None, b"a", b"b"),
                (b"N", None, b"c", b"d"),
                END,
                (None, None, b"e", b"f"),
            ],
        ),
        (b"undisclosed-recipients:;", [(None, None, b"undisclosed-recipients", None), END]),
        (b"G: a@b", [(None, None, b"G", None), (None, None, b"a", b"b"), END]),
        (b"=?utf-8?q?x?= <a@b>", [(b"=?utf-8?q?x?=", None, b"a", b"b")]),
        (b"\xe4 <\xc3\xa4@\xc3\xb6>", [(b"\xe4", None, b"\xc3\xa4", b"\xc3\xb6")]),
        (b"", []),
        (b" ,, (just a comment) ,", []),
        (b"a@b,,c@d,", [(None, None, b"a", b"b"), (None, None, b"c", b"d")]),
        (b"foo", [(None, None, b"foo", b"MISSING_DOMAIN")]),
        (
            b"foo bar, c@d",
            [(b"foo bar", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"), (None, None, b"c", b"d")],
        ),
        (b"foo <>", [(b"foo", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
        (b"<a@b, c@d", [(None, None, b"a", b"SYNTAX_ERROR"), (None, None, b"c", b"d")]),
        (b"@b", [(None, None, b"MISSING_MAILBOX", b"b")]),
        (b"a@b x, c@d", [(None, None, b"a", b"b")]),
        (b'"never closed <a@b>', [(None, None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
    ],
)
def test_lists_are_read(value: bytes, expected: list[tuple[bytes | None, ...]]) -> None:
    """Names, routes, groups, comments and the obsolete forms; broken entries show what is missing."""
    assert parse_addresses(value) == [Mailbox(*each) for each in expected]


@given(
    st.lists(
        st.sampled_from([b"a", b"@", b",", b";", b":", b"<", b">", b'"', b"(", b")", b"\\", b" ", b".", b"["])
    )
)
def test_any_value_is_read(pieces: list[bytes]) -> None:
    """No value raises, and groups that open also close."""
    depth = 0
    for entry in parse_addresses(b"".join(pieces)):
        if entry == Mailbox(None, None, None, None):
            depth -= 1
        elif entry.host is None:
            depth += 1
        assert depth in (0, 1)
    assert depth == 0


@pytest.mark.parametrize(
    "value", [b"(" * 200_000, b"a" * 200_000, b"a, " * 60_000, b"<" * 200_000, b'"' * 199_999]
)
def test_hostile_lists_cost_linear_time(value: bytes) -> None:
    """Long broken lists are read quickly and only so far."""
    start = time.process_time()
    assert len(parse_addresses(value)) <= 10_000
    assert time.process_time() - start < 30


def test_words_without_end_cost_linear_time() -> None:
    """The quick pattern for simple addresses does not try every split of a long phrase."""
    start = time.process_time()
    parse_addresses(b"word " * 40_000)
    assert time.process_time() - start < 30
