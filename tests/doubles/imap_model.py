"""An IMAP client that keeps a model of the mailbox and notices when the server contradicts itself."""

from __future__ import annotations

import asyncio
import re

_NUMBERED = re.compile(rb"^\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH)(.*)$", re.S)
_UID = re.compile(rb"UID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")


class ImapLie(AssertionError):
    """The server said something that contradicts what it said before."""


class ModelClient:
    """``uids`` maps sequence number - 1 to the UID the client was told, or None where it has not asked yet."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.uids: list[int | None] = []
        self.flags: dict[int, frozenset[bytes]] = {}
        self._number = 0
        self._command = b""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, user: str, password: str, mailbox: str = "INBOX") -> None:
        """Connect, sign in, select and learn all UIDs."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        await self._reader.readline()
        await self.command(f"LOGIN {user} {password}")
        await self.command(f"SELECT {mailbox}")
        await self.command("FETCH 1:* (UID FLAGS)") if self.uids else None

    def _write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    async def command(self, text: str, *, may_fail: bool = False) -> list[bytes]:
        """Send a command, feed the model with every answer; the untagged lines."""
        self._number += 1
        tag = b"c%d" % self._number
        self._command = text.upper().encode()
        self._write(tag + b" " + text.encode() + b"\r\n")
        lines: list[bytes] = []
        while True:
            line = await self._line()
            if line.startswith(tag + b" "):
                if not may_fail and not line.startswith(tag + b" OK"):
                    raise AssertionError(f"{text}: {line!r}")
                return lines
            lines.append(line)
            self._learn(line)

    async def idle(self, seconds: float) -> None:
        """IDLE for a while."""
        self._number += 1
        tag = b"c%d" % self._number
        self._command = b"IDLE"
        self._write(tag + b" IDLE\r\n")
        done = asyncio.get_running_loop().call_later(seconds, self._write, b"DONE\r\n")
        try:
            while not (line := await self._line()).startswith(tag):
                self._learn(line)
        finally:
            done.cancel()

    async def close(self) -> None:
        """Sign out."""
        await self.command("LOGOUT")
        self.abort()

    def abort(self) -> None:
        """Drop the connection, if there is one. May be called twice."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def _line(self) -> bytes:
        line = await asyncio.wait_for(self._reader.readline(), 60)
        if not line:
            raise AssertionError(f"the server closed the connection in {self._command!r}")
        if line.startswith(b"* BYE") and self._command != b"LOGOUT":
            raise AssertionError(f"{self._command!r}: {line!r}")
        return line.rstrip(b"\r\n")

    def _learn(self, line: bytes) -> None:
        found = _NUMBERED.match(line)
        if found is None:
            return
        number, word = int(found[1]), found[2]
        if word == b"EXISTS":
            if number < len(self.uids) and not self._command.startswith(b"SELECT"):
                raise ImapLie(f"EXISTS {number} after {len(self.uids)} without EXPUNGE")
            if self._command.startswith(b"SELECT"):
                self.uids = []
            self.uids += [None] * (number - len(self.uids))
        elif word == b"EXPUNGE":
            if not 1 <= number <= len(self.uids):
                raise ImapLie(f"EXPUNGE {number} of {len(self.uids)}")
            if self._command.startswith((b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD")):
                raise ImapLie(f"EXPUNGE while {self._command!r} runs (RFC 9051 7.5.1)")
            del self.uids[number - 1]
        elif word == b"FETCH":
            self._fetched(number, found[3])

    def _fetched(self, number: int, data: bytes) -> None:
        if not 1 <= number <= len(self.uids):
            raise ImapLie(f"FETCH {number} of {len(self.uids)}")
        uid = _UID.search(data)
        if uid is not None:
            known = self.uids[number - 1]
            if known is not None and known != int(uid[1]):
                raise ImapLie(f"message {number} was UID {known} and is now {int(uid[1])}")
            self.uids[number - 1] = int(uid[1])
            before = [each for each in self.uids[: number - 1] if each is not None]
            if before and max(before) >= int(uid[1]):
                raise ImapLie(f"UID {int(uid[1])} at {number} is not above those before it")
        flags = _FLAGS.search(data)
        told = self.uids[number - 1]
        if flags is not None and told is not None:
            self.flags[told] = frozenset(flags[1].split()) - {b"\\Recent"}
