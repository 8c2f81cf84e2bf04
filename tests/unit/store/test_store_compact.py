"""Packed messages: what goes in comes out, and a large mailbox behaves like any other."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from posthouse.database.contract import Database, Row
from posthouse.settings.contract import Settings
from posthouse.store.compact import BLOCK, Behind, Compact
from posthouse.store.contract import FLAGGED, SEEN, FlagChange
from posthouse.store.rows import StoredMessage

sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))

from store_parts import ACCOUNT, Parts

BOX = 77


def row(uid: int, modseq: int = 1, flags: int = 0, keywords: str = "") -> Row:
    key = random.Random(uid).randbytes(56)
    numbers = (-90, 1_700_000_000 + uid, 1_700_000_001, (1 << 33) + uid, 5)
    return (BOX << 32 | uid, modseq, flags, *numbers, key[:8], key[8:40], key[40:], keywords)


def made(uids: range | list[int]) -> Compact:
    packed = Compact(BOX)
    packed.extend_rows([row(uid) for uid in uids])
    return packed


def test_a_message_comes_back_as_it_was() -> None:
    """Every field, the largest UID and modseq, dates before 1970."""
    rows = [
        row(1),
        row(2, modseq=(1 << 63) - 1, flags=31, keywords="$Forwarded Junk"),
        (BOX << 32 | (1 << 32) - 1, 3, 2, 840, -5, -6, 0, 4096, b"t" * 8, b"d" * 32, b"e" * 16, "x"),
    ]
    packed = Compact(BOX)
    packed.extend_rows(rows)
    assert [message.row() for message in map(StoredMessage, rows)] == rows
    for message, wanted in zip(packed, rows, strict=True):
        assert isinstance(message, StoredMessage)
        assert message.row() == wanted
    assert packed.keyword_sets() == {(), ("$Forwarded", "Junk"), ("x",)}


def test_it_is_a_sequence_whatever_is_done_to_it() -> None:
    """Beside a plain list: appended, changed and taken out at random, over the bounds of blocks."""
    chance = random.Random(5)
    packed, plain, last = Compact(BOX), list[StoredMessage](), 0
    for turn in range(60):
        new = [StoredMessage(row(last + 1 + n)) for n in range(chance.randrange(BOX * 20))]
        last += len(new)
        packed.extend(new)
        plain += new
        newer = {}
        for place in chance.sample(range(len(plain)), min(5, len(plain))):
            plain[place] = newer[place] = StoredMessage(
                row(plain[place].uid, modseq=turn + 2, flags=turn % 32, keywords=f"k{turn % 9}")
            )
        packed.put(newer)
        gone = set(chance.sample(range(len(plain)), min(len(plain), chance.choice((0, 1, 700)))))
        packed.drop(gone)
        plain = [message for place, message in enumerate(plain) if place not in gone]
        assert len(packed) == len(plain)
        start = chance.randrange(len(plain) + 1)
        part = slice(start, start + chance.choice((0, 1, 50, 3 * BLOCK)))
        assert [message.row() for message in packed[part]] == [message.row() for message in plain[part]]  # type: ignore[attr-defined]
        assert packed.above(turn) == [place for place, message in enumerate(plain) if message.modseq > turn]
        for value in (0, SEEN):
            assert packed.places(SEEN, value) == [n for n, m in enumerate(plain) if m.flags & SEEN == value]
        assert packed.places(SEEN, 0, 3) == packed.places(SEEN, 0)[:3]
    assert [message.row() for message in packed] == [message.row() for message in plain]  # type: ignore[attr-defined]
    assert len(packed) > 3 * BLOCK


def test_a_copy_does_not_change() -> None:
    """What somebody holds while they wait shows what was there."""
    packed = made(range(1, BLOCK + 10))
    copy = packed.copy()
    packed.put({3: StoredMessage(row(4, modseq=9, flags=SEEN, keywords="new"))})
    packed.drop([0, 1])
    packed.extend_rows([row(BLOCK + 50)])
    assert len(copy) == BLOCK + 9
    assert [message.uid for message in copy] == list(range(1, BLOCK + 10))
    assert copy[3].flags == 0
    assert packed[1].flags == SEEN
    assert packed[-1].uid == BLOCK + 50
    with pytest.raises(IndexError):
        packed[len(packed)]


def test_numbers_of_who_was_not_told() -> None:
    """Messages that are gone are None in their places."""
    rows = made([2, 4, 9])
    behind = Behind([1, 2, 3, 4], [2, 4, 9], rows)
    assert [message and message.uid for message in behind] == [None, 2, None, 4]
    assert [message and message.uid for message in behind[1:3]] == [2, None]
    assert len(behind) == 4


@pytest_asyncio.fixture
async def parts(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Parts]:
    """A store that takes forty messages for many, and reads seven at a time."""
    monkeypatch.setattr("posthouse.store.compact.LARGE", 40)
    monkeypatch.setattr("posthouse.store.state.INLINE_ROWS", 5)
    monkeypatch.setattr("posthouse.store.state.SCAN_ROWS", 7)
    parts = Parts(sqlite_database, tmp_path)
    yield parts
    await parts.close()


async def test_a_large_mailbox_is_read_changed_and_emptied(parts: Parts) -> None:
    """Two sessions: one is told of what the other changes, message by message."""
    box = await parts.store.create(ACCOUNT, "large")
    await parts.fill(box.id, 50)
    one, two = await parts.store.examine(box.id), await parts.store.examine(box.id)
    assert one.packed
    assert list(one.uids) == list(range(1, 51))
    await parts.store.flags(box.id, [7, 9], FlagChange("add", FLAGGED, ("New",)))
    await one.refresh()
    assert [(n, m.uid, m.flags, m.keywords) for n, m in one.sync(expunges=True).changed] == [
        (7, 7, FLAGGED, ("New",)),
        (9, 9, FLAGGED, ("New",)),
    ]
    assert one.flagged(FLAGGED, FLAGGED) == [6, 8]
    assert list(one.keywords) == ["New"]
    assert [message.uid for message in one.messages([3, 99, 5])] == [3, 5]
    await parts.store.expunge_any(box.id, [2, 30])
    await two.refresh()
    held = two.snapshot()
    told = two.sync(expunges=False)
    assert told.expunged == []
    assert [number for number, message in enumerate(two.rows(), 1) if message is None] == [2, 30]
    assert len(held) == 50
    assert two.sync(expunges=True).expunged == [(30, 30), (2, 2)]
    assert [message.uid for message in two.rows() if message] == [n for n in range(1, 51) if n not in (2, 30)]
    one.close()
    two.close()


async def test_a_mailbox_becomes_large_while_it_is_open(parts: Parts) -> None:
    """And small again: nothing of that is seen."""
    box = await parts.store.create(ACCOUNT, "growing")
    await parts.fill(box.id, 10)
    view = await parts.store.examine(box.id)
    assert not view.packed
    for _ in range(9):
        await parts.fill(box.id, 10)
        await view.refresh()
        view.sync(expunges=True)
    assert view.packed
    assert [message.uid for message in view.rows() if message] == list(range(1, 101))
    await parts.store.expunge_any(box.id, list(range(1, 100)))
    await view.refresh()
    assert len(view.sync(expunges=True).expunged) == 99
    assert [message.uid for message in view.rows() if message] == [100]
    view.close()


async def test_the_last_closed_stays_however_large(parts: Parts) -> None:
    """Selecting the same mailbox again does not load it again; the one before it is let go."""
    parts.settings.now = Settings({"store.open_cache": 21})
    boxes = []
    for name in ("a", "b"):
        boxes.append((await parts.store.create(ACCOUNT, name)).id)
        await parts.fill(boxes[-1], 50)
    view = await parts.store.examine(boxes[0])
    scratch = view.scratch
    view.close()
    again = await parts.store.examine(boxes[0])
    assert again.scratch is scratch
    again.close()
    (await parts.store.examine(boxes[1])).close()
    third = await parts.store.examine(boxes[0])
    assert third.scratch is not scratch
    third.close()
