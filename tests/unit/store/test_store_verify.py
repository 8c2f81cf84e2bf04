"""verify finds each kind of damage, and nothing where there is none."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Update, delete, insert, select, update

from posthouse.bodies.records import bodies
from posthouse.bodies.removal import Removal
from posthouse.database.contract import Database, Transaction
from posthouse.store import upkeep
from posthouse.store.contract import DELETED, SEEN, FlagChange
from posthouse.store.deleted_records import deleted_messages
from posthouse.store.records import counters, mailboxes, messages, tombstones
from posthouse.store.verify import Ended, Pace, verify

sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))

from store_parts import Parts


@pytest_asyncio.fixture
async def parts(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Parts]:
    made = Parts(sqlite_database, tmp_path)
    inbox = await made.inbox()
    await made.fill(inbox, 4, prefix=b"A: b\r\n")
    await made.store.flags(inbox, [1, 2], FlagChange("add", SEEN | DELETED))
    await made.store.expunge_any(inbox, [2])
    yield made
    await made.close()


def only_file(parts: Parts) -> Path:
    name, _, _ = min(parts.bodies.kept())
    return Path(parts.bodies.path(name))


async def test_a_sound_store_is_clean(parts: Parts) -> None:
    """Counts of what was looked at, no error, no warning but the body the removal job will take."""
    told: list[tuple[str, int]] = []
    report = await verify(
        parts.database, parts.bodies, progress=lambda what, count: told.append((what, count))
    )
    assert (report.clean, report.errors, report.warnings) == (True, [], [])
    assert (report.bodies, report.files, report.mailboxes, report.messages) == (4, 4, 6, 3)
    assert report.deleted == 1
    assert told[-2:] == [("mailboxes", 6), ("deleted messages", 1)]


def damage_file(change: Callable[[Path], object]) -> Callable[[Parts], object]:
    return lambda parts: change(only_file(parts))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "file is missing"),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "another hash"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "its row says"),
        (lambda path: (path.with_name(f"{path.name[:2]}{'0' * 62}.eml")).write_bytes(b"x"), ""),
    ],
)
async def test_damaged_files(parts: Parts, damage: Callable[[Path], object], words: str) -> None:
    """Missing, changed and short bodies are errors; a young file without a row is a warning."""
    damage(only_file(parts))
    report = await verify(parts.database, parts.bodies)
    if words:
        assert len(report.errors) == 1
        assert words in report.errors[0]
    else:
        assert report.clean
        assert "no row knows it" in report.warnings[0]


async def test_an_old_file_without_a_row_is_an_error(parts: Parts) -> None:
    """The removal job should have taken it long ago."""
    path = parts.bodies.folder / "00" / f"{'0' * 64}.eml"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    report = await verify(parts.database, parts.bodies)
    assert "older than a day" in report.errors[0]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (update(mailboxes).where(mailboxes.c.name == "INBOX").values(messages=99), "counter messages is 99"),
        (update(mailboxes).where(mailboxes.c.name == "INBOX").values(unseen=99), "counter unseen is 99"),
        (update(mailboxes).where(mailboxes.c.name == "INBOX").values(deleted=99), "counter deleted is 99"),
        (
            update(mailboxes).where(mailboxes.c.name == "INBOX").values(deleted_size=9),
            "counter deleted size is 9",
        ),
        (update(mailboxes).where(mailboxes.c.name == "INBOX").values(size=9), "counter size is 9"),
        (
            update(mailboxes).where(mailboxes.c.name == "INBOX").values(uidnext=4),
            "UID 4 is not below UIDNEXT",
        ),
        (update(mailboxes).where(mailboxes.c.name == "INBOX").values(highest_modseq=2), "above the highest"),
        (update(mailboxes).values(uidvalidity=7), "have the same UIDVALIDITY"),
        (update(counters).values(value=1), "UIDVALIDITY counter"),
        (update(messages).values(modseq=10_000), "above the highest"),
        (update(messages).values(size=messages.c.size + 1), "its parts have"),
        (update(messages).values(prefix=b"short"), "prefix of 5 bytes"),
        (update(messages).values(mailbox_id=9), "another mailbox's number"),
        (delete(bodies), "has no row"),
        (insert(tombstones).values(mailbox_id=1, modseq=3, uid=3), "is there and expunged"),
        (insert(tombstones).values(mailbox_id=1, modseq=3, uid=300), "past UIDNEXT"),
    ],
)
async def test_damaged_rows(parts: Parts, statement: object, words: str) -> None:
    """Every counter, order and reference that is wrong is named."""
    await parts.database.run(lambda tx: tx.execute(statement))
    report = await verify(parts.database, parts.bodies)
    assert not report.clean
    assert any(words in line for line in report.errors), report.errors


async def test_a_condemned_body_without_file_is_a_warning(parts: Parts) -> None:
    """A crash between the removal job's unlink and its commit."""
    only_file(parts).unlink()
    await parts.database.run(lambda tx: tx.execute(update(bodies).values(condemned_at=1)))
    report = await verify(parts.database, parts.bodies)
    assert report.clean
    assert "being removed" in report.warnings[0]


