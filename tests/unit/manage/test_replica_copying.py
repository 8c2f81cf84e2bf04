"""The replica of the SQLite database: what is new gets there, and it does not follow another or an older one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from posthouse.database import schema
from posthouse.database.migrate import migrate
from posthouse.database.urls import sqlite_url
from posthouse.manage.backup.tables import LEFT_OUT, every_table
from posthouse.manage.replica import copying, files
from posthouse.manage.replica.job import Replica
from posthouse.manage.replica.places import GROUPS, LEFT, MAIL


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database."""
    path = tmp_path_factory.mktemp("fresh") / "posthouse.db"
    migrate(sqlite_url(path))
    return path


class World:
    """A database with two mailboxes, and its replica."""

    def __init__(self, folder: Path, fresh: Path) -> None:
        self.data, self.path = folder, folder / "posthouse.db"
        shutil.copy(fresh, self.path)
        self.main = apsw.Connection(str(self.path))
        self.main.execute("INSERT INTO backup_state VALUES ('lineage', '{}')")
        self.replica = Replica(folder, self.path)
        for mailbox in (1, 2):
            names = "account_id, name, object_id, uidvalidity, uidnext, highest_modseq, tombstones_from, special_use"
            self.main.execute(
                f"INSERT INTO mailboxes (id, {names}, messages, unseen, deleted, deleted_size, size, recent_from) "
                "VALUES (?, 1, ?, 'o', 7, 1, 1, 0, '', 0, 0, 0, 0, 0, 0)",
                (mailbox, f"box{mailbox}"),
            )

    def add(self, mailbox: int, count: int) -> None:
        """Messages come, all at one modseq."""
        rows: list[Any] = self.main.execute(
            "UPDATE mailboxes SET uidnext = uidnext + ?, highest_modseq = highest_modseq + 1 WHERE id = ? "
            "RETURNING uidnext, highest_modseq",
            (count, mailbox),
        ).fetchall()
        uid, modseq = rows[0]
        self.main.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, 0, 0, 5, 5, 10, 0, x'00', ?, x'01', '', x'')",
            [
                (mailbox << 32 | each, mailbox, modseq, bytes(32))
                for each in range(int(uid) - count, int(uid))
            ],
        )

    def change(self, mailbox: int, text: str, uids: range, *, told: bool = True) -> None:
        """Something happens to messages; with ``told`` expunges leave tombstones."""
        self.main.execute("UPDATE mailboxes SET highest_modseq = highest_modseq + 1 WHERE id = ?", (mailbox,))
        ((modseq,),) = self.main.execute("SELECT highest_modseq FROM mailboxes WHERE id = ?", (mailbox,))
        for uid in uids:
            self.main.execute(text.replace("MODSEQ", str(modseq)) + f" WHERE id = {mailbox << 32 | uid}")
            if text.startswith("DELETE") and told:
                self.main.execute("INSERT INTO tombstones VALUES (?, ?, ?)", (mailbox, modseq, uid))
        if not told:
            self.main.execute("UPDATE mailboxes SET tombstones_from = ? WHERE id = ?", (modseq, mailbox))

    def follow(self) -> None:
        """A pass, also where one has just been made."""
        self.replica._due = dict.fromkeys(self.replica._due, 0.0)
        self.replica.once()

    def same(self, *names: str) -> bool:
        """Whether tables are the same in both."""
        other = apsw.Connection(str(files.replica_path(self.data)))
        try:
            return all(
                self.main.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
                == other.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
                for name in names
            )
        finally:
            other.close()


@pytest.fixture
def world(tmp_path: Path, fresh: Path) -> World:
    """A world."""
    return World(tmp_path, fresh)


def test_every_table_has_its_place() -> None:
    """A new table is placed in the replica, or left out on purpose; none twice."""
    every_table()
    placed = [name for group in (*GROUPS.values(), MAIL, LEFT) for name in group]
    assert sorted(placed) == sorted(every_table())
    assert set(schema.metadata.tables) >= LEFT_OUT
    assert len(placed) == len(set(placed))


