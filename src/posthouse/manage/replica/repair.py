"""``posthouse repair``: on the data folder of a stopped server."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw
import msgspec

from posthouse.bodies.files import FileBodies
from posthouse.bodies.flush import flush_folder
from posthouse.bodies.journal import replay
from posthouse.cluster import privileges
from posthouse.database.contract import DatabaseUnavailable
from posthouse.database.folder import DataFolder, DataFolderError
from posthouse.database.migrate import SchemaTooNew, current
from posthouse.database.urls import parse, sqlite_url
from posthouse.manage.errors import ManageError
from posthouse.manage.replica import files
from posthouse.manage.replica.evidence import Tell, good_bodies, set_apart
from posthouse.manage.replica.job import Replica
from posthouse.manage.replica.rebuild import Building
from posthouse.observe import logging_setup, steps
from posthouse.settings.config import Config


class Repaired(msgspec.Struct, kw_only=True):
    """What was found and done. ``reason`` is what was wrong, ``done`` one of ``nothing``, ``kept`` (the database was
    taken as right) and ``repaired``. The lists: where the old files are, rows that were left out because their message
    is not there, damaged files of messages, messages of nobody, tables the replica did not have."""

    done: str
    reason: str = ""
    mailboxes: int = 0
    messages: int = 0
    aside: list[str] = []
    left_out: list[str] = []
    damaged: list[str] = []
    unnamed: list[str] = []
    missing_tables: list[str] = []


def repair(config: Config, *, keep: bool, from_records: bool, tell: Tell) -> Repaired:
    """Make a lost or damaged database anew, or choose between it and the replica. Blocking. Raises ManageError."""
    url = parse(config.database_url or sqlite_url(Path(config.data) / "posthouse.db"))
    if url.get_backend_name() != "sqlite":
        raise ManageError(
            "refused",
            "This repairs SQLite databases only.",
            "Use the database server's own means, or a backup.",
        )
    if keep and from_records:
        raise ManageError("invalid", "Either the database or the replica is right.", "Name one of the two.")
    logging_setup.configure(config.log_format, "error")
    before = os.umask(0o077)
    try:
        with DataFolder(config.data, create=False) as folder:
            privileges.drop(config.run_as, folder.path)
            return _repair(folder.path, Path(url.database or "").absolute(), keep, from_records, tell)
    except DataFolderError as error:
        raise ManageError("unavailable", f"{error}.", "Repair works on a stopped server.") from None
    except (DatabaseUnavailable, apsw.Error, OSError) as error:
        raise ManageError(
            "failed", f"The repair ended: {error}.", "Look at the disk, then run it again."
        ) from error
    finally:
        os.umask(before)


def _repair(data: Path, main: Path, keep: bool, from_records: bool, tell: Tell) -> Repaired:
    tell("Looking at the database", 0, 0)
    wrong = _wrong(main)
    known = files.replica_path(data).exists()
    ahead = ""
    if not wrong and known:
        with closing(Replica(data, main)) as replica:
            ahead = replica.check()
    if keep:
        if wrong:
            raise ManageError(
                "refused", f"The database {wrong}.", "It cannot be kept: run repair without --keep."
            )
        return _keep(data, ahead)
    if not wrong and not ahead and not from_records:
        return Repaired(done="nothing")
    if not wrong and not from_records:
        raise ManageError(
            "refused",
            f"The replica knows more: {ahead}.",
            "Choose: --from-records makes the database anew from the replica, --keep takes it as it is.",
        )
    if not known:
        raise ManageError(
            "missing",
            f"The database {wrong or 'is to be made anew'}, and there is no replica (records.db).",
            "Restore a backup (docs/manual/backup.md).",
        )
    return _anew(data, main, f"the database {wrong}" if wrong else ahead, tell)


def _wrong(main: Path) -> str:
    """What is wrong with the database itself, "" if nothing is. Raises SchemaTooNew."""
    if not main.exists():
        return "is not there"
    try:
        version = current(sqlite_url(main))
    except SchemaTooNew:
        raise
    except DatabaseUnavailable:
        return "cannot be read"
    if not version:
        return "is empty"
    try:
        with closing(apsw.Connection(str(main), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except apsw.Error:
        return "cannot be read"
    return "" if found == [("ok",)] else "is damaged"


def _keep(data: Path, ahead: str) -> Repaired:
    aside = [str(path) for path in files.put_replica_aside(data)]
    files.marker_path(data).unlink(missing_ok=True)
    flush_folder(data)
    return Repaired(done="kept", reason=ahead, aside=aside)


def _anew(data: Path, main: Path, reason: str, tell: Tell) -> Repaired:
    quarantine = data / "quarantine" / files.stamp()
    bodies = FileBodies(data)
    building = None
    try:
        replay(data, bodies)
        building = Building(main, files.replica_path(data))
        steps.step("repair.begun")
        tell("Taking the rows of the replica", 0, 0)
        missing = building.fill()
        good, damaged = good_bodies(bodies, quarantine, tell)
        steps.step("repair.read")
        left_out = building.check_bodies(good)
        unnamed = set_apart(bodies, building.unnamed(), quarantine, tell)
        boxes, messages = building.settle()
        building.finish()
        steps.step("repair.made")
    finally:
        bodies.close()
        if building is not None:
            building.close()
    # From here on the new one is whole. Whenever it ends, no database or a whole one is in place.
    aside = files.move_aside(main, quarantine, main.name)
    search = data / "search"
    if search.is_dir():
        quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(search, quarantine / "search")  # made anew from the messages
    files.marker_path(data).unlink(missing_ok=True)
    steps.step("repair.aside")
    os.rename(building.path, main)
    flush_folder(main.parent)
    steps.step("repair.renamed")
    return Repaired(
        done="repaired",
        reason=reason,
        mailboxes=boxes,
        messages=messages,
        aside=[str(path) for path in aside],
        left_out=left_out,
        damaged=damaged,
        unnamed=unnamed,
        missing_tables=missing,
    )
