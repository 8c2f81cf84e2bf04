"""Pipe routes: the command gets message and envelope, its exit status is the answer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from posthouse.deliver.remote.contract import Parcel
from posthouse.deliver.remote.pipe import MAX_OUTPUT, run_command
from posthouse.deliver.results import Result
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.route.contract import Way
from posthouse.settings.contract import Settings

BODY = b"Subject: piped\r\n\r\n" + b"line\r\n" * 50_000


def way(program: str, *more: str) -> Way:
    return Way("route:1", protocol="pipe", command=(sys.executable, "-c", program, *more))


def parcel(*recipients: str) -> Parcel:
    message = QueuedMessage("t1", "", len(BODY), "a@here.test", 1.0)
    leases = tuple(
        Lease(number, 1, message, QueuedRecipient(each, "route:1"), 1, "token", 9.0, 9.0)
        for number, each in enumerate(recipients)
    )
    return Parcel("a@here.test", b"X-Sealed: yes\r\n", BODY, leases)


async def answers(program: str, *recipients: str, settings: Settings | None = None) -> list[Result]:
    return await run_command(way(program), parcel(*recipients or ("b@there.test",)), settings or Settings())


async def test_the_command_gets_all_of_it(tmp_path: Path) -> None:
    program = (
        "import os, sys; data = sys.stdin.buffer.read(); name = os.environ['RECIPIENT'];"
        f"open({str(tmp_path)!r} + '/' + name, 'wb').write(os.environ['SENDER'].encode() + b'\\n' + data);"
        "print('kept', len(data))"
    )
    found = await answers(program, "b@there.test", "$(id)@there.test")
    assert [result.state for result in found] == ["relayed", "relayed"]
    assert found[0].said.text == f"kept {len(BODY) + 15}"
    assert (tmp_path / "b@there.test").read_bytes() == b"a@here.test\nX-Sealed: yes\r\n" + BODY
    assert (tmp_path / "$(id)@there.test").exists()


@pytest.mark.parametrize(
    ("status", "state", "enhanced"),
    [(67, "failed", "5.1.1"), (69, "failed", "5.3.0"), (75, "deferred", "4.3.0"), (1, "deferred", "4.3.0")],
)
async def test_exit_status(status: int, state: str, enhanced: str) -> None:
    [result] = await answers(f"import sys; print('because\\nof this'); sys.exit({status})")
    assert (result.state, result.said.status) == (state, enhanced)
    assert result.said.text.endswith("because of this")


async def test_a_command_that_does_not_read(tmp_path: Path) -> None:
    [result] = await answers("raise SystemExit(0)")
    assert result.state == "relayed"


async def test_a_command_that_writes_without_end_is_bounded() -> None:
    [result] = await answers("import sys; sys.stdin.read(); sys.stdout.write('x' * 1_000_000)")
    assert result.state == "relayed"
    assert len(result.said.text) == MAX_OUTPUT


async def test_a_command_that_hangs_is_ended() -> None:
    [result] = await answers("import time; time.sleep(600)", settings=Settings({"sending.pipe_time": 0.5}))
    assert (result.state, result.said.status) == ("deferred", "4.4.7")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups")
async def test_what_a_command_started_is_ended_with_it() -> None:
    """It has the output open, and would keep the attempt waiting as long as it likes."""
    program = (
        "import subprocess, sys, time; sys.stdin.read(); subprocess.Popen(['sleep', '600']); time.sleep(600)"
    )
    async with asyncio.timeout(60):
        [result] = await answers(program, settings=Settings({"sending.pipe_time": 2.0}))
    assert (result.state, result.said.status) == ("deferred", "4.4.7")


async def test_what_a_command_writes_is_made_harmless() -> None:
    """It goes into traces, notices and tables, some of which take no NUL."""
    [result] = await answers("import sys; sys.stdout.write('a\\0b\\x1b[31mc\\u202ed'); sys.exit(75)")
    assert result.said.text.endswith("a b [31mc d")


@pytest.mark.parametrize("command", [(), ("/no/such/program",), ("\0",)])
async def test_a_command_that_is_not_there(command: tuple[str, ...]) -> None:
    found = await run_command(
        Way("route:1", protocol="pipe", command=command), parcel("b@there.test"), Settings()
    )
    assert [result.state for result in found] == ["deferred"]
