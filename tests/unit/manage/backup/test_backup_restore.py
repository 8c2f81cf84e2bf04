"""A backup put back: exactly onto an empty server, and by merging; what is left out, what is refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from backup_parts import ANNA, BERT, House, house, message

from posthouse.bodies.hold import hold_in
from posthouse.bodies.removal import Removal
from posthouse.manage.errors import ManageError
from posthouse.manage.warnings import read_kept
from posthouse.store import upkeep
from posthouse.store.contract import FlagChange
from posthouse.store.verify import verify


@pytest.fixture
async def first(empty_data: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with house(empty_data, tmp_path / "first") as made:
        await made.fill()
        yield made


async def test_everything_comes_back_on_an_empty_server(
    first: House, empty_data: Path, tmp_path: Path
) -> None:
    """Every row, id, UID, flag, modseq, hash, setting and body; UIDNEXT and the ids of the database go on above
    what was; the same restore again is a merge that finds nothing to do."""
    account_ids = [row["id"] for row in await first.rows("accounts")]
    key = await first.keep(tmp_path / "place")
    was = await first.everything()
    async with house(empty_data, tmp_path / "second") as second:
        from_place = {"place": str(tmp_path / "place"), "key": key}
        told = await second.do("backup.restore", **from_place, dry_run=True)
        assert told["mode"] == "exact"
        assert told["messages"] == 7
        assert await second.rows("domains") == []
        done = await second.do("backup.restore", **from_place)
        assert done["messages"] == 7
        good = (await first.do("backup.status"))["good_at"]
        assert (await second.do("backup.status"))["good_at"] == pytest.approx(good, abs=5) != 0
        assert (await second.context.database.scan(read_kept)).backup_at is not None, "no warning"
        now = await second.everything()
        was["audit"], now["audit"] = (
            was["audit"][:-1],
            now["audit"],
        )  # the line of the backup itself is younger than it
        events = was.pop("events", [])[:-1]  # (and so is the event of it)
        assert now.pop("events", [])[: len(events)] == events
        assert now == was
        report = await verify(second.context.database, second.context.bodies)
        assert not report.error_count, report.errors
        assert await second.put(ANNA, "INBOX", message(1)) > 7
        added = await second.do("account.add", address="new@posthouse.test", password="correct-horse-battery")
        assert await second.account(added["address"]) > max(account_ids)
        again = await second.do("backup.restore", **from_place)
        assert (again["mode"], again["messages"], again["changes"]) == ("merge", 0, [])
        assert second.recorded() == await second.indexed(), "a repair finds what was put back"


async def test_a_second_backup_writes_only_what_is_new(first: House, tmp_path: Path) -> None:
    """One more message is one more body and the pieces of rows it is in; pruning the first backup leaves the second
    whole."""
    key = await first.keep(tmp_path / "place")
    await first.put(ANNA, "INBOX", b"Subject: one more\r\n\r\n" + bytes(100_000))
    [older] = (await first.do("backup.list"))["backups"]
    newer = await first.do("backup.run")
    assert 0 < newer["new_objects"] < older["new_objects"]
    assert newer["messages"] == older["messages"] + 1
    await first.do("setting.set", name="backup.keep_last", value="1")
    for name in ("daily", "weekly", "monthly"):
        await first.do("setting.set", name=f"backup.keep_{name}", value="0")
    before = len(list((tmp_path / "place" / "objects").glob("*/*")))
    assert (await first.do("backup.prune", dry_run=True))["backups"] == [older["id"]]
    assert (await first.do("backup.prune"))["backups"] == [older["id"]]
    assert len(list((tmp_path / "place" / "objects").glob("*/*"))) < before
    for secret in ("", key):
        assert (await first.do("backup.verify", key=secret))["error_count"] == 0
    with pytest.raises(ManageError, match="no backup"):
        await first.do("backup.show", id=older["id"])


async def test_a_merge_adds_what_is_missing_and_nothing_else(first: House, tmp_path: Path) -> None:
    """Expunged messages come back under new UIDs, none given twice; a deleted folder and account come back with the
    UIDs they had under a UIDVALIDITY of their own; newer mail and newer flags stay; a second merge adds nothing."""
    key = await first.keep(tmp_path / "place")
    await first.do("setting.set", name="smtp.max_message_size", value="default")
    inbox = await first.box(ANNA, "INBOX")
    folder = await first.box(ANNA, "Ablage/Jörgen 🐎")
    old = await first.contents(ANNA, "INBOX")
    await first.context.store.expunge_any(inbox.id, [1, 3])
    await first.context.store.flags(inbox.id, [4], FlagChange("set", 0, ()))
    later = await first.put(ANNA, "INBOX", message(99))
    await first.context.store.delete(await first.account(ANNA), "Ablage/Jörgen 🐎")
    await first.do("account.remove", address=BERT, purge=True)
    told = await first.do("backup.restore", key=key, dry_run=True)
    assert (told["accounts"], told["mailboxes"], told["messages"]) == (1, 7, 4)
    assert await first.uids(ANNA, "INBOX") == [4, 5, 6, later]
    done = await first.do("backup.restore", key=key)
    assert done["changes"] == told["changes"]
    assert await first.uids(ANNA, "INBOX") == [4, 5, 6, later, later + 1, later + 2]
    now = await first.contents(ANNA, "INBOX")
    assert (now[later + 1], now[later + 2]) == (old[1], old[3])
    assert (await first.box(ANNA, "INBOX")).uidvalidity == inbox.uidvalidity
    made = await first.box(ANNA, "Ablage/Jörgen 🐎")
    assert made.uidvalidity > folder.uidvalidity
    assert await first.uids(ANNA, "Ablage/Jörgen 🐎") == [1]
    [copy] = (await first.contents(BERT, "INBOX")).values()
    assert copy == b"Delivered-To: bert\r\n" + message(3)
    assert [
        row["value"] for row in await first.rows("settings_values") if row["name"] == "smtp.max_message_size"
    ]
    assert (await first.do("backup.restore", key=key))["changes"] == []
    flags = await first.do("backup.restore", key=key, account=ANNA, folder="INBOX", flags=True)
    assert (flags["flags"], flags["messages"]) == (1, 0)
    report = await verify(first.context.database, first.context.bodies)
    assert not report.error_count, report.errors
    assert first.recorded() == await first.indexed(), "a repair finds what was put back"


async def test_a_merge_and_what_was_removed(first: House, tmp_path: Path) -> None:
    """What was removed when the backup was made is left out; what is removed here keeps its name until it is removed
    for good; a domain that is made again has the properties it had."""
    for name in ("was.example", "here.example"):
        await first.do("domain.add", name=name)
        await first.do("account.add", address=f"anna@{name}", password="quiet harbour 41")
    await first.do("domain.set", name="here.example", plus="-", max_accounts=7)
    await first.do("domain.remove", name="was.example", everything=True)
    await first.do("account.remove", address=BERT)
    key = await first.keep(tmp_path / "place")
    assert (await first.do("backup.restore", key=key))["changes"] == []
    with pytest.raises(ManageError, match="has no bert"):
        await first.do("backup.restore", key=key, account=BERT)
    await first.do("account.remove", address="anna@here.example")
    told = await first.do("backup.restore", key=key)
    assert told["changes"] == [
        "leave out account anna@here.example: there is the address of a removed account of that name"
    ]
    await first.do("account.restore", address="anna@here.example")
    await first.do("domain.remove", name="here.example", everything=True)
    told = await first.do("backup.restore", key=key)
    assert [line.partition(":")[0] for line in told["changes"]] == ["leave out domain here.example"]
    await first.do("domain.purge", name="here.example")
    told = await first.do("backup.restore", key=key)
    assert told["accounts"] == 1
    shown = await first.do("domain.show", name="here.example")
    assert (shown["plus"], shown["max_accounts"]) == ("-", 7)


async def test_one_message_one_folder_or_one_account(first: House, tmp_path: Path) -> None:
    """The scope is kept to; what the backup has not is said; a backup of before is chosen by its date."""
    key = await first.keep(tmp_path / "place")
    inbox = await first.box(ANNA, "INBOX")
    await first.context.store.expunge_any(inbox.id, [1, 3, 4])
    await first.do("account.remove", address=BERT, purge=True)
    done = await first.do("backup.restore", key=key, account=ANNA, folder="INBOX", uid=3)
    assert (done["messages"], done["accounts"]) == (1, 0)
    done = await first.do("backup.restore", key=key, account=BERT, at=time.strftime("%Y-%m-%d"))
    assert (done["messages"], done["accounts"]) == (1, 1)
    assert len(await first.uids(ANNA, "INBOX")) == 3
    for bad, words in (
        ({"account": "nobody@posthouse.test"}, "has no nobody"),
        ({"account": ANNA, "folder": "Nowhere"}, "no folder"),
        ({"account": ANNA, "folder": "INBOX", "uid": 99}, "no message 99"),
        ({"at": "2001-01-01"}, "no backup as old"),
        ({"at": "yesterday"}, "no date"),
        ({"folder": "INBOX"}, "one of an account"),
        ({"mode": "exact"}, "Only an empty server"),
        ({"id": "../../etc/passwd"}, "no id of a backup"),
    ):
        with pytest.raises(ManageError, match=words):
            await first.do("backup.restore", key=key, **bad)


async def test_who_has_no_key_reads_nothing(first: House, tmp_path: Path) -> None:
    """The server's own keys do not open messages; a wrong key and a place made up by somebody else are refused."""
    key = await first.keep(tmp_path / "place")
    with pytest.raises(ManageError, match="needs the recovery key"):
        await first.do("backup.restore")
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    with pytest.raises(ManageError, match="recovery key"):
        await first.do("backup.restore", key=wrong)
    with pytest.raises(ManageError, match="set up already"):
        await first.do("backup.init", place=str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()
    assert (await first.do("backup.status"))["place"] == str(tmp_path / "place")
    other = (await first.do("backup.init", place=str(tmp_path / "other"), force=True))["recovery_key"]
    with pytest.raises(ManageError, match="does not open"):
        await first.do("backup.list", place=str(tmp_path / "place"), key=other)
    with pytest.raises(ManageError, match="already"):
        await first.do("backup.init", place=str(tmp_path / "place"), force=True)
    await first.do("backup.init", place=str(tmp_path / "place"), adopt=True, key=key)
    assert (await first.do("backup.run"))["new_objects"] < 12  # rows that changed; no message again
    for line in await first.rows("audit"):
        assert key not in str(line)
        assert key[7:17] not in str(line)


async def test_bodies_stay_while_a_backup_runs(first: House) -> None:
    """The removal job unlinks nothing during a hold, and afterwards as ever."""
    database, bodies = first.context.database, first.context.bodies
    await first.do("setting.set", name="store.removal_wait", value="1")
    await first.do("setting.set", name="store.undelete_days", value="0")
    removal = Removal(database, bodies, [upkeep.referred_in], [upkeep.forget_in], first.context.settings)
    inbox = await first.box(ANNA, "INBOX")
    await first.context.store.expunge_any(inbox.id, [1])
    now = time.time()
    await removal.once(now=now)
    await database.run(hold_in, "somebody", now, 60.0)
    assert (await removal.once(now=now + 10)).removed == 0
    await database.run(hold_in, "somebody", now, -1.0)
    assert (await removal.once(now=now + 10)).removed > 0


async def test_a_damaged_message_does_not_stop_the_backup(first: House, tmp_path: Path) -> None:
    """It is told, and everything else is kept and verifies."""
    [row] = [row for row in await first.rows("messages") if row["size"] > 500_000]
    path = Path(first.context.bodies.path(row["body"].hex()))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    key = await first.keep(tmp_path / "place")
    assert (await first.do("backup.list"))["backups"][0]["lost"] == 1
    assert (await first.do("backup.verify", key=key))["error_count"] == 0
    status = await first.do("backup.status")
    assert status["last_ok"]
    assert "damaged" in status["last_error"]


async def test_damaged_files_of_a_backup_can_be_skipped(
    first: House, empty_data: Path, tmp_path: Path
) -> None:
    """Without being told so a restore refuses them and changes nothing; then it leaves out just those messages, and
    the counters agree. Verify --mend lets the next backup write them again."""
    key = await first.keep(tmp_path / "place")
    largest = max((tmp_path / "place" / "objects").glob("*/*"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-50])
    where = {"place": str(tmp_path / "place"), "key": key}
    async with house(empty_data, tmp_path / "second") as second:
        with pytest.raises(ManageError, match="damaged"):
            await second.do("backup.restore", **where)
        assert not await second.rows("mailboxes")
        assert (await second.do("backup.restore", **where, skip_damaged=True))["lost"] == 1
        assert len(await second.rows("messages")) == 6
        report = await verify(second.context.database, second.context.bodies)
        assert not report.error_count, report.errors
    assert (await first.do("backup.verify", mend=True))["error_count"] == 1
    await first.do("backup.run")
    assert (await first.do("backup.verify", key=key))["error_count"] == 0
