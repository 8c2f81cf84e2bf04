"""DNS-01 by a command of the administrator's: ``COMMAND add NAME VALUE`` and ``COMMAND remove NAME VALUE``."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.net.acme.contract import DNS, Proof
from posthouse.net.acme.errors import AcmeError, one_line
from posthouse.observe.log import logger

log = logger("net.acme")

MOST_OUTPUT = 64 * 1024
"""Bytes of a command's output that are read; what comes after is thrown away."""


@dataclass(frozen=True, slots=True)
class DnsHook:
    """Runs ``command`` (a program with arguments; no shell is involved) once for each record, for at most
    ``seconds``. It must return only when the record can be seen by the authority, with exit status 0."""

    command: str
    seconds: float

    @property
    def kind(self) -> str:
        """See :class:`Shower`."""
        return DNS

    async def show(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""
        for proof in proofs:
            await self._run("add", proof)

    async def hide(self, proofs: Sequence[Proof]) -> None:
        """See :class:`Shower`."""
        for proof in proofs:
            try:
                await self._run("remove", proof)
            except AcmeError as error:
                log.warning("acme.record_left", name=proof.dns_name, reason=error.text)

    async def _run(self, verb: str, proof: Proof) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError:
            raise AcmeError("challenge", "certificates.dns_hook has an unbalanced quotation mark") from None
        if not words:
            raise AcmeError("challenge", "certificates.dns_hook is empty")
        what = f"the command {words[0]} {verb} {proof.dns_name}"
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                verb,
                proof.dns_name,
                proof.dns_value,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise AcmeError("challenge", f"{what} cannot be started ({error.strerror})") from None
        try:
            async with asyncio.timeout(self.seconds):
                output = await _read(process)
                status = await process.wait()
        except TimeoutError:
            raise AcmeError("challenge", f"{what} did not end within {self.seconds:g} seconds") from None
        finally:
            await _end(process)
        if status != 0:
            said = one_line(output.decode("utf-8", "replace"))
            raise AcmeError(
                "challenge", f"{what} ended with status {status}" + (f' ("{said}")' if said else "")
            )


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """The output until its end."""
    assert process.stdout is not None
    kept = bytearray()
    while piece := await process.stdout.read(8192):
        kept += piece[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the command, with what it started, if it still runs."""
    if process.returncode is not None:
        return
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    await process.wait()
