"""What goes wrong around backups: places of others, links, clocks, dates, a schedule that fails."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from backup_parts import ACTOR, ANNA, House, house, message
from sqlalchemy import update

from posthouse.bodies.records import bodies
from posthouse.manage.backup import making, writing
from posthouse.manage.backup.access import Busy, get_state, put_state
from posthouse.manage.backup.place import FolderPlace
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, nobody_listens
from posthouse.manage.warnings import read_kept
from posthouse.server.with_backup import if_due


@pytest.fixture
async def first(empty_data: Path, tmp_path: Path) -> AsyncIterator[House]:
    async with house(empty_data, tmp_path / "first") as made:
        await made.fill()
        yield made


async def refused(made: House, use: str, **parameters: Any) -> ManageError:
    with pytest.raises(ManageError) as error:
        await made.do(use, **parameters)
    return error.value


async def test_a_place_of_another_server_is_left_alone(
    first: House, empty_data: Path, tmp_path: Path
) -> None:
    """A backup written there could be opened with nobody's recovery key."""
    await first.keep(tmp_path / "mine")
    async with house(empty_data, tmp_path / "second") as second:
        await second.keep(tmp_path / "theirs")
    before = sorted((tmp_path / "theirs").rglob("*"))
    await first.do("setting.set", name="backup.place", value=str(tmp_path / "theirs"))
    for use in ("backup.run", "backup.list", "backup.prune", "backup.verify"):
        error = await refused(first, use)
        assert (error.kind, "another server" in error.what) == ("refused", True), use
    assert sorted((tmp_path / "theirs").rglob("*")) == before
    await first.do("setting.set", name="backup.place", value=str(tmp_path / "mine"))
    await first.do("backup.run")


async def test_without_a_place_backups_are_refused(first: House) -> None:
    """It is nothing that passes by waiting."""
    for use in ("backup.run", "backup.list", "backup.show", "backup.verify", "backup.prune"):
        error = await refused(first, use)
        assert (error.kind, "backup.place" in error.mend) == ("refused", True), use
    assert await first.context.database.scan(get_state, "last") is None


async def test_sweeping_follows_no_link(first: House, tmp_path: Path) -> None:
    """Who may write to the place cannot have the server remove files elsewhere, nor stop its backups."""
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    await first.keep(place)
    elsewhere.mkdir()
    (elsewhere / ("a" * 24)).write_text("precious")
    (place / "tmp" / "folder").mkdir()
    (place / "tmp" / ("b" * 24)).write_text("half written")
    await first.do("backup.run")
    assert [path.name for path in (place / "tmp").iterdir()] == ["folder"]
    (place / "tmp" / "folder").rmdir()
    (place / "tmp").rmdir()
    (place / "tmp").symlink_to(elsewhere)
    FolderPlace(place).sweep()
    assert (elsewhere / ("a" * 24)).read_text() == "precious"


async def test_made_up_names_and_dates(first: House, tmp_path: Path) -> None:
    """Names that are no moment are passed over; dates that there are not are refused in words."""
    key = await first.keep(tmp_path / "place")
    for name in ("99999999T999999Z-00000000", "20261399T000000Z-00000000"):
        (tmp_path / "place" / "manifests" / name).write_bytes(b"x" * 100)
    assert len((await first.do("backup.list"))["backups"]) == 1
    assert (await first.do("backup.prune"))["backups"] == []
    for at in ("9999-12-31", "0001-01-01", "yesterday", "2026-02-30"):
        error = await refused(first, "backup.restore", key=key, at=at, dry_run=True)
        assert error.kind in ("invalid", "missing"), at
        assert at in error.what
    error = await refused(first, "backup.restore", key=key, at="2030-01-01", id="20300101T000000Z-00000000")
    assert error.kind == "invalid"


async def test_a_body_condemned_by_mistake_is_in_the_backup(
    first: House, empty_data: Path, tmp_path: Path
) -> None:
    """A unit that refers to a body may be overtaken by the one that condemns it; the removal job revives it later."""
    await first.context.database.run(lambda tx: tx.change(update(bodies).values(condemned_at=1), {}))
    was = await first.contents(ANNA, "INBOX")
    key = await first.keep(tmp_path / "place")
    async with house(empty_data, tmp_path / "second") as second:
        done = await second.do("backup.restore", place=str(tmp_path / "place"), key=key)
        assert (done["lost"], await second.contents(ANNA, "INBOX")) == (0, was)


