"""How an event looks as a line."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from posthouse.observe import logging_setup
from posthouse.observe.lines import json_line, text_line, timestamp
from posthouse.observe.log import logger


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Logging of the test process is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_timestamps_are_utc_with_microseconds() -> None:
    """RFC 3339, the same second many times and then another one."""
    assert timestamp(0.000001) == "1970-01-01T00:00:00.000001Z"
    assert timestamp(0.5) == "1970-01-01T00:00:00.500000Z"
    assert timestamp(86400.25) == "1970-01-02T00:00:00.250000Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("x\r\ny\x1b", '"x\\x0d\\x0ay\\x1b"'),
        ("\u202eevil", '"\\u202eevil"'),
        (5, "5"),
        (None, "None"),
        (True, "True"),
    ],
)
def test_a_field_cannot_be_mistaken_for_another(value: object, shown: str) -> None:
    """Values with blanks, quotes, equals signs or anything unprintable are quoted and shown, not obeyed."""
    assert text_line("info", "part", "x.y", {"field": value}).endswith(f"[part] field={shown}")


@pytest.mark.parametrize("value", ["\udc80", "\x00", b"raw", {1: object}, "\u2028"])
def test_json_takes_any_value(value: object) -> None:
    """Whatever a field holds, the line is one JSON object in ASCII."""
    line = json_line("info", "part", "x.y", {"field": value})
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["event"] == "x.y"


def test_a_traceback_cannot_forge_a_line() -> None:
    """The text of an exception may come from a peer: every line of a traceback is indented and printable."""
    try:
        raise ValueError("broken\n2026-01-01T00:00:00.000000Z [info] forged\x1b[31m")
    except ValueError:
        line = text_line("error", "part", "x.failed", {}, sys.exc_info())  # type: ignore[arg-type]
    first, *rest = line.split("\n")
    assert first.endswith("[part]")
    assert all(each.startswith("  ") for each in rest)
    assert "\x1b" not in line


def test_causes_are_told_in_json() -> None:
    """An exception's cause is told after it."""
    try:
        try:
            raise OSError("disk")
        except OSError as problem:
            raise RuntimeError("unit") from problem
    except RuntimeError:
        line = json_line("error", "part", "x.failed", {}, sys.exc_info())  # type: ignore[arg-type]
    assert [each["exc_value"] for each in json.loads(line)["exception"]] == ["unit", "disk"]


def test_lines_of_many_threads_are_all_written_when_the_process_ends() -> None:
    """Lines that wait for company are not lost at an ordinary end, stay whole, and an error does not overtake them."""
    program = """
import threading
from posthouse.observe import logging_setup
from posthouse.observe.log import logger
logging_setup.configure("json", "info")
log = logger("part")
def work(number):
    for at in range(200):
        log.info("x.y", thread=number, at=at)
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
log.info("x.before")
log.error("x.error")
log.info("x.last")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    for number in range(4):
        assert [line["at"] for line in lines if line.get("thread") == number] == list(range(200))
    assert [line["event"] for line in lines[-3:]] == ["x.before", "x.error", "x.last"]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A closed or full log costs lines, never an exception in the middle of a session."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    logging_setup.configure("text", "info", Full())
    logger("part").info("x.y")
    closed = io.StringIO()
    closed.close()
    logging_setup.configure("text", "info", closed)
    logger("part").info("x.y")
