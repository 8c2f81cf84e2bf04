"""The checker of system-call traces finds each missing flush (on written traces; the live ones are in tests/crash)."""

from __future__ import annotations

import re

import pytest
from syscalls import parse, unkept_promises

GOOD = """\
10 mkdir("/d/messages/ab", 0700) = 0
10 fsync(5</d/messages>) = 0
10 write(7</d/messages/tmp/x1>, "Subject: a", 10) = 10
10 fdatasync(7</d/messages/tmp/x1>) = 0
10 rename("/d/messages/tmp/x1", "/d/messages/ab/abcd.eml") = 0
11 fsync(8</d/messages/ab> <unfinished ...>
10 pwrite64(9</d/posthouse.db-wal>, "..", 2, 0) = 2
11 <... fsync resumed>) = 0
10 fdatasync(9</d/posthouse.db-wal>) = 0
12 sendto(20<TCP:[127.0.0.1:25->127.0.0.1:40000]>, "250 2.0.0 kept\\r\\n", 16, 0, NULL, 0) = 16
"""
PROMISE = re.compile(r"250 2\.0\.0")


def test_a_whole_trace_keeps_its_promise() -> None:
    """Body, folder, parent folder and commit log synced before the reply: nothing to complain about."""
    assert unkept_promises(parse(GOOD), PROMISE) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("10 fsync(5</d/messages>) = 0\n", "new folders"),
        ("10 fdatasync(7</d/messages/tmp/x1>) = 0\n", "before its bytes were synced"),
        ("11 <... fsync resumed>) = 0\n", "only 0 bodies"),
        ("10 fdatasync(9</d/posthouse.db-wal>) = 0\n", "not synced"),
    ],
)
def test_each_missing_flush_is_found(line: str, complaint: str) -> None:
    """Taking any one flush out of the trace makes the checker name it."""
    assert line in GOOD
    complaints = unkept_promises(parse(GOOD.replace(line, "")), PROMISE)
    assert any(complaint in each for each in complaints), complaints


def test_a_flush_that_returns_after_the_reply_does_not_count() -> None:
    """What matters is that the flush returned, not that it was begun."""
    late = GOOD.replace("11 <... fsync resumed>) = 0\n", "") + "11 <... fsync resumed>) = 0\n"
    assert unkept_promises(parse(late), PROMISE)


def test_a_trace_without_replies_is_no_proof() -> None:
    """An empty run must not pass."""
    assert unkept_promises([], PROMISE) == ["no reply with this promise was seen"]