async def test_no_number_comes_again_after_an_exact_restore(
    first: House, empty_data: Path, tmp_path: Path
) -> None:
    """Mailboxes and messages made after the backup were seen by mail programs; what is made after the restore has
    other numbers, though the last UIDVALIDITY lay ahead of the clock."""
    ahead = int(time.time()) + 5000
    await first.context.database.run(_set_counter, ahead)
    key = await first.keep(tmp_path / "place")
    anna = await first.account(ANNA)
    late = await first.context.store.create(anna, "Late")
    assert late.uidvalidity > ahead
    uid = await first.put(ANNA, "INBOX", message(30))
    seen = await first.box(ANNA, "INBOX")
    async with house(empty_data, tmp_path / "second") as second:
        await second.do("backup.restore", place=str(tmp_path / "place"), key=key)
        again = await second.context.store.create(await second.account(ANNA), "Late")
        assert again.uidvalidity > late.uidvalidity
        assert again.object_id != late.object_id
        assert await second.put(ANNA, "INBOX", message(31)) > uid
        now = await second.box(ANNA, "INBOX")
        assert now.uidvalidity == seen.uidvalidity
        assert now.highest_modseq > seen.highest_modseq


def _set_counter(tx: Any, value: int) -> None:
    from posthouse.store.records import counters

    tx.change(update(counters).values(value=value), {})


async def test_the_schedule(first: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made when due and not before; what is not kept goes; a failure is told and tried again soon; a clock that was
    wrong once does not end the backups."""
    call = Call(first.context, ACTOR, nobody_listens)
    place = tmp_path / "place"
    assert not await if_due(call)
    await first.do("backup.init", place=str(place))
    assert not await if_due(call), "no schedule is set"
    for name, value in (("interval", "1h"), ("keep_last", "1"), ("keep_daily", "0")):
        await first.do("setting.set", name=f"backup.{name}", value=value)
    for name in ("keep_weekly", "keep_monthly"):
        await first.do("setting.set", name=f"backup.{name}", value="0")
    assert await if_due(call)
    [old] = (await first.do("backup.list"))["backups"]
    assert not await if_due(call)
    kept = await first.context.database.scan(read_kept)
    assert kept.backup_at == pytest.approx(time.time(), abs=60), (
        "the status page reads when the last one ended"
    )

    await _was(first, started=time.time() - 3601)
    assert await if_due(call)
    [new] = (await first.do("backup.list"))["backups"]
    assert new["id"] > old["id"]

    (place / "posthouse-backup.json").rename(tmp_path / "away")
    await _was(first, started=time.time() - 3601)
    with pytest.raises(ManageError):
        await if_due(call)
    status = await first.do("backup.status")
    assert (status["last_ok"], status["good_at"]) == (False, pytest.approx(new["started"], abs=5))
    assert status["last_error"]
    assert not await if_due(call), "not at once"
    (tmp_path / "away").rename(place / "posthouse-backup.json")
    await _was(first, started=time.time() - making.RETRY_SECONDS - 1, ok=False)
    assert await if_due(call), "sooner than in an hour"

    await _was(first, started=time.time() - 10, ok=False)
    await first.do("backup.init", place=str(tmp_path / "other"), force=True)
    assert await if_due(call), "a new place has its first backup at once"

    await _was(first, started=time.time() + 86400 * 365)
    assert await if_due(call)
    assert (await first.do("backup.status"))["last_ok"]

    async def busy(*_: object) -> None:
        raise Busy

    monkeypatch.setattr("posthouse.server.with_backup.make_backup", busy)
    await _was(first, started=0.0)
    with pytest.raises(Busy):
        await if_due(call)


async def test_a_clock_set_back_does_not_cost_the_newest_backup(first: House, tmp_path: Path) -> None:
    """Its id sorts before those of the wrong time; pruning keeps it all the same."""
    key = await first.keep(tmp_path / "place")
    [ahead] = (await first.do("backup.list"))["backups"]
    for name in ("daily", "weekly", "monthly"):
        await first.do("setting.set", name=f"backup.keep_{name}", value="0")
    await first.do("setting.set", name="backup.keep_last", value="1")
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(writing, "new_id", lambda now: "20200101T000000Z-00000000")
        made = await first.do("backup.run")
    assert (await first.do("backup.prune"))["backups"] == []
    ids = [line["id"] for line in (await first.do("backup.list"))["backups"]]
    assert ids == [ahead["id"], made["id"]]
    assert (await first.do("backup.verify", id=made["id"], key=key))["error_count"] == 0


async def _was(made: House, **changed: Any) -> None:
    """Let the last run have been another one."""
    last = await made.context.database.scan(get_state, "last")
    await made.context.database.run(put_state, "last", {**last, **changed})
