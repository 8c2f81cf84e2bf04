"""What was on the disk is damaged there: bits turn over, files are cut off. The program says which messages suffer, and
nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from power_check import Checker
from power_cuts import ACCOUNTS, fast_folder, make_mailboxes
from power_expected import Expected
from power_load import Work
from running import PASSWORD, RunningServer

from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import replay

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="only on systems with SIGKILL"),
]

_BODY = re.compile(r"^body ([0-9a-f]{64}):")


@dataclass
class Left:
    """A data folder that a killed server left, its journal not empty, and all that it had promised."""

    data: Path
    expected: Expected
    sent: dict[str, str]

    def copy(self, folder: Path) -> Path:
        """One to damage."""
        shutil.copytree(self.data, folder, ignore=shutil.ignore_patterns("*.sock"))
        return folder


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Made once."""
    server = RunningServer(tmp_path_factory.mktemp("damage"))
    server.environment = {"POSTHOUSE_DURABILITY": "journal", "POSTHOUSE_JOURNAL_SIZE": "1"}
    try:
        server.start()
        server.add_domain()
        for account in ACCOUNTS:
            server.add_account(account)
        asyncio.run(make_mailboxes(server))
        load = Work(
            ACCOUNTS, PASSWORD, server.smtp, server.lmtp, server.imap, smtp_sessions=3, each=15, seconds=2
        )
        asyncio.run(load.run())
    finally:
        server.kill()
    expected = Expected(load.ports)
    expected.all_promised()
    return Left(server.data, expected, load.ledger.sent)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, if there is one."""
    with TemporaryDirectory(prefix="posthouse-power-", dir=fast_folder()) as folder:
        yield Path(folder)


def look(left: Left, data: Path) -> list[tuple[str, str]]:
    """What is wrong with a folder."""
    checker = Checker(left.sent)
    try:
        return checker.look(data, copy.deepcopy(left.expected))
    finally:
        checker.close()


def named(findings: list[tuple[str, str]]) -> set[str]:
    """The bodies that ``verify`` names."""
    return {found[1] for kind, words in findings if kind == "verify" and (found := _BODY.match(words))}


def wanted(data: Path) -> dict[str, int]:
    """The bodies that something refers to, and how many messages have each."""
    with contextlib.closing(sqlite3.connect(data / "posthouse.db")) as connection:
        rows = connection.execute("SELECT body, count(*) FROM messages GROUP BY body").fetchall()
    return {bytes(body).hex(): count for body, count in rows}


def flip(path: Path, rng: random.Random) -> None:
    """Turn a few bits over."""
    content = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 4)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut_off(path: Path, rng: random.Random) -> None:
    """The end is missing."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def blank(path: Path, rng: random.Random) -> None:
    """Some sectors are zeros, as of a disk that cannot read them any more."""
    content = bytearray(path.read_bytes())
    start = rng.randrange(0, len(content), 512)
    end = min(len(content), start + 512 * rng.randint(1, 8))
    content[start:end] = bytes(end - start)
    path.write_bytes(content)


def nonsense(path: Path, rng: random.Random) -> None:
    """The file is something else."""
    path.write_bytes(rng.randbytes(rng.randrange(1, 20_000)))


DAMAGE = pytest.mark.parametrize("damage", [flip, cut_off, blank, nonsense])
Damage = Callable[[Path, random.Random], None]


def test_nothing_is_damaged(left: Left, place: Path) -> None:
    """The measure itself: a killed server left all that it had promised, most of it in the journal too."""
    data = left.copy(place / "data")
    assert look(left, data) == []
    journal = sum(path.stat().st_size for path in (left.data / "journal").iterdir())
    assert journal > 100_000


@DAMAGE
def test_a_damaged_journal_takes_nothing(left: Left, place: Path, damage: Damage) -> None:
    """Its files are there: whatever becomes of the journal, all messages are, and the folder opens."""
    rng = random.Random(4)
    for number in range(6):
        data = left.copy(place / f"data{number}")
        for path in (data / "journal").iterdir():
            damage(path, rng)
        assert look(left, data) == []


@DAMAGE
def test_damaged_files_come_back_from_the_journal(left: Left, place: Path, damage: Damage) -> None:
    """What the journal still holds is written again; of the others exactly those are named that are damaged."""
    rng = random.Random(5)
    data = left.copy(place / "data")
    bodies = wanted(data)
    chosen = rng.sample(sorted(bodies), 12)
    damaged = {digest for digest in chosen if _damage(data, digest, damage, rng)}
    findings = look(left, data)
    still = named(findings)
    assert still < damaged
    assert {kind for kind, _ in findings} <= {"verify", "damaged", "lost", "changed"}
    assert sum(kind == "damaged" for kind, _ in findings) == sum(bodies[digest] for digest in still)