def test_what_a_restore_put_in_follows(world: World) -> None:
    """A restore puts messages in under modseqs that were copied already: at its end all is looked at, once."""
    world.add(1, 3)
    world.add(2, 2)
    world.follow()
    world.main.execute(
        "INSERT INTO messages SELECT id + 50, mailbox_id, 1, flags, zone, internal_date, save_date, size, prefix_size, "
        "thread, body, email, keywords, prefix FROM messages"
    )
    world.follow()
    assert not world.same("messages")
    for value in ("first", "second"):
        world.main.execute("INSERT OR REPLACE INTO backup_state VALUES ('restored', ?)", (value,))
        world.main.execute("DELETE FROM messages WHERE id = (SELECT min(id) FROM messages)")
        world.follow()
        assert world.same(*MAIL)


def test_increments_follow(world: World) -> None:
    """More messages than a unit holds at one modseq, flags, expunges with and without tombstones, renamed and
    deleted mailboxes, and small tables."""
    world.add(1, copying.UNIT * 2 + 3)
    world.add(2, 5)
    world.follow()
    assert world.same("mailboxes", "messages")
    world.add(1, 2)
    world.change(1, "UPDATE messages SET flags = 3, keywords = 'a', modseq = MODSEQ", range(5, 9))
    world.change(1, "DELETE FROM messages", range(9, 12))
    world.change(2, "DELETE FROM messages", range(2, 4), told=False)
    world.main.execute("INSERT INTO settings_values VALUES ('a', 'b')")
    world.follow()
    assert world.same("mailboxes", "messages", "settings_values")
    # Two names are exchanged: neither row may push the other out.
    for name, mailbox in (("x", 1), ("box1", 2), ("box2", 1)):
        world.main.execute("UPDATE mailboxes SET name = ? WHERE id = ?", (name, mailbox))
    world.main.execute("DELETE FROM settings_values")
    world.follow()
    assert world.same("mailboxes", "messages", "settings_values")
    world.main.execute("DELETE FROM messages WHERE mailbox_id = 2")
    world.main.execute("DELETE FROM mailboxes WHERE id = 2")
    world.follow()
    assert world.same("mailboxes", "messages")


def test_a_cut_off_copy_is_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first copy ends between two units; changes and expunges come; the next ones make it whole."""
    world.add(1, copying.UNIT * 3)
    calls = 0

    def pause() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise apsw.FullError("no room")

    monkeypatch.setattr(world.replica, "_pause", pause)
    with pytest.raises(apsw.FullError):
        world.follow()
    assert not world.same("messages")
    world.change(1, "DELETE FROM messages", range(1, 4))
    world.change(1, "UPDATE messages SET flags = 1, modseq = MODSEQ", range(10, 12))
    world.follow()
    assert world.same("mailboxes", "messages")


def test_an_older_database_is_not_followed(world: World) -> None:
    """A copy of an older state is put back: the replica stays as it is, also when the copy outgrows it."""
    world.add(1, 3)
    world.follow()
    copy = world.data / "copy.db"
    world.main.execute("VACUUM INTO ?", (str(copy),))
    world.add(1, 3)
    world.follow()
    world.main.close()
    for end in ("-wal", "-shm"):
        Path(f"{world.path}{end}").unlink(missing_ok=True)
    shutil.copy(copy, world.path)
    world.replica.close()
    world.main = apsw.Connection(str(world.path))
    world.replica = Replica(world.data, world.path)
    assert "older" in world.replica.check()
    for _ in range(5):
        world.add(1, 3)
    world.follow()
    assert "older" in Replica(world.data, world.path).check()
    assert files.is_ahead(world.data)
    assert not world.same("messages")


def test_another_database_is_not_followed(world: World, fresh: Path) -> None:
    """An empty database beside a replica is not the one it was made of."""
    world.add(1, 3)
    world.follow()
    world.replica.close()
    other = world.data / "other.db"
    shutil.copy(fresh, other)
    replica = Replica(world.data, other)
    replica.once()
    assert files.is_ahead(world.data)
    assert world.same("messages")


def test_a_damaged_replica_is_put_aside(world: World) -> None:
    """It is kept, and a new one begun."""
    files.replica_path(world.data).write_bytes(b"no database" * 1000)
    assert world.replica.check() == ""
    world.follow()
    assert world.same("mailboxes")
    assert list((world.data / "records").glob("aside-*.db"))


def test_nothing_is_done_without_changes(world: World) -> None:
    """A pass over a database that did not change writes nothing."""
    world.follow()
    world.replica._dirty.clear()
    before = world.replica._open().execute("SELECT total_changes()").fetchall()
    assert world.replica.once(changed=False) == 0.0
    assert world.replica._open().execute("SELECT total_changes()").fetchall() == before