async def test_findings_are_bounded(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ruined store does not fill the memory: the lines stop, the number goes on."""
    monkeypatch.setattr("posthouse.store.verify._MOST_FINDINGS", 2)
    await parts.database.run(lambda tx: tx.execute(delete(bodies)))
    report = await verify(parts.database, parts.bodies)
    assert len(report.errors) == 2
    assert report.error_count == 4


async def body_of(parts: Parts, name: str = "deleted_messages") -> bytes:
    """The body of the one deleted message, which nothing else has (or of the first one that is there)."""
    table = deleted_messages if name == "deleted_messages" else messages
    rows = await parts.database.scan(lambda tx: tx.execute(select(table.c.body).order_by(table.c.id)))
    return bytes(rows[0][0])


async def test_a_damaged_body_is_named_by_whose_it_is(parts: Parts) -> None:
    """Of a message that is there, and of one that was deleted and may come back."""
    body = await body_of(parts)
    Path(parts.bodies.path(body.hex())).unlink()
    report = await verify(parts.database, parts.bodies)
    (line,) = report.errors
    assert f"body {body.hex()}: its file is missing; it is that of deleted message" in line
    assert "of account 1 (UID 2 of mailbox" in line
    live = await body_of(parts, "messages")
    Path(parts.bodies.path(live.hex())).unlink()
    report = await verify(parts.database, parts.bodies)
    assert any("it is that of UID 1 of mailbox 'INBOX' of account 1" in line for line in report.errors)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (update(deleted_messages).values(size=deleted_messages.c.size + 1), "has size"),
        (update(deleted_messages).values(prefix=b"A: bb\r\n"), "has a prefix of 7 bytes and says 6"),
        (update(deleted_messages).values(body=b"x" * 32), "which has no row: it cannot come back"),
    ],
)
async def test_damaged_rows_of_deleted_messages(parts: Parts, change: Update, words: str) -> None:
    await parts.database.run(lambda tx: tx.execute(change))
    report = await verify(parts.database, parts.bodies)
    (line,) = report.errors
    assert line.startswith("deleted message ")
    assert words in line


async def test_a_message_that_is_there_and_deleted_is_an_error(parts: Parts) -> None:
    def op(tx: Transaction) -> None:
        rows = tx.execute(select(messages.c.id).order_by(messages.c.id).limit(1))
        tx.execute(update(deleted_messages).values(id=rows[0][0]))

    await parts.database.run(op)
    (line,) = (await verify(parts.database, parts.bodies)).errors
    assert "is in its mailbox still" in line


async def test_bodies_that_only_deleted_messages_have_are_kept(parts: Parts) -> None:
    """However late the job comes; its row and file are there, and nothing is wrong."""
    body = await body_of(parts)
    removal = Removal(parts.database, parts.bodies, [upkeep.referred_in], [upkeep.forget_in], parts.settings)
    for later in (0, 10 * 86400, 20 * 86400):
        done = await removal.once(now=time.time() + later)
        assert (done.condemned, done.removed, done.orphans) == (0, 0, 0)
    assert Path(parts.bodies.path(body.hex())).exists()
    report = await verify(parts.database, parts.bodies)
    assert (report.errors, report.warnings, report.deleted) == ([], [], 1)


async def test_each_damage_is_named_and_nothing_else(parts: Parts) -> None:
    """A flipped bit, a cut file, a file that is gone and a row that is gone, all at once: each is named with its
    message, and what is sound is not."""
    inbox = await parts.inbox()
    await parts.fill(inbox, 10)
    rows = await parts.database.scan(
        lambda tx: tx.execute(select(messages.c.id, messages.c.body).order_by(messages.c.id))
    )
    flipped, cut, gone, lost = rows[-4:]  # the first of the new ones have the bodies of the old ones
    path = Path(parts.bodies.path(bytes(flipped[1]).hex()))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    path = Path(parts.bodies.path(bytes(cut[1]).hex()))
    path.write_bytes(path.read_bytes()[:-2])
    Path(parts.bodies.path(bytes(gone[1]).hex())).unlink()
    await parts.database.run(lambda tx: tx.execute(delete(messages).where(messages.c.id == lost[0])))
    found = (await verify(parts.database, parts.bodies)).errors
    for row, words in ((flipped, "another hash"), (cut, "its row says"), (gone, "file is missing")):
        named = [line for line in found if bytes(row[1]).hex() in line]
        assert len(named) == 1
        assert words in named[0]
        assert f"UID {row[0] & 0xFFFFFFFF} of mailbox 'INBOX'" in named[0]
    rest = [line for line in found if not line.startswith("body ")]
    assert any(line.startswith("mailbox 'INBOX'") and "counter messages is" in line for line in rest)
    assert all("counter" in line for line in rest)
    assert len(found) - len(rest) == 3


def test_the_pace_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read takes the time its bytes may take, whatever the pieces; a pause is no credit."""
    now = [100.0]
    waited: list[float] = []

    class Clock(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            now[0] += timeout or 0.0
            return self.is_set()

    monkeypatch.setattr("posthouse.store.verify.time.monotonic", lambda: now[0])
    monkeypatch.setattr("posthouse.store.verify.threading.Event", Clock)
    rate = [1000.0]
    pace = Pace(lambda: rate[0])
    for _ in range(1000):
        pace.take(10)
    assert sum(waited) == pytest.approx(10.0, abs=0.03)
    now[0] += 3600
    waited.clear()
    pace.take(500)
    assert waited == [pytest.approx(0.5)]
    rate[0] = 0.0
    waited.clear()
    pace.take(1 << 40)
    assert waited == []
    pace.end()
    with pytest.raises(Ended):
        pace.take(1)


async def test_a_check_nobody_waits_for_reads_no_further(parts: Parts) -> None:
    """Cancelled in the middle of a body at a slow pace, it ends at once, also in its thread."""
    begun = threading.Event()

    def slow() -> float:
        begun.set()
        return 0.001

    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    reading = asyncio.ensure_future(verify(parts.database, parts.bodies, rate=slow))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.wait_for(asyncio.to_thread(lambda: None), 30)  # its one thread is free again


async def test_progress_is_told_by_bytes_too(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where bodies are large, more is told than once in five hundred."""
    monkeypatch.setattr("posthouse.store.verify._TURN", 1)
    told: list[tuple[str, int]] = []
    await verify(parts.database, parts.bodies, progress=lambda what, count: told.append((what, count)))
    assert told[:4] == [("bodies", 1), ("bodies", 2), ("bodies", 3), ("bodies", 4)]
