"""A remote that does what real ones cannot be made to do: it answers as told, and dies when told.

:class:`Peer` is a polite server by itself; ``replies`` changes its answer to a command (by verb, ``.`` for the end of a
message, ``GREETING``), ``dies_after_saying`` and ``dies_after_hearing`` end it in the middle of anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.deliver.remote.contract import Call, Host, Parcel, TlsPolicy
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.route.contract import Way

EVERYTHING = (
    "PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME",
    "REQUIRETLS", "MT-PRIORITY", "DELIVERBY 10",
)  # fmt: skip

Answer = str | bytes | Callable[[str], "str | bytes"] | None
"""What is said to a command; a function of it; None closes."""


class SlowAfterDot:
    """In the place of a server's talk (:attr:`Peer.talk`): it reads each message to its end and then takes as long as
    ``wait`` does. ``dots``: how many it read."""

    def __init__(self, wait: Callable[[], Awaitable[object]]) -> None:
        self.dots = 0
        self._wait = wait

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 slow.test\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
            elif line == b".\r\n":
                self.dots += 1
                await self._wait()
                writer.write(b"250 at last\r\n")
            elif line[:4] in (b"EHLO", b"MAIL", b"RCPT", b"QUIT", b"RSET"):
                writer.write(b"250 fine\r\n")


class _Dead(Exception):
    """It died as it was told."""


@dataclass
class Mail:
    """One message as it came: the MAIL and RCPT commands, the content with its dots undone."""

    mail: str
    rcpts: list[str]
    data: bytes = b""
    by: str = ""


@dataclass
class Peer:
    """A server on a loopback port. ``mails`` are those it said 250 to; ``commands`` all it heard."""

    extensions: Sequence[str] = EVERYTHING
    replies: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    lmtp: bool = False
    context: ssl.SSLContext | None = None
    implicit: bool = False
    inject: bytes = b""
    """Said in clear text right behind the answer to STARTTLS."""
    secrets: dict[str, str] = field(default_factory=dict)
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any] | None = None
    """In the place of all of this."""
    dies_after_saying: int | None = None
    dies_after_hearing: int | None = None
    unix: str = ""
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    said: int = 0
    heard: int = 0
    port: int = 0

    async def __aenter__(self) -> Peer:
        self._tasks: set[asyncio.Task[Any]] = set()
        if self.unix:
            self._server: asyncio.Server = await asyncio.start_unix_server(self._serve, self.unix)
            return self
        context = self.context if self.implicit else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def call(self, policy: TlsPolicy | None = None, name: str = "mx.peer.test", **way: Any) -> Call:
        """How it is called."""
        protocol = "lmtp" if self.lmtp else "smtp"
        address = self.unix or "127.0.0.1"
        host = Host(name, (address,), self.port)
        made = Way(**{"destination": "mx:peer.test", "domain": "peer.test", "protocol": protocol, **way})
        return Call(made, host, address, policy or TlsPolicy("none"))

    # ------------------------------------------------------------------ inside

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if self.talk is not None:
                await self.talk(reader, writer)
            else:
                await _Visit(self, reader, writer).run()
        except (_Dead, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    def answer(self, key: str, line: str, otherwise: str) -> bytes:
        """What is said to a command. Raises _Dead."""
        wanted = self.replies.get(key, otherwise)
        if isinstance(wanted, list):
            wanted = wanted.pop(0) if wanted else otherwise
        if callable(wanted):
            wanted = wanted(line)
        if wanted is None:
            raise _Dead
        raw = wanted.encode() if isinstance(wanted, str) else wanted
        return raw if raw.endswith(b"\n") else raw + b"\r\n"


class _Visit:
    """One connection."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer, self.reader, self.writer = peer, reader, writer
        self.buffer = b""
        self.mail: Mail | None = None

    async def run(self) -> None:
        peer = self.peer
        await self.say(peer.answer("GREETING", "", "220 peer.test hello"))
        while True:
            raw = await self.line()
            line = raw.decode("utf-8", "replace")
            verb = line.split(" ", 1)[0].split(":")[0].upper()
            peer.commands.append(line)
            if verb in ("EHLO", "LHLO"):
                words = ["peer.test", *peer.extensions]
                if peer.context and not peer.implicit and not self.encrypted:
                    words.append("STARTTLS")
                text = "".join(f"250-{word}\r\n" for word in words[:-1]) + f"250 {words[-1]}\r\n"
                await self.say(peer.answer(verb, line, text))
            elif verb == "STARTTLS":
                await self.starttls(line)
            elif verb == "MAIL":
                reply = peer.answer(verb, line, "250 2.1.0 sender fine")
                self.mail = Mail(line, []) if reply.startswith(b"2") else None
                await self.say(reply)
            elif verb == "RCPT":
                reply = peer.answer(verb, line, "250 2.1.5 recipient fine" if self.mail else "503 5.5.1 no")
                if reply.startswith(b"2") and self.mail:
                    self.mail.rcpts.append(line)
                await self.say(reply)
            elif verb == "DATA":
                await self.data(line)
            elif verb == "BDAT":
                await self.bdat(line)
            elif verb == "RSET":
                self.mail = None
                await self.say(peer.answer(verb, line, "250 2.0.0 reset"))
            elif verb == "QUIT":
                await self.say(peer.answer(verb, line, "221 2.0.0 bye"))
                return
            else:
                await self.say(peer.answer(verb, line, "250 fine"))

    @property
    def encrypted(self) -> bool:
        return self.writer.get_extra_info("ssl_object") is not None

    async def starttls(self, line: str) -> None:
        reply = self.peer.answer("STARTTLS", line, "220 go")
        await self.say(reply + self.peer.inject)
        if reply.startswith(b"220"):
            assert self.peer.context is not None
            await self.writer.start_tls(self.peer.context)

    async def data(self, line: str) -> None:
        usual = "354 go on" if self.mail and self.mail.rcpts else "503 5.5.1 no recipients"
        reply = self.peer.answer("DATA", line, usual)
        await self.say(reply)
        if not reply.startswith(b"354"):
            return
        lines = []
        while (raw := await self.line(strip=False)) != b".\r\n":
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        await self.done(b"".join(lines), "DATA")

    async def bdat(self, line: str) -> None:
        size = int(line.split()[1])
        await self.done(await self.exactly(size), "BDAT")

    async def done(self, data: bytes, by: str) -> None:
        mail, self.mail = self.mail, None
        if mail is None:
            await self.say(b"503 5.5.1 no\r\n")
            return
        mail.data, mail.by = data, by
        taken = False
        for _ in mail.rcpts if self.peer.lmtp else [None]:
            reply = self.peer.answer(".", ".", "250 2.0.0 taken as 42")
            await self.say(reply)
            taken = taken or reply.startswith(b"250")
        if taken:
            self.peer.mails.append(mail)

    # ------------------------------------------------------------------ bytes

    async def say(self, data: bytes) -> None:
        peer = self.peer
        if peer.dies_after_saying is not None:
            left = peer.dies_after_saying - peer.said
            if len(data) >= left:
                self.writer.write(data[:left])
                peer.said += left
                await self.writer.drain()
                raise _Dead
        peer.said += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def line(self, strip: bool = True) -> bytes:
        while b"\n" not in self.buffer:
            await self.more()
        raw, _, self.buffer = self.buffer.partition(b"\n")
        return raw.rstrip(b"\r") if strip else raw + b"\n"

    async def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    async def more(self) -> None:
        data = await self.reader.read(65536)
        if not data:
            raise _Dead
        limit = self.peer.dies_after_hearing
        self.peer.heard += len(data)
        if limit is not None and self.peer.heard >= limit:
            self.buffer += data[: len(data) - (self.peer.heard - limit)]
            raise _Dead
        self.buffer += data


# ---------------------------------------------------------------------- what is sent

BODY = b"From: <a@ours.test>\r\nSubject: hello\r\n\r\n.dot\r\nand more\r\n"


def lease(number: int = 1, recipient: str = "", *, to: dict[str, Any] | None = None, **message: Any) -> Lease:
    """A leased row, made by hand."""
    about = {
        "trace": "t1",
        "body": "0" * 64,
        "size": 10,
        "sender": "a@ours.test",
        "received_at": 1.0,
        **message,
    }
    named = QueuedRecipient(recipient or f"user{number}@peer.test", "mx:peer.test", **(to or {}))
    return Lease(number, 1, QueuedMessage(**about), named, 1, "token", 9e9, 9e9)


def parcel(*leases: Lease, body: bytes = BODY, sender: str = "a@ours.test", **more: Any) -> Parcel:
    """A message to be sent; to one recipient where none are given."""
    return Parcel(sender, more.pop("prefix", b""), body, leases or (lease(),), **more)
