"""Backups of a whole server while mail flows, and what kill -9 leaves of a backup and of a restore."""

from __future__ import annotations

import contextlib
import imaplib
import json
import os
import smtplib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

ANNA = "anna@posthouse.test"
Seen = dict[int, tuple[bytes, bytes, bytes]]


def send(server: RunningServer, number: int) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        body = b"Subject: Nr. %d\r\n\r\n" % number + b"x" * (number % 7 * 900) + b"\r\n"
        client.sendmail("a@elsewhere.example", [ANNA], body)


def mailbox(server: RunningServer, name: str = "INBOX") -> tuple[bytes, Seen]:
    """UIDVALIDITY, and by UID: flags, internal date, content."""
    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
        client.login(ANNA, PASSWORD)
        assert client.select(name, readonly=True)[0] == "OK"
        [validity] = client.response("UIDVALIDITY")[1]
        found: Seen = {}
        answer = client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]
        for item in answer:
            if isinstance(item, tuple):
                head: bytes = item[0]
                uid = int(head.split(b"UID ")[1].split()[0])
                flags = b" ".join(sorted(imaplib.ParseFlags(head)))
                found[uid] = (flags.replace(b"\\Recent", b"").strip(), head.split(b'"')[1], item[1])
        return validity, found


@contextlib.contextmanager
def load(server: RunningServer, first: int) -> Iterator[None]:
    """Deliveries and flag changes, until the block ends."""
    stop, trouble = threading.Event(), []

    def work() -> None:
        number = first
        try:
            with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
                client.login(ANNA, PASSWORD)
                client.select("INBOX")
                while not stop.is_set():
                    send(server, number)
                    number += 1
                    client.uid("STORE", str(number), "+FLAGS", r"(\Answered)")
        except Exception as error:
            trouble.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not trouble


@pytest.mark.timeout(300)
def wait_for_replica(server: RunningServer) -> None:
    """Until the replica has every message that the restore put in; nothing stands in its way."""
    limit = time.monotonic() + 60
    while True:
        found = []
        for name in ("posthouse.db", "records.db"):
            base = sqlite3.connect(server.data / name)
            with contextlib.suppress(sqlite3.OperationalError):
                found.append(base.execute("SELECT id, modseq FROM messages ORDER BY id").fetchall())
            base.close()
        assert not (server.data / "records.ahead").exists()
        if len(found) == 2 and found[0] == found[1] and found[0]:
            return
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.1)


def test_a_backup_under_load_is_one_moment(tmp_path: Path) -> None:
    """Everything acknowledged before it began is in it as it was; of what came meanwhile each message is whole and
    in order; a backup and a restore that were killed leave nothing in the way of the next."""
    server = RunningServer(tmp_path / "one", workers=1)
    other = RunningServer(tmp_path / "two")
    key, place = tmp_path / "key", tmp_path / "place"
    try:
        server.start()
        server.add_domain()
        server.add_account(ANNA)
        for number in range(1, 31):
            send(server, number)
        with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
            client.login(ANNA, PASSWORD)
            client.select("INBOX")
            client.uid("STORE", "2:9", "+FLAGS", r"(\Seen Gelb)")
        key.write_text(
            json.loads(server.command("backup", "init", str(place), "--json").stdout)["recovery_key"]
        )
        server.stop()

        # killed in the middle: no backup, and the next one uses what is there
        server.environment["POSTHOUSE_CRASH_AT"] = "backup.object:20"
        server.start()
        assert server.command("backup", "run", check=False).returncode != 0
        assert server.wait_dead()
        left = len([path for path in place.glob("objects/*/*") if path.is_file()])
        assert left == 20
        server.environment.clear()
        server.start()
        assert json.loads(server.command("backup", "list", "--json").stdout)["backups"] == []

        validity, before = mailbox(server)
        with load(server, 31):
            made = json.loads(server.command("backup", "run", "--json").stdout)
        _, after = mailbox(server)
        assert len(list((place / "tmp").iterdir())) == 0
        assert not (server.data / "backup-scratch").exists()
        assert "all is well" in server.command("backup", "verify", "--key-file", str(key)).stdout
        assert "worked" in server.command("backup", "status").stdout
        server.stop()

        # a restore that is killed twice is finished by running it again
        words = ("backup", "restore", made["id"], "--place", str(place), "--key-file", str(key))
        for step in ("restore.body", "restore.rows:5"):
            assert crash(other, step, *words) == -9
        assert "put back" in other.command(*words).stdout
        assert "all is well" in other.command("verify").stdout
        other.start()
        wait_for_replica(other)
        again, back = mailbox(other)
        assert again == validity
        assert {uid: back[uid] for uid in before} == before
        assert len(before) <= len(back) <= len(after)
        for uid, (_, date, content) in back.items():
            assert (date, content) == after[uid][1:]
        assert sorted(back) == list(range(1, len(back) + 1))
        send(other, 999)
        assert max(mailbox(other)[1]) > max(after), "no UID that a client may have seen is given again"
        other.stop()
    finally:
        server.kill()
        other.kill()
    for each in (server, other):
        assert "Traceback" not in each.log, each.log[-4000:]


def crash(server: RunningServer, step: str, *words: str) -> int:
    """Run a command that kills itself at a step; its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "posthouse", *words, "--config", str(server.config)],
        env={**os.environ, "POSTHOUSE_CRASH_AT": step},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    ).returncode
