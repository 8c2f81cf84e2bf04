"""Ids, keywords and what a message costs in memory."""

from __future__ import annotations

import sys

from posthouse.store import rows
from posthouse.store.facts import compute
from posthouse.store.records import message_id
from posthouse.store.rows import StoredMessage, email_of, keyword_set, thread_of

DIGEST = bytes(range(32))


def row(uid: int = 7, keywords: str = "") -> tuple[object, ...]:
    return (message_id(3, uid), 9, 1, 60, 1000, 1001, 500, 20, b"t" * 8, DIGEST, b"e" * 16, keywords)


def test_stored_message_has_the_fields_of_a_message() -> None:
    """Ids and digest come out as the contract writes them."""
    message = StoredMessage(row(keywords="a b"))
    assert (message.id, message.uid, message.modseq, message.flags) == (3 << 32 | 7, 7, 9, 1)
    assert (message.zone, message.internal_date, message.save_date) == (60, 1000, 1001)
    assert (message.size, message.prefix_size, message.keywords) == (500, 20, ("a", "b"))
    assert message.body == DIGEST.hex()
    assert message.email_id == "e" + (b"e" * 16).hex()
    assert message.thread_id == "t" + (b"t" * 8).hex()
    assert message.line is None


def test_a_message_is_small() -> None:
    """An open mailbox of 20,000 messages is a few megabytes."""
    message = StoredMessage(row())
    own = sys.getsizeof(message) + sys.getsizeof(message._key)
    numbers = sum(map(sys.getsizeof, (message.uid, message.modseq, message.size, message.internal_date)))
    assert own + numbers < 450


def test_keyword_sets_are_shared_and_bounded(monkeypatch: object) -> None:
    """One tuple for each set; a hostile client cannot fill the table for ever."""
    assert keyword_set("x y") is keyword_set("x y")
    for number in range(rows._MOST_KEYWORD_SETS + 10):
        keyword_set(f"k{number}")
    assert len(rows._keyword_sets) <= rows._MOST_KEYWORD_SETS
    assert StoredMessage(row()).keywords == ()


def test_email_id_tells_prefixes_apart() -> None:
    """The same body is the same content only under the same prefix."""
    assert email_of(DIGEST, b"") == email_of(DIGEST, b"") != email_of(DIGEST, b"A: b\r\n")


def test_replies_share_the_thread_of_the_first_message() -> None:
    """A message, its reply and the reply's reply have one THREADID; a stranger another; no ids: its own."""
    first = thread_of(compute(b"Message-ID: <1@x>\r\n\r\n"), DIGEST)
    reply = thread_of(compute(b"Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\n"), DIGEST)
    again = thread_of(compute(b"Message-ID: <3@x>\r\nReferences: <1@x> <2@x>\r\n\r\n"), DIGEST)
    other = thread_of(compute(b"Message-ID: <9@x>\r\n\r\n"), DIGEST)
    assert first == reply == again != other
    assert thread_of(compute(b"Subject: none\r\n\r\n"), DIGEST) == DIGEST[:8]
