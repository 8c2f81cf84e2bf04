"""For each 250 and OK the flushes of body, directory entry and commit had returned: shown by system-call traces."""

from __future__ import annotations

import asyncio
import imaplib
import random
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from disk import Disk
from load import Ledger, Load
from promises import Judge
from reading import read_tokens
from running import PASSWORD, RunningServer
from syscalls import parse, strace

USER = "flush@posthouse.test"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: strace"),
    pytest.mark.needs("strace"),
    pytest.mark.timeout(150),
]

LAYOUTS = pytest.mark.parametrize("layout", ["journal", "plain"])
"""How bodies become durable."""


class Traced:
    """A server that handed out promises under strace, what its clients know, and the disk as it was before."""

    def __init__(
        self,
        prepared: Path | None,
        folder: Path,
        leave_out: str,
        use: Callable[[RunningServer], None] | None = None,
        layout: str = "plain",
        **sessions: int | float,
    ) -> None:
        self.server = server = RunningServer(folder)
        server.environment = {"POSTHOUSE_DURABILITY": layout, "POSTHOUSE_JOURNAL_SIZE": "1"}
        if prepared is not None:
            shutil.copytree(prepared, server.data)
        self.disk = Disk(server.folder)
        self.ledger = Ledger()
        trace = folder / "trace"
        server.prefix_command = strace(trace)
        server.launcher = (str(Path(__file__).with_name("leave_out.py")), leave_out)
        server.start(seconds=90)
        try:
            if prepared is None:
                server.add_domain()
                server.add_account(USER)
            if use is not None:
                use(server)
            else:
                load = Load(self.ledger, [USER], PASSWORD, server.smtp, server.imap, server.lmtp, **sessions)  # type: ignore[arg-type]
                asyncio.run(load.run(asyncio.Event(), 60))
        finally:
            server.stop(90)
        self.trace = trace.read_text(encoding="latin-1")

    def judge(self) -> list[str]:
        """Which promises were not kept; the trace must hold every reply the clients got."""
        judge = Judge(self.disk, self.server.data, self.ledger.by_port)
        judge.follow(self.trace)
        assert not judge.missing()
        assert len(judge.promised) == len(self.ledger.acknowledged)
        return judge.complaints


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a stopped server with one account."""
    server = RunningServer(tmp_path_factory.mktemp("prepared"))
    server.start()
    server.add_domain()
    server.add_account(USER)
    server.stop()
    return server.data


def one_after_the_other(prepared: Path, folder: Path, leave_out: str, layout: str = "plain") -> Traced:
    """One session of each protocol, eight messages each, some of them large."""
    sessions = {"smtp_sessions": 1, "lmtp_sessions": 1, "imap_sessions": 1, "each": 8}
    return Traced(prepared, folder, leave_out, layout=layout, **sessions, large=0.2)


@LAYOUTS
def test_every_promise_is_flushed_first(prepared: Path, tmp_path: Path, layout: str) -> None:
    """A few messages by SMTP, LMTP and APPEND: body (with its directory entry, or in the journal) and commit are on
    disk before each reply."""
    traced = one_after_the_other(prepared, tmp_path, "nothing", layout)
    assert traced.judge() == []
    assert len(traced.ledger.acknowledged) == 24


@LAYOUTS
def test_every_promise_is_flushed_first_under_load(prepared: Path, tmp_path: Path, layout: str) -> None:
    """The same with 28 sessions at once, where messages share commits."""
    sessions = {"smtp_sessions": 20, "lmtp_sessions": 4, "imap_sessions": 4, "each": 3}
    traced = Traced(prepared, tmp_path, "nothing", layout=layout, **sessions)
    assert traced.judge() == []
    assert len(traced.ledger.acknowledged) == 84


@pytest.mark.parametrize(
    ("layout", "which", "complaint"),
    [
        ("plain", "file", "bytes of its body were not synced"),
        ("plain", "directory", "directory entry of its body was not synced"),
        ("plain", "commit", "commit that names its body was not synced"),
        ("journal", "journal", "its body in the journal was not synced"),
        ("journal", "commit", "commit that names its body was not synced"),
    ],
)
def test_a_missing_flush_is_noticed(
    prepared: Path, tmp_path: Path, layout: str, which: str, complaint: str
) -> None:
    """The same run without one of the flushes is complained about for each message, and for nothing else."""
    traced = one_after_the_other(prepared, tmp_path, which, layout)
    complaints = traced.judge()
    assert len(complaints) >= len(traced.ledger.acknowledged) // 2
    assert all(complaint in each for each in complaints), complaints


@LAYOUTS
def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path, layout: str) -> None:
    """The power goes at the moment of a 250 or OK, under load, after the very first start. A server that starts
    on what the disk then
    holds (only what was synced, and again with a random part of the rest) has every message acknowledged
    until then, whole and once, and finds nothing wrong."""
    sessions = {"smtp_sessions": 12, "lmtp_sessions": 2, "imap_sessions": 4, "each": 4}
    traced = Traced(None, tmp_path / "traced", "nothing", layout=layout, **sessions)
    judge = Judge(traced.disk, traced.server.data, traced.ledger.by_port)
    total = len(traced.ledger.acknowledged)
    cuts: list[tuple[int, RunningServer]] = []
    rng = random.Random(3)

    def cut(count: int) -> None:
        if count in (total // 4, total - 2):
            for share in (None, rng):
                server = RunningServer(tmp_path / f"cut{len(cuts)}")
                traced.disk.write(server.folder / "disk", share)
                (server.folder / "disk" / "data").rename(server.data)
                cuts.append((count, server))

    judge.follow(traced.trace, cut)
    assert len(cuts) == 4
    for count, server in cuts:
        server.start()
        try:
            found = list(read_tokens(server.imap, USER, traced.ledger).values())
            server.command("verify")
        finally:
            server.stop()
        assert set(judge.promised[:count]) <= set(found), f"power cut at promise {count}"
        assert len(found) == len(set(found))


CHANGES = [
    b"CREATE Box",
    b"SUBSCRIBE Box",
    b"STORE 1 +FLAGS (\\Seen $Work)",
    b"COPY 1 Box",
    b"MOVE 2 Box",
    b"STORE 2 +FLAGS.SILENT (\\Deleted)",
    b"EXPUNGE",
    b"RENAME Box Case",
    b"CREATE Gone",
    b"DELETE Gone",
]


def commits_before_answers(traced: Traced) -> tuple[list[int], list[str]]:
    """Follow a run of :func:`change_mail` up to its last OK: the changes that were answered, and a complaint for each
    before whose OK no commit was synced."""
    disk, log = traced.disk, f"{traced.server.data}/posthouse.db-wal"
    before = b""
    answered: list[int] = []
    complaints: list[str] = []
    for phase, call in parse(traced.trace):
        if phase == "begin" and call.name == "sendto" and call.descriptor.startswith("TCP"):
            for number in re.findall(rb"^t(\d+) OK", b"".join(call.strings), re.M):
                # Other work of the server may be writing a commit of its own just now, so not all of the log need be
                # synced; but all that was in it at the last answer, and more.
                synced = disk.synced_file(log) or b""
                if len(synced) <= len(before) or not synced.startswith(before):
                    complaints.append(f"{CHANGES[int(number)]!r}: its commit was not synced")
                before = disk.live_file(log) or b""
                answered.append(int(number))
            if not answered:
                before = disk.live_file(log) or b""  # what the commands before the first change wrote
            if len(answered) == len(CHANGES):
                break
        disk.take(phase, call)
    return answered, complaints


def test_a_commit_that_is_not_synced_is_noticed(prepared: Path, tmp_path: Path) -> None:
    """Without the flush of commits there is a complaint for every change."""
    traced = Traced(prepared, tmp_path / "traced", "commit", change_mail)
    answered, complaints = commits_before_answers(traced)
    assert len(complaints) == len(answered) == len(CHANGES)


def test_a_power_cut_takes_no_change_that_was_answered(prepared: Path, tmp_path: Path) -> None:
    """Before each OK to an IMAP command that changes something the commit was written and synced, and a
    server that starts after a power cut at the last of them shows every change."""
    traced = Traced(prepared, tmp_path / "traced", "nothing", change_mail)
    disk = traced.disk
    answered, complaints = commits_before_answers(traced)
    assert complaints == []
    assert answered == list(range(len(CHANGES)))
    server = RunningServer(tmp_path / "cut")
    disk.write(server.folder / "disk")
    (server.folder / "disk" / "data").rename(server.data)
    server.start()
    try:
        with imaplib.IMAP4("127.0.0.1", server.imap) as client:
            client.login(USER, PASSWORD)
            names = b" ".join(line for line in client.list()[1] if isinstance(line, bytes))
            assert b"Case" in names
            assert b"Box" not in names
            assert b"Gone" not in names
            assert client.select("Case")[1] == [b"2"]
            assert client.select("INBOX")[1] == [b"2"]
            flags = client.fetch("1:2", "(FLAGS)")[1]
            assert b"$Work" in flags[0]
            assert b"$Work" not in flags[1]
        server.command("verify")
    finally:
        server.stop()


def change_mail(server: RunningServer) -> None:
    """Four messages, then all CHANGES with the tags t0, t1 and so on."""
    with imaplib.IMAP4("127.0.0.1", server.imap) as client:
        client.login(USER, PASSWORD)
        for number in range(4):
            client.append("INBOX", "", "", b"Subject: change %d\r\n\r\nhello\r\n" % number)
        client.select("INBOX")
        for number, change in enumerate(CHANGES):
            client.send(b"t%d %s\r\n" % (number, change))
            while not (line := client.readline()).startswith(b"t%d " % number):
                assert line
            assert line.startswith(b"t%d OK" % number), line
