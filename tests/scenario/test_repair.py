"""The database is lost or damaged: ``posthouse repair`` makes it anew from the replica and the body files, with the
same UIDs, flags, dates and bodies; an older database is not taken for the newer one."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import PASSWORD, RunningServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
pytestmark = pytest.mark.timeout(240)

Dump = list[tuple[str, str, str, str, str, str, str]]


def signed_in(server: RunningServer, user: str) -> imaplib.IMAP4:
    """A session."""
    session = imaplib.IMAP4_SSL("127.0.0.1", server.imaps)
    session.login(user, PASSWORD)
    return session


def dump(server: RunningServer) -> Dump:
    """Account, folder, UIDVALIDITY, UID, flags, internal date and hash of the content of every message."""
    found: Dump = []
    for user in (ANNA, BERT):
        session = signed_in(server, user)
        for line in session.list()[1]:
            assert isinstance(line, bytes)
            name = line.decode().rsplit(" ", 1)[1].strip('"')
            session.select(f'"{name}"', readonly=True)
            validity = str(session.response("UIDVALIDITY")[1][0])
            answer = session.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]
            for item in answer:
                if isinstance(item, tuple):
                    head = item[0].decode()
                    uid, flags, date = (
                        re.search(pattern, head)
                        for pattern in (r"UID (\d+)", r"FLAGS \(([^)]*)\)", r'INTERNALDATE "([^"]*)"')
                    )
                    assert uid
                    assert flags
                    assert date
                    words = " ".join(sorted(word for word in flags[1].split() if word != "\\Recent"))
                    content = hashlib.sha256(item[1]).hexdigest()
                    found.append((user, name, validity, uid[1], words, date[1], content))
        session.logout()
    return sorted(found)


def fill(server: RunningServer) -> None:
    """Two accounts with some sixty messages, flags, keywords and expunges."""
    server.add_domain()
    for number, user in enumerate((ANNA, BERT)):
        server.add_account(user)
        session = signed_in(server, user)
        session.create("Work")
        session.create("Work/Old")
        for each in range(30):
            folder = ("INBOX", "Work", "Work/Old")[each % 3]
            flags = ("", "\\Seen", "\\Flagged $Forwarded", "\\Answered Own")[each % 4]
            text = f"Subject: {user} {each}\r\nMessage-ID: <{number}.{each}@x>\r\n\r\n{'text ' * each}\r\n"
            date = imaplib.Time2Internaldate(1_600_000_000 + each * 5000)
            session.append(folder, f"({flags})", date, text.encode())
        session.select("Work")
        session.uid("STORE", "2:3", "+FLAGS", "(\\Deleted)")
        session.expunge()
        session.uid("STORE", "4:5", "+FLAGS", "(\\Seen Later)")
        session.logout()


def uptodate(server: RunningServer) -> bool:
    """Whether the replica has all mail, accounts and settings."""
    counts = []
    for name in ("posthouse.db", "records.db"):
        base = sqlite3.connect(server.data / name)
        try:
            asked = (
                "SELECT id, highest_modseq, uidnext FROM mailboxes ORDER BY id",
                "SELECT id, modseq, flags, keywords FROM messages ORDER BY id",
                "SELECT id FROM accounts ORDER BY id",
            )
            counts.append([base.execute(text).fetchall() for text in asked])
        except sqlite3.OperationalError:
            return False
        finally:
            base.close()
    return counts[0] == counts[1]


def followed(server: RunningServer) -> None:
    """Wait until it is."""
    limit = time.monotonic() + 60
    while not uptodate(server):
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.1)


def repaired(server: RunningServer, *words: str) -> dict[str, Any]:
    """What a repair did."""
    found: dict[str, Any] = json.loads(server.command("repair", "--json", *words).stdout)
    return found


@pytest.fixture(params=["plain", "journal"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A server with mail, whose replica has it all."""
    server = RunningServer(tmp_path / "server", environment={"POSTHOUSE_DURABILITY": request.param})
    server.start()
    try:
        fill(server)
        followed(server)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def lose(server: RunningServer) -> None:
    """The whole database is deleted."""
    for path in server.data.glob("posthouse.db*"):
        path.unlink()


