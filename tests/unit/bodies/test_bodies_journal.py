"""The journal: what it holds is found again, whatever became of the files and of the rest of the journal."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.bodies import flush
from posthouse.bodies import journal as journal_file
from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import Journal, replay
from posthouse.bodies.journaled import JournalDurability
from posthouse.bodies.segment import BLOCK, RECORD, Segment
from posthouse.bodies.spool import IN_MEMORY, MemoryBody
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.database.sqlite import SqliteDatabase


def made(content: bytes) -> MemoryBody:
    """A body."""
    return MemoryBody(content, hashlib.sha256(content).hexdigest())


def some(count: int, size: int = 3000) -> list[MemoryBody]:
    """Different bodies."""
    return [made(b"%d " % number + b"x" * size) for number in range(count)]


def records(bodies: list[MemoryBody]) -> list[tuple[bytes, bytes]]:
    """As a segment takes them."""
    return [(bytes.fromhex(body.digest), bytes(body.buffer())) for body in bodies]


def contents(path: Path) -> list[bytes | None]:
    """What a segment's file gives back, also while somebody has it."""
    with mock.patch("posthouse.bodies.segment._lock"):
        segment = Segment(str(path), 1 << 20)
    try:
        return [each.content for each in segment.found()]
    finally:
        segment.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[FileBodies]:
    """The files of bodies."""
    bodies = FileBodies(tmp_path)
    yield bodies
    bodies.close()


def left_by_a_crash(data: Path, bodies: FileBodies, groups: list[list[MemoryBody]], slot: int = 0) -> None:
    """A journal that is not closed: as ``kill -9`` leaves it."""
    journal = Journal(data, bodies, slot)
    for group in groups:
        assert journal.keep(group) == [None] * len(group)
    journal._freer.end()
    for segment in journal._segments:
        segment.close()


def no_room_for(one: Body, kept: FileBodies, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when this body's file is written."""
    put = kept.put

    def full(body: Body) -> None:
        if body is one:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(body)

    monkeypatch.setattr(kept, "put", full)


# ---------------------------------------------------------------------- the file


def test_what_was_written_is_found_in_order(tmp_path: Path) -> None:
    """Also by a reader that opens the file anew; and nothing of what was there before it was begun again."""
    path = tmp_path / "segment"
    segment = Segment(str(path), 1 << 20)
    segment.begin()
    first, second = some(3), some(2, 70_000)
    segment.append(records(first))
    segment.append(records(second))
    assert contents(path) == [each.buffer() for each in [*first, *second]]
    segment.begin()
    assert len(contents(path)) == 5  # until something is written, the old lap is there
    only = [made(b"")]
    segment.append(records(only))
    assert contents(path) == [b""]
    segment.clear()
    assert contents(path) == []
    segment.close()


def test_what_is_promised_is_not_written_again(tmp_path: Path) -> None:
    """Each group begins at a block of its own."""
    path = tmp_path / "segment"
    segment = Segment(str(path), 1 << 20)
    segment.begin()
    segment.append(records(some(1)))
    before = path.read_bytes()
    end = BLOCK + RECORD.size + len(some(1)[0].buffer())
    segment.append(records([made(b"later")]))
    after = path.read_bytes()
    assert after[BLOCK:end] == before[BLOCK:end]
    assert after[: 2 * BLOCK] == before[: 2 * BLOCK]
    segment.close()


def test_space_is_made_in_steps_and_used_again(tmp_path: Path) -> None:
    """Most groups change no length; a second lap changes none at all."""
    path = tmp_path / "segment"
    segment = Segment(str(path), 4 << 20)
    lengths = []
    for _ in range(2):
        segment.begin()
        for number in range(30):
            segment.append(records([made(b"%d" % number * 50_000)]))
            lengths.append(path.stat().st_size)
    assert len(set(lengths[:30])) <= 4
    assert set(lengths[30:]) == {lengths[29]}
    assert segment.fits(1 << 20, 1)
    assert not segment.fits(4 << 20, 1)
    segment.close()


@pytest.mark.parametrize("damage", ["head", "record", "content", "cut"])
def test_damage_costs_what_it_hits(tmp_path: Path, damage: str) -> None:
    """A damaged record is passed over, those behind it are found."""
    path = tmp_path / "segment"
    segment = Segment(str(path), 1 << 20)
    segment.begin()
    groups = [[made(bytes([65 + number]) * 5000)] for number in range(4)]
    for group in groups:
        segment.append(records(group))
    segment.close()
    whole = [group[0].buffer() for group in groups]
    data = bytearray(path.read_bytes())
    place = {"head": 3, "record": BLOCK + 9, "content": BLOCK + 2000, "cut": 0}[damage]
    if damage == "cut":
        del data[3 * BLOCK + 100 :]
    else:
        data[place] ^= 1
    path.write_bytes(data)
    expected = {
        "head": whole,
        "record": whole[1:],
        "content": [None, *whole[1:]],
        "cut": [whole[0], None],
    }[damage]
    assert contents(path) == expected


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), flips=st.integers(0, 40), cut=st.booleans())
def test_no_damage_gives_anything_that_was_not_written(
    tmp_path_factory: pytest.TempPathFactory, seed: int, flips: int, cut: bool
) -> None:
    """Whatever is flipped, zeroed or cut off: a whole record or none, and no exception."""
    rng = random.Random(seed)
    path = tmp_path_factory.mktemp("damaged") / "segment"
    segment = Segment(str(path), 1 << 20)
    segment.begin()
    bodies = [made(rng.randbytes(rng.choice([0, 1, 500, 4044, 4096, 20_000]))) for _ in range(6)]
    for start in (0, 2, 4):
        segment.append(records(bodies[start : start + 2]))
    segment.close()
    data = bytearray(path.read_bytes())
    used = rng.randrange(1, len(data)) if cut else min(len(data), 80_000)
    for _ in range(flips):
        place = rng.randrange(min(used, 80_000))
        data[place] ^= 1 << rng.randrange(8)
    if cut:
        del data[used:]
    path.write_bytes(data)
    found = [each for each in contents(path) if each is not None]
    written = [bytes(body.buffer()) for body in bodies]
    assert all(each in written for each in found)
    if not flips and not cut:
        assert found == written