@DAMAGE
def test_damaged_files_are_named(left: Left, place: Path, damage: Damage) -> None:
    """Later, when the journal is empty: ``verify`` names exactly the damaged ones, and all others are whole."""
    rng = random.Random(6)
    data = left.copy(place / "data")
    kept = FileBodies(data)
    replay(data, kept)
    kept.close()
    bodies = wanted(data)
    chosen = rng.sample(sorted(bodies), 8)
    damaged = {digest for digest in chosen if _damage(data, digest, damage, rng)}
    findings = look(left, data)
    assert named(findings) == damaged
    assert sum(kind == "verify" for kind, _ in findings) == len(damaged)
    assert sum(kind == "damaged" for kind, _ in findings) == sum(bodies[digest] for digest in damaged)


def test_a_damaged_record_whose_file_is_gone_is_named(left: Left, place: Path) -> None:
    """A body that is nowhere whole any more is the only one that is lost."""
    data = left.copy(place / "data")
    bodies = wanted(data)
    content = {path: bytearray(path.read_bytes()) for path in (data / "journal").iterdir()}
    gone: set[str] = set()
    for digest in sorted(bodies):
        places = [
            (journal, found.start())
            for journal in content.values()
            for found in re.finditer(re.escape(bytes.fromhex(digest)), journal)
        ]
        if not places or len(gone) == 3:
            continue
        for journal, at in places:  # the same message may have come twice
            journal[at + 100] ^= 1  # a byte of what the record holds
        (data / "messages" / digest[:2] / f"{digest}.eml").unlink()
        gone.add(digest)
    for path, journal in content.items():
        path.write_bytes(journal)
    assert len(gone) == 3
    assert named(look(left, data)) == gone


def _damage(data: Path, digest: str, damage: Damage, rng: random.Random) -> bool:
    """Damage a body's file; whether it is another now (zeros may have been there, a bit may have turned back)."""
    path = data / "messages" / digest[:2] / f"{digest}.eml"
    before = path.read_bytes()
    damage(path, rng)
    return path.read_bytes() != before


# ---------------------------------------------------------------------- the database


def checkpointed(data: Path) -> Path:
    """All of the database is in its one file."""
    path = data / "posthouse.db"
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "SELECT count(*) FROM sqlite_schema"
        ).fetchall()  # or it does not know that there is a log
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    assert not Path(f"{path}-wal").exists()
    return path


def test_damaged_pages_take_no_message_file(left: Left, place: Path) -> None:
    """A page is nonsense: it is found, in plain words, wherever it belongs to something; the message files stay as they
    are, so that all can be repaired."""
    rng = random.Random(7)
    data = left.copy(place / "data")
    path = checkpointed(data)
    whole = path.read_bytes()
    before = {each.name: each.read_bytes() for each in (data / "messages").rglob("*.eml")}
    found = 0
    pages = len(whole) // 4096
    for number in [0, *rng.sample(range(1, pages), 24)]:
        torn = bytearray(whole)
        torn[number * 4096 : number * 4096 + 4096] = rng.randbytes(4096)
        for end in ("-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        path.write_bytes(torn)
        findings = look(left, data)
        found += bool(findings)
        for kind, words in findings:
            if kind == "start":
                assert "Database" in words, words  # what the program says itself, not a stray exception
        assert {each.name: each.read_bytes() for each in (data / "messages").rglob("*.eml")} == before
    assert found > 15


def test_a_cut_off_log_leaves_what_came_before(left: Left, place: Path) -> None:
    """The database's log ends early, or has a bit turned over: what was committed before that is there, whole and
    consistent, with nothing for ``verify`` to find."""
    rng = random.Random(8)
    for number, damage in enumerate((flip, cut_off, blank)):
        data = left.copy(place / f"data{number}")
        damage(data / "posthouse.db-wal", rng)
        findings = look(left, data)
        assert {kind for kind, _ in findings} <= {"lost", "back", "changed", "uid"}, findings


@pytest.mark.parametrize("page", [0, 1])
def test_a_server_on_a_damaged_database_says_so(left: Left, place: Path, page: int) -> None:
    """It ends with words an administrator understands, and no traceback."""
    server = RunningServer(place / "server")
    left.copy(server.data)
    path = checkpointed(server.data)
    content = bytearray(path.read_bytes())
    content[page * 4096 : page * 4096 + 4096] = b"\x5a" * 4096
    path.write_bytes(content)
    try:
        server.start(40)
    except RuntimeError:
        assert "Traceback" not in server.log, server.log
        assert re.search("damaged|malformed|not a database", server.log), server.log
    finally:
        server.kill()
    done = server.command("verify", check=False)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode != 0
    assert re.search("damaged|malformed|not a database", done.stderr + done.stdout), done.stderr + done.stdout
