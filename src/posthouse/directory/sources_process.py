"""Sources that are programs: a script of the administrator's, and PAM in a process of its own.

The program gets the login and the password as two lines on its standard input, never as arguments. It ends with 0 for
yes, 1 for no, 2 for somebody it does not know; anything else means that it could not tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from posthouse.directory.sources_check import Checked
from posthouse.directory.sources_config import SourceConfig

_PAM_PROGRAM = "posthouse.directory.pam_program"


class ProcessSource:
    """Runs a command for each sign-in."""

    def __init__(self, command: Sequence[str], seconds: float, *, whole: bool = True) -> None:
        self._command = tuple(command)
        self._seconds = seconds
        self._whole = whole

    async def check(self, login: str, password: str) -> Checked:
        """See ``sources_check.Backend``."""
        name = login if self._whole else login.rpartition("@")[0]
        if any(each in "\r\n" for each in name + password):
            return Checked("refuse", "a line break cannot be handed on")
        code = await self._run(f"{name}\n{password}\n".encode())
        if code == 0:
            return Checked("accept")
        if code == 1:
            return Checked("refuse")
        if code == 2:
            return Checked("not mine", "not known to the program")
        return Checked("unavailable", f"the program ended with status {code}")

    async def _run(self, data: bytes) -> int:
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        for kept in ("SYSTEMROOT", "PYTHONPATH"):
            if kept in os.environ:
                environment[kept] = os.environ[kept]
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=os.name == "posix",  # so that what it starts can be ended with it
        )
        assert process.stdin is not None
        try:
            async with asyncio.timeout(self._seconds):
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(data)
                    await process.stdin.drain()
                process.stdin.close()
                return await process.wait()
        finally:
            if process.returncode is None:
                _kill(process)
                await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def script(config: SourceConfig) -> ProcessSource:
    """The administrator's own program."""
    return ProcessSource(config.details.command, config.details.timeout)


def pam(config: SourceConfig) -> ProcessSource:
    """PAM. It asks for the name without its domain. A module of PAM may block for seconds, which must hold up no one
    else."""
    command = [sys.executable, "-m", _PAM_PROGRAM, config.details.service]
    return ProcessSource(command, config.details.timeout, whole=False)