# ---------------------------------------------------------------------- the start after a crash


@pytest.mark.parametrize("state", ["gone", "empty", "short", "zeros", "whole"])
def test_a_start_writes_what_the_files_lost(tmp_path: Path, kept: FileBodies, state: str) -> None:
    """A power cut may leave any of these of a file that was not flushed."""
    groups = [some(3), [made(b"another")]]
    left_by_a_crash(tmp_path, kept, groups)
    bodies = [body for group in groups for body in group]
    for body in bodies:
        path = Path(kept.path(body.digest))
        if state == "gone":
            path.unlink()
        elif state != "whole":
            size = {"empty": 0, "short": body.size // 2, "zeros": 0}[state]
            path.write_bytes(bytes(body.buffer())[:size] if state != "zeros" else bytes(body.size))
    done = replay(tmp_path, kept)
    assert (done.bodies, done.written, done.damaged) == (4, 0 if state == "whole" else 4, 0)
    assert all(Path(kept.path(body.digest)).read_bytes() == body.buffer() for body in bodies)
    assert replay(tmp_path, kept).bodies == 0  # once is enough


def test_a_start_reads_every_journal_and_a_worker_its_own(tmp_path: Path, kept: FileBodies) -> None:
    """Those of workers that are no more are read as well."""
    for slot in range(3):
        left_by_a_crash(tmp_path, kept, [[made(b"of %d" % slot)]], slot)
    assert replay(tmp_path, kept, 1).bodies == 1
    assert replay(tmp_path, kept).bodies == 2


def test_a_start_that_is_cut_off_is_done_again(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is emptied last."""
    left_by_a_crash(tmp_path, kept, [some(2)])

    def broken(digests: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "flush_kept", broken)
        with pytest.raises(OSError, match="Input/output"):
            replay(tmp_path, kept)
    assert replay(tmp_path, kept).bodies == 2


# ---------------------------------------------------------------------- the journal


def test_a_full_journal_is_begun_again_once_its_files_are_flushed(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file's bodies are flushed before it is written again; whatever moment a crash comes, every body is in
    a flushed file or in the journal."""
    flushed: set[str] = set()
    really = kept.flush_kept

    def flush_kept(digests: list[str]) -> None:
        really(digests)
        flushed.update(digests)

    def keep(body: Body) -> None:
        itself(body)
        flushed.add(body.digest)

    itself = kept.keep
    monkeypatch.setattr(kept, "flush_kept", flush_kept)
    monkeypatch.setattr(kept, "keep", keep)
    journal = Journal(tmp_path, kept, segment_bytes=64 << 10)
    promised: list[str] = []
    for number in range(60):
        body = made(b"%d" % number * 3000)
        assert journal.keep([body]) == [None]
        promised.append(body.digest)
        there = {
            hashlib.sha256(content).hexdigest()
            for path in (tmp_path / "journal").iterdir()
            for content in contents(path)
            if content is not None
        }
        assert set(promised) <= there | flushed
    journal.close()
    assert set(promised) <= flushed
    assert replay(tmp_path, kept).bodies == 0
    assert all((tmp_path / "journal" / f"0-{part}.journal").stat().st_size <= 64 << 10 for part in (0, 1))


def test_a_disk_that_cannot_flush_is_not_believed_again(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While files cannot be flushed, the journal fills and bodies are kept as files of their own; then what is in the
    full journal file is written anew, for the system may call lost pages clean."""

    def broken(digests: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    anew: list[str] = []
    really = kept.keep

    def keep(body: Body) -> None:
        anew.append(body.digest)
        really(body)

    monkeypatch.setattr(kept, "keep", keep)
    journal = Journal(tmp_path, kept, segment_bytes=32 << 10)
    monkeypatch.setattr(kept, "flush_kept", broken)
    bodies = some(100)
    for body in bodies:
        assert journal.keep([body]) == [None]
    journal.close()
    there = {
        hashlib.sha256(content).hexdigest()
        for path in (tmp_path / "journal").glob("*.journal")
        for content in contents(path)
        if content is not None
    }
    assert {body.digest for body in bodies} <= {*anew, *there}
    assert (tmp_path / "journal" / "suspect").exists()
    anew.clear()
    monkeypatch.setattr(kept, "flush_kept", FileBodies.flush_kept.__get__(kept))
    done = replay(tmp_path, kept)
    assert done.written == done.bodies == len(anew) == len(there)
    assert not (tmp_path / "journal" / "suspect").exists()
    assert all(bytes(kept.read(body.digest)) == body.buffer() for body in bodies)


def test_a_journal_that_is_not_free_stops_nobody(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the files of a full journal file are being flushed, bodies are flushed one by one."""
    go, really = threading.Event(), kept.flush_kept

    def slow(digests: list[str]) -> None:
        assert go.wait(30)
        really(digests)

    monkeypatch.setattr(kept, "flush_kept", slow)
    go.set()
    journal = Journal(tmp_path, kept, segment_bytes=32 << 10)
    go.clear()
    bodies = some(60)
    for body in bodies:
        assert journal.keep([body]) == [None]
    go.set()
    journal.close()
    assert all(bytes(kept.read(body.digest)) == body.buffer() for body in bodies)
    assert replay(tmp_path, kept).bodies == 0


def test_what_others_put_there_is_left_alone(tmp_path: Path, kept: FileBodies) -> None:
    """Folders, notes and links in the journal's folder."""
    left_by_a_crash(tmp_path, kept, [some(2)])
    folder = tmp_path / "journal"
    (folder / "@eaDir").mkdir()
    (folder / "note.txt").write_text("a note of some length, of more than the first bytes of a journal")
    (folder / "7-0.journal").symlink_to(folder / "note.txt")
    assert replay(tmp_path, kept).bodies == 2
    assert (folder / "note.txt").read_text().startswith("a note of some length")


@pytest.mark.skipif(sys.platform == "win32", reason="only where there are several processes")
def test_a_journal_that_somebody_has_is_not_touched(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that outlives its supervisor still writes it."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    journal = Journal(tmp_path, kept)
    journal.keep(some(1))
    with pytest.raises(OSError, match="another process"):
        replay(tmp_path, kept)
    journal.keep(some(2))
    assert len(contents_of_open(journal)) == 3
    journal.close()
    assert replay(tmp_path, kept).bodies == 0


def contents_of_open(journal: Journal) -> list[bytes | None]:
    return [each.content for each in journal._segments[0].found()]


def test_a_journal_that_cannot_be_written_promises_nothing(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes afterwards is found again, also when the very first group failed."""
    journal = Journal(tmp_path, kept)

    def broken(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(flush, "flush_data", broken)
        with pytest.raises(OSError, match="No space"):
            journal.keep(some(1))
    later = made(b"later")
    assert journal.keep([later]) == [None]
    assert b"later" in contents(tmp_path / "journal" / "0-0.journal")
    journal.close()


def test_a_file_that_cannot_be_written_is_one_bodys_trouble(
    tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the group are kept."""
    one, two = some(2)
    no_room_for(one, kept, monkeypatch)
    journal = Journal(tmp_path, kept)
    errors = journal.keep([one, two])
    assert isinstance(errors[0], OSError)
    assert errors[1] is None
    journal.close()


# ---------------------------------------------------------------------- with the database


@pytest.fixture
def sqlite(sqlite_database: Database) -> SqliteDatabase:
    """The same, by its real name."""
    assert isinstance(sqlite_database, SqliteDatabase)
    return sqlite_database


async def test_what_comes_together_shares_one_flush(
    sqlite: SqliteDatabase, tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each unit finds its body's file."""
    groups: list[int] = []
    keep = journal_file.Journal.keep

    def counted(self: Journal, bodies: list[Body]) -> list[BaseException | None]:
        groups.append(len(bodies))
        return keep(self, bodies)

    monkeypatch.setattr(journal_file.Journal, "keep", counted)
    durability = JournalDurability(sqlite, kept, Journal(tmp_path, kept))
    bodies = some(40)

    async def one(body: Body) -> int:
        def claim(tx: Transaction) -> int:
            kept.claim(tx, body.digest, body.size)
            return body.size

        return await durability.commit([body], claim)

    assert await asyncio.gather(*map(one, bodies)) == [body.size for body in bodies]
    assert sum(groups) == 40
    assert max(groups) > 10
    large = made(b"l" * (IN_MEMORY + 1))
    assert await durability.commit([large, bodies[0], made(b"third")], lambda tx: 3) == 3
    assert bytes(kept.read(large.digest)) == large.buffer()
    assert groups[-1] == 2
    assert await durability.commit([], lambda tx: 4) == 4
    await durability.close()
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        await durability.commit([made(b"late")], lambda tx: 5)


async def test_a_unit_whose_body_fails_is_not_run(
    sqlite: SqliteDatabase, tmp_path: Path, kept: FileBodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those beside it are."""
    ran: list[str] = []
    one, two = some(2)
    no_room_for(one, kept, monkeypatch)
    durability = JournalDurability(sqlite, kept, Journal(tmp_path, kept))
    results = await asyncio.gather(
        durability.commit([one], lambda tx: ran.append("one")),
        durability.commit([two], lambda tx: ran.append("two")),
        sqlite.run(lambda tx: ran.append("three")),
        return_exceptions=True,
    )
    assert isinstance(results[0], OSError)
    assert results[1:] == [None, None]
    assert sorted(ran) == ["three", "two"]
    await durability.close()


async def test_a_body_taken_away_meanwhile_is_kept_again(
    sqlite: SqliteDatabase, tmp_path: Path, kept: FileBodies
) -> None:
    """The removal job may unlink it between its file and its unit."""
    durability = JournalDurability(sqlite, kept, Journal(tmp_path, kept))
    body = made(b"taken away")
    times: list[int] = []

    def claim(tx: Transaction) -> None:
        times.append(1)
        if len(times) == 1:
            kept.unlink(body.digest)
        kept.claim(tx, body.digest, body.size)

    await durability.commit([body], claim)
    assert len(times) == 2
    assert bytes(kept.read(body.digest)) == b"taken away"
    await durability.close()
