"""Header sections and their fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.headers import fields, get, get_all, header_end, remove, select, values

HEADER = b"Return-Path: <a@b>\r\nSubject : one\r\n two\r\njunk line\r\nTo:x\r\nSUBJECT: again\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\n\r\nbody", 7),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\n \r\nC: d\r\n\r\n", 17),
        (b"A: b\r\n", 6),
        (b"A: b", 4),
        (b"", 0),
    ],
)
def test_the_header_ends_at_the_first_empty_line(message: bytes, end: int) -> None:
    """CRLF and LF alike; a line of blanks is a continuation, no end."""
    assert header_end(message) == end


def test_fields_keep_their_offsets() -> None:
    """Each field's span covers it with its continuation lines; lines without a colon belong to none."""
    found = list(fields(HEADER))
    assert [field.name for field in found] == [b"Return-Path", b"Subject", b"To", b"SUBJECT"]
    assert HEADER[found[1].start : found[1].end] == b"Subject : one\r\n two\r\n"
    assert found[1].value == b" one\r\n two"


def test_values_are_unfolded() -> None:
    """Line ends go, the blanks after them stay (RFC 5322 2.2.3)."""
    assert get(HEADER, b"subject") == b"one two"
    assert get_all(HEADER, b"Subject") == [b"one two", b"again"]
    assert values(HEADER)[b"subject"] == [b"one two", b"again"]
    assert get(HEADER, b"missing") is None


def test_removing_a_field_leaves_the_rest_untouched() -> None:
    """A foreign Return-Path goes, every other byte stays."""
    assert remove(HEADER, b"return-path") == HEADER[len(b"Return-Path: <a@b>\r\n") :]
    assert remove(HEADER, b"subject") == b"Return-Path: <a@b>\r\njunk line\r\nTo:x\r\n\r\n"
    assert remove(HEADER, b"absent") is HEADER


def test_selecting_fields() -> None:
    """HEADER.FIELDS has the fields and the blank line, HEADER.FIELDS.NOT everything else."""
    assert select(HEADER, frozenset({b"to"})) == b"To:x\r\n\r\n"
    assert select(HEADER, frozenset({b"to", b"subject"}), excluded=True) == (
        b"Return-Path: <a@b>\r\njunk line\r\n\r\n"
    )
    assert select(b"To: x\r\n", frozenset({b"to"})) == b"To: x\r\n"  # no blank line there, none here


@given(
    st.lists(st.sampled_from([b"A", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"b"]), max_size=30).map(
        b"".join
    )
)
def test_fields_and_the_rest_make_up_the_header(header: bytes) -> None:
    """What is selected plus what is left out is the header, whatever it looks like."""
    names = {field.name.lower() for field in fields(header)}
    chosen = b"".join(header[field.start : field.end] for field in fields(header))
    assert len(chosen) + len(remove(header, *names)) == len(header)
