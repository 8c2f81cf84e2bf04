"""Backups driven over the HTTP API on a server that works: the schedule makes one, a removed account comes back while
mail flows, a large message passes in little memory, and the recovery key is written nowhere."""

from __future__ import annotations

import contextlib
import imaplib
import smtplib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from api_people import administrator_token
from running import PASSWORD, RunningServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
LARGE = 50 << 20
ROOM = 28 << 20
"""Bytes by which the server may grow while it keeps or puts back a message twice as large."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("backup") / "server")
    server.start()
    try:
        server.add_domain()
        for address in (ANNA, BERT):
            server.add_account(address)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def send(server: RunningServer, to: str, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as client:
        client.sendmail("a@elsewhere.example", [to], content)


def mailbox(server: RunningServer, address: str) -> dict[bytes, int]:
    """UIDs by content of the INBOX."""
    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=60) as client:
        client.login(address, PASSWORD)
        client.select("INBOX", readonly=True)
        found = {}
        for item in client.uid("FETCH", "1:*", "(UID BODY.PEEK[TEXT])")[1]:
            if isinstance(item, tuple):
                found[item[1]] = int(item[0].split(b"UID ")[1].split()[0])
        return found


@contextlib.contextmanager
def load(server: RunningServer, to: str, counted: list[int]) -> Iterator[None]:
    """Deliveries one after the other until the block ends; ``counted`` are those that were accepted."""
    stop, trouble = threading.Event(), []

    def work() -> None:
        try:
            while not stop.is_set():
                send(server, to, b"Subject: load\r\n\r\nNr. %d\r\n" % len(counted))
                counted.append(len(counted))
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


@contextlib.contextmanager
def growing_less_than(server: RunningServer, most: int) -> Iterator[None]:
    """The server's own memory (not the files it has mapped) does not grow beyond what it had by more than that."""
    if not sys.platform.startswith("linux"):
        yield
        return
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status")
    begun, stop, highest = _own(status), threading.Event(), [0]

    def watch() -> None:
        while not stop.wait(0.005):
            highest[0] = max(highest[0], _own(status))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
    print(f"own memory: {begun >> 20} MiB at first, {highest[0] >> 20} MiB at most")
    assert highest[0] - begun < most


def _own(status: Path) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) << 10


def until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    limit = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    return result


def test_from_the_first_backup_to_a_restored_account(server: RunningServer, tmp_path: Path) -> None:
    """All over HTTP, with the messages of the protocols before and after it."""
    headers = {"authorization": f"Bearer {administrator_token(server)}", "accept": "application/json"}
    counted: list[int] = []
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{server.http}/api/v1", headers=headers, timeout=120
    ) as api:
        early = api.post("/backup/backups")
        assert early.status_code in (403, 409, 422), early.text
        assert "backup.place" in early.text
        for name, value in (
            ("smtp.max_message_size", "80M"),
            ("backup.rate", "0"),
            ("backup.interval", "1h"),
        ):
            assert api.put(f"/settings/{name}", json={"value": value}).status_code == 200
        for number in range(20):
            send(server, ANNA, b"Subject: small\r\n\r\nsmall %d\r\n" % number)
        send(server, ANNA, b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * (LARGE // 78))
        was = mailbox(server, ANNA)
        assert len(was) == 21

        with load(server, BERT, counted), growing_less_than(server, ROOM):
            made = api.post("/backup/init", json={"place": str(tmp_path / "place")})
            assert made.status_code == 201, made.text
            assert "no-store" in made.headers["cache-control"]
            key = made.json()["recovery_key"]
            good = until(
                lambda: api.get("/backup").json()["good_at"]
            )  # (nobody asked for it but the schedule)
        [backup] = api.get("/backup/backups").json()["backups"]
        assert backup["started"] == pytest.approx(good, abs=5)
        checked = api.post(f"/backup/backups/{backup['id']}/verify", json={"key": key})
        assert (checked.json()["error_count"], checked.json()["content"]) == (0, True)

        assert api.delete(f"/accounts/{ANNA}").status_code == 200
        wanted = {"account": ANNA, "key": key}
        # As long as it can come back by itself with all of its mail, a restore makes no second one.
        told = api.post("/backup/restore", json={**wanted, "dry_run": True}).json()
        assert (told["accounts"], told["messages"]) == (0, 0)
        assert any(ANNA in line and "removed" in line for line in told["changes"]), told
        assert api.delete(f"/removed/accounts/{ANNA}").status_code == 200
        wrong = api.post("/backup/restore", json={**wanted, "key": key[:-6] + "AAAAA"})
        assert wrong.status_code in (403, 409, 422), wrong.text
        assert key[:-6] not in wrong.text
        assert api.post("/backup/restore", json={"account": ANNA}).status_code in (403, 409, 422)
        told = api.post("/backup/restore", json={**wanted, "dry_run": True}).json()
        assert (told["accounts"], told["messages"]) == (1, 21)
        assert api.get(f"/accounts/{ANNA}").status_code == 404
        with load(server, BERT, counted), growing_less_than(server, ROOM):
            done = api.post("/backup/restore", json=wanted)
        assert done.status_code == 200, done.text
        assert done.json()["messages"] == 21
        lines = api.get("/audit", params={"subject": backup["id"]}).text
        settings = api.get("/settings", params={"prefix": "backup."}).text
    assert mailbox(server, ANNA).keys() == was.keys()
    assert len(mailbox(server, BERT)) == len(counted) > 0
    for text in (server.log, lines, settings):
        assert key not in text
        assert key.replace("-", "")[6:] not in text
    told_too = server.command("setting", "list", "backup.", "--json").stdout
    assert key not in told_too
