"""Pipe routes: a command takes the message on its standard input, as local delivery agents do.

The exit status is read as in ``sysexits.h``; what the command writes is told in the trace. The command is an argument
list of the administrator's: no shell ever sees an address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from posthouse.deliver.remote.contract import Parcel
from posthouse.deliver.results import Result, Said, State
from posthouse.route.contract import Way
from posthouse.settings.contract import Settings
from posthouse.settings.sending import PIPE_TIME
from posthouse.wire.smtp.client_reply import clean_text

MAX_OUTPUT = 4096
"""Bytes of the command's output that are read."""

_PIECE = 64 * 1024

_STATUS = {
    64: (554, "5.3.5"),  # EX_USAGE
    65: (554, "5.6.0"),  # EX_DATAERR
    66: (554, "5.3.0"),  # EX_NOINPUT
    67: (550, "5.1.1"),  # EX_NOUSER
    68: (550, "5.1.2"),  # EX_NOHOST
    69: (554, "5.3.0"),  # EX_UNAVAILABLE
    70: (554, "5.3.0"),  # EX_SOFTWARE
    73: (552, "5.2.2"),  # EX_CANTCREAT
    76: (554, "5.5.0"),  # EX_PROTOCOL
    77: (550, "5.7.1"),  # EX_NOPERM
}
"""Exit status to SMTP reply; those that are not here are temporary."""


async def run_command(way: Way, parcel: Parcel, settings: Settings) -> list[Result]:
    """Run the command once for each recipient; their results. Never raises for what the command does."""
    return [
        Result(lease, *await _run(way, parcel, lease.recipient.recipient, settings[PIPE_TIME]))
        for lease in parcel.leases
    ]


async def _run(way: Way, parcel: Parcel, recipient: str, seconds: float) -> tuple[State, Said]:
    name = os.path.basename(way.command[0]) if way.command else ""
    if not name:
        return "deferred", Said(0, "4.3.5", "The route names no command")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "SENDER": parcel.sender,
        "RECIPIENT": recipient,
        "LOCAL": recipient.rpartition("@")[0],
        "DOMAIN": recipient.rpartition("@")[2],
        "SIZE": str(parcel.size),
    }
    if "SYSTEMROOT" in os.environ:  # without it no program starts on Windows
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    try:
        process = await asyncio.create_subprocess_exec(
            *way.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=os.name == "posix",  # so that what it starts can be ended with it
        )
    except (OSError, ValueError) as problem:
        return "deferred", Said(0, "4.3.5", f"The command {name} cannot be run: {problem}")
    try:
        async with asyncio.timeout(seconds):
            output, _ = await asyncio.gather(_read(process), _feed(process, parcel))
            code = await process.wait()
    except TimeoutError:
        return "deferred", Said(0, "4.4.7", f"The command {name} was not done within {seconds:g} seconds")
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()
    words = " ".join(clean_text(output.decode("utf-8", "replace")).split())
    if code == 0:
        return "relayed", Said(250, "2.0.0", words or f"The command {name} took it", stage="pipe")
    reply, status = _STATUS.get(code, (0, "4.3.0"))
    text = f"The command {name} ended with status {code}" + (f": {words}" if words else "")
    return "failed" if reply else "deferred", Said(reply, status, text, stage="pipe")


def _kill(process: asyncio.subprocess.Process) -> None:
    """End it, and what it started: whoever still has its output open would keep us waiting."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


async def _feed(process: asyncio.subprocess.Process, parcel: Parcel) -> None:
    """Write the message. A command may end without reading all of it."""
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(parcel.prefix)
        for start in range(0, len(parcel.body), _PIECE):
            process.stdin.write(bytes(parcel.body[start : start + _PIECE]))
            await process.stdin.drain()
    with contextlib.suppress(ConnectionError):
        process.stdin.close()
        await process.stdin.wait_closed()


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """The beginning of what it writes; the rest is read and dropped, or the command would wait for ever."""
    assert process.stdout is not None
    kept = b""
    while piece := await process.stdout.read(_PIECE):
        kept += piece[: MAX_OUTPUT - len(kept)]
    return kept
