"""The live log: newest lines in memory, watchers that are told what they missed, switches that work at once."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from posthouse.observe import logging_setup
from posthouse.observe.live import LiveLog, Watcher, live_log
from posthouse.observe.log import logger
from posthouse.observe.notify import notify, watchdog_seconds
from posthouse.observe.record import Record, Wanted
from posthouse.observe.steering import Steering, how
from posthouse.observe.syslog import Journal, Syslog, message
from posthouse.settings.contract import Settings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    written = io.StringIO()
    logging_setup.configure("text", "info", written)
    yield written
    structlog.reset_defaults()


def record(event: str, level: str = "info", name: str = "receive.session", **fields: object) -> Record:
    return Record(1_795_000_000.5, level, name, event, fields)


@pytest.mark.parametrize(
    ("wanted", "lets"),
    [
        (Wanted(), True),
        (Wanted(level="warning"), False),
        (Wanted(protocol="smtp"), True),
        (Wanted(protocol="imap"), False),
        (Wanted(peer="192.0.2.1"), True),
        (Wanted(peer="192.0.2.11"), False),
        (Wanted(text="ANNA"), True),
        (Wanted(session="0-3"), True),
        (Wanted(session="abc"), True),
        (Wanted(trace="abc"), True),
        (Wanted(trace="abcd"), False),
    ],
)
def test_filters(wanted: Wanted, lets: bool) -> None:
    """Each narrows; none guesses."""
    line = record("x", peer="192.0.2.1", session="0-3", trace="abc", login="anna@example.org")
    assert wanted.lets(line) is lets


async def test_a_slow_watcher_hears_what_it_missed() -> None:
    """Its queue is bounded; the newest lines are still in the ring."""
    ring = LiveLog(kept=5)
    watcher = Watcher(Wanted(), limit=3)
    ring.watch(watcher)
    for number in range(10):
        ring.add(record(str(number)))
    lines, dropped = await watcher.take(1.0)
    assert ([line.event for line in lines], dropped) == (["0", "1", "2"], 7)
    assert [line.event for line in ring.tail(Wanted(), 2)] == ["8", "9"]
    assert await watcher.take(0.0) == ([], 0)
    ring.leave(watcher)
    assert ring.watchers == 0


def test_switches_work_on_loggers_that_are_in_use(stream: io.StringIO, tmp_path: Path) -> None:
    """Debug on and off, topics off, standard error off, a file on: without making loggers anew."""
    log, delivery = logger("access.test"), logger("deliver.test")
    log.info("before")
    log.debug("unseen")
    logging_setup.adjust(debug=True)
    log.debug("seen", number=1)
    logging_setup.adjust(muted=("deliver.",))
    delivery.info("muted")
    delivery.warning("loud")
    log.debug("unseen again")
    text = stream.getvalue()
    assert [word in text for word in ("before", "seen ", "loud", "unseen", "muted")] == [True] * 3 + [
        False
    ] * 2
    steering = Steering()
    values = {"log.to_files": True, "log.to_stderr": False, "log.file_format": "json"}
    steering.apply(how(Settings(values), str(tmp_path), "host"))
    log.info("to the file", peer="192.0.2.1")
    steering.close()
    line = json.loads((tmp_path / "logs" / "posthouse.log").read_text().splitlines()[0])
    assert (line["event"], line["peer"]) == ("to the file", "192.0.2.1")
    assert "to the file" not in stream.getvalue()
    assert live_log.tail(Wanted(text="to the file"), 1)[0].fields == {"peer": "192.0.2.1"}


def test_an_error_in_memory_is_text_only(stream: io.StringIO) -> None:
    """What its frames hold is not kept alive."""
    try:
        raise ValueError("broken")
    except ValueError:
        logger("test").exception("it.failed")
    kept = live_log.tail(Wanted(text="it.failed"), 1)[0]
    assert kept.fields == {"error": "ValueError: broken"}


def test_rfc_5424() -> None:
    """Facility mail, severity by level, the event as the message id, one line."""
    told = message(record("message.accepted"), "a line\nwith another", "mail.example.org")
    assert told.startswith(b"<22>1 2026-11-18T")
    assert b" mail.example.org posthouse " in told
    assert told.endswith(b" message.accepted - \xef\xbb\xbfa line | with another")


def test_syslog_over_udp_and_tcp() -> None:
    """A datagram each; over a stream with its length before it."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_server(("127.0.0.1", 0)) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(10)
        tcp.settimeout(10)
        by_udp = Syslog(f"udp://127.0.0.1:{udp.getsockname()[1]}", "h")
        by_udp(record("one"), "the line")
        assert udp.recv(2000).endswith(b"the line")
        by_tcp = Syslog(f"tcp://127.0.0.1:{tcp.getsockname()[1]}", "h")
        by_tcp(record("one"), "the line")
        taken, _ = tcp.accept()
        with taken:
            size, _, rest = taken.recv(2000).partition(b" ")
            assert int(size) == len(rest)
        by_udp.close()
        by_tcp.close()


def test_the_journal_gets_fields(tmp_path: Path) -> None:
    """Also those with line ends in them."""
    place = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(place)
        journal.settimeout(10)
        sink = Journal(place)
        sink(record("x", "warning", trace="abc", note="a\nb"), "line")
        told = journal.recv(4000)
        sink.close()
    assert b"MESSAGE=line\n" in told
    assert b"PRIORITY=4\n" in told
    assert b"POSTHOUSE_TRACE=abc\n" in told
    assert b"POSTHOUSE_NOTE\n\x03\0\0\0\0\0\0\0a\nb\n" in told


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    """On a path, and in the abstract namespace."""
    name = "@posthouse-test-" + tmp_path.name if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(10)
        assert notify("READY=1", {"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert watchdog_seconds({"WATCHDOG_USEC": "4000000"}) == 2.0
    assert watchdog_seconds({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}) == 0.0


def test_an_account_is_who_signs_in_or_whom_mail_is_for() -> None:
    wanted = Wanted(account="Anna@a.test")
    for name, value, lets in (
        ("account", "anna@a.test", True),
        ("recipient", "ANNA@a.test", True),
        ("recipient", "joanna@a.test", False),
        ("reason", "anna@a.test", False),
    ):
        assert wanted.lets(Record(1.0, "info", "x", "it", {name: value})) == lets, name