def spoil(server: RunningServer) -> None:
    """Its middle is overwritten."""
    path = server.data / "posthouse.db"
    content = bytearray(path.read_bytes())
    at = len(content) // 3
    content[at : at * 2] = b"\xa5" * at
    path.write_bytes(content)


def cut_off(server: RunningServer, step: str) -> None:
    """A repair is killed there."""
    words = [sys.executable, "-m", "posthouse", "repair", "--config", str(server.config)]
    environment = {**os.environ, "POSTHOUSE_CRASH_AT": step}
    done = subprocess.run(words, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_lost_and_a_damaged_database(filled: RunningServer) -> None:
    """After kill -9 the database is deleted, and then another time overwritten in its middle; a repair, also after
    others that were killed, brings back every message as it was. UIDs are never given again."""
    server = filled
    before = dump(server)
    assert len(before) > 50
    refused = server.command("repair", check=False)
    assert refused.returncode == 75
    assert "in use" in refused.stderr
    server.kill()
    assert repaired(server)["done"] == "nothing"
    lose(server)
    for step in ("repair.table:5", "repair.read", "repair.made"):
        cut_off(server, step)
    found = repaired(server)
    assert (found["done"], found["messages"]) == ("repaired", len(before))
    assert found["left_out"] == found["damaged"] == found["missing_tables"] == []
    server.start()
    assert dump(server) == before
    assert "all is well" in server.command("verify").stdout
    session = signed_in(server, ANNA)
    session.append("INBOX", "", "", b"Subject: new\r\n\r\nnew\r\n")
    session.logout()
    after = dump(server)
    (new,) = set(after) - set(before)
    assert int(new[3]) > 10_000
    followed(server)
    server.kill()
    spoil(server)
    lost = Path(next(iter((server.data / "messages").glob("*/*.eml"))))
    lost.write_bytes(lost.read_bytes()[:-1])
    cut_off(server, "repair.aside")
    found = repaired(server)
    assert found["done"] == "repaired"
    assert list((server.data / "quarantine").glob("*/posthouse.db"))
    assert list((server.data / "quarantine").glob("*/damaged/*.eml"))
    assert len(found["left_out"]) == 1
    server.start()
    last = dump(server)
    assert len(last) == len(after) - 1
    assert set(last) < set(after)
    assert "all is well" in server.command("verify").stdout
    assert not (server.data / "records.ahead").exists()


def test_an_older_copy_is_put_back(tmp_path: Path) -> None:
    """The server starts with it, says so, and removes nothing; repair wants to be told which is right. ``--keep`` takes
    the older one, ``--from-records`` would have taken the newer one."""
    server = RunningServer(tmp_path / "server")
    server.start()
    try:
        fill(server)
        server.command("setting", "set", "store.removal_interval", "1")
        server.command("setting", "set", "store.removal_wait", "1")
        followed(server)
        server.stop()
        shutil.copy(server.data / "posthouse.db", tmp_path / "older.db")
        server.start()
        session = signed_in(server, ANNA)
        session.append("INBOX", "", "", b"Subject: new\r\n\r\nnew\r\n")
        session.logout()
        followed(server)
        newest = dump(server)
        bodies = set((server.data / "messages").glob("*/*.eml"))
        server.kill()
        lose(server)
        shutil.copy(tmp_path / "older.db", server.data / "posthouse.db")
        server.start()
        assert "records.ahead" in server.log
        limit = time.monotonic() + 30
        while "nothing is removed" not in server.log:
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert bodies <= set((server.data / "messages").glob("*/*.eml"))
        server.stop()
        said = server.command("repair", check=False)
        assert said.returncode == 5
        assert "--keep" in said.stderr
        shutil.copytree(
            server.data, tmp_path / "twin", symlinks=True, ignore=shutil.ignore_patterns("*.sock")
        )
        assert repaired(server, "--from-records")["done"] == "repaired"
        server.start()
        assert dump(server) == newest
        server.stop()
        shutil.rmtree(server.data)
        shutil.copytree(tmp_path / "twin", server.data, symlinks=True)
        assert repaired(server, "--keep")["done"] == "kept"
        assert list((server.data / "records").glob("aside-*.db"))
        server.start()
        assert len(dump(server)) == len(newest) - 1
        followed(server)
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]
