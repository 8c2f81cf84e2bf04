"""The quick ways of SEARCH give what the plain ways would."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from posthouse.access.imap import search_flags
from posthouse.access.imap.search_flags import flag_line
from posthouse.access.imap.search_joined import BREAK, Joined
from posthouse.store.contract import DELETED, FLAGGED, SEEN
from posthouse.wire.imap.syntax import Key


class Row:
    """What these searches look at of a message; equal only to itself."""

    def __init__(self, uid: int, flags: int = 0) -> None:
        self.uid = uid
        self.flags = flags


def session_with(rows: list[Any]) -> Any:
    return SimpleNamespace(selected=SimpleNamespace(scratch={}, packed=False, snapshot=lambda: list(rows)))


def plainly(rows: list[Any], name: str, uid: bool) -> bytes:
    bit = {"SEEN": SEEN, "FLAGGED": FLAGGED, "DELETED": DELETED}[name.removeprefix("UN")]
    numbers = [
        row.uid if uid else number
        for number, row in enumerate(rows, 1)
        if row is not None and bool(row.flags & bit) != name.startswith("UN")
    ]
    return ("* SEARCH" + "".join(f" {number}" for number in numbers) + "\r\n").encode()


@pytest.mark.parametrize("uid", [False, True])
@pytest.mark.parametrize("name", ["SEEN", "UNSEEN", "FLAGGED", "UNDELETED"])
async def test_a_flag_is_searched_as_if_nothing_were_kept(
    name: str, uid: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever changes between two searches (flags, messages that go, come or move up) is in the second answer."""
    monkeypatch.setattr(search_flags, "CHUNK", 10)
    rng = random.Random(5)
    rows: list[Any] = [
        Row(3 * number, rng.choice([0, SEEN, FLAGGED, SEEN | DELETED])) for number in range(57)
    ]
    session = session_with(rows)
    for _ in range(60):
        assert await flag_line(session, Key(name), uid) == plainly(rows, name, uid)
        match rng.randrange(4):
            case 0:  # a message changes: the store puts another object in its place
                place = rng.randrange(len(rows))
                rows[place] = Row(3 * place, rng.choice([0, SEEN, FLAGGED]))
            case 1:  # expunged by another session, not told yet
                rows[rng.randrange(len(rows))] = None
            case 2:  # expunged and told: everything behind it moves up
                del rows[rng.randrange(len(rows))]
            case _:
                rows.append(Row(1000 + len(rows), SEEN))


async def test_other_keys_take_the_long_way() -> None:
    """Only a flag alone is answered here."""
    for key in (Key("RECENT"), Key("ALL"), Key("NOT", Key("SEEN")), Key("NEW"), Key("KEYWORD", "x")):
        assert await flag_line(session_with([]), key, False) is None


async def test_nothing_found_is_an_empty_answer() -> None:
    """RFC 9051 has no number at all then."""
    assert await flag_line(session_with([]), Key("UNSEEN"), False) == b"* SEARCH\r\n"
    assert await flag_line(session_with([Row(1, SEEN)]), Key("UNSEEN"), False) == b"* SEARCH\r\n"


def test_joined_texts_are_found_as_single_ones() -> None:
    """Any needle in any texts: the messages are those whose own text contains it, in order, each once."""
    rng = random.Random(7)
    for _ in range(300):
        texts = [
            None if not rng.randrange(5) else "".join(rng.choices("ab\0é", k=rng.randrange(6)))
            for _ in range(rng.randrange(12))
        ]
        rows: list[Any] = [Row(number) for number in range(len(texts))]
        joined = Joined(rows, texts)
        for needle in ("", "a", "b", "ab", "ba", "aa", "é", "bab"):
            wanted = [
                row for row, text in zip(rows, texts, strict=True) if text is not None and needle in text
            ]
            assert joined.containing(needle) == wanted


def test_a_match_never_spans_two_messages() -> None:
    """What ends one text and begins the next is no match."""
    rows: list[Any] = [Row(1), Row(2)]
    assert BREAK not in "ab"
    assert Joined(rows, ["xa", "bx"]).containing("ab") == []
