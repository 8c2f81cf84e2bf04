"""A few words of SMTP with a server, for checks: greeting, commands, replies. Every wait has a deadline, and what a
stranger sends is bounded."""

from __future__ import annotations

import asyncio

CONNECT_SECONDS = 4.0
REPLY_SECONDS = 4.0
_MOST_LINES = 50
_LONGEST = 2048


class SmtpTalk:
    """One connection. Use as an async context manager; raises OSError (TimeoutError among them) where nobody answers,
    ValueError where what answers is no SMTP."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)
        self.greeting = ""

    async def __aenter__(self) -> SmtpTalk:
        async with asyncio.timeout(CONNECT_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(*self._place, limit=_LONGEST)
        try:
            code, self.greeting = await self._reply()
            if code != 220:
                raise ValueError(f"it greets with {code} {self.greeting}")
        except BaseException:
            self._writer.transport.abort()
            raise
        return self

    async def say(self, command: str) -> tuple[int, str]:
        """Send one command; code and text of the reply."""
        self._writer.write(command.encode("ascii") + b"\r\n")
        return await self._reply()

    async def _reply(self) -> tuple[int, str]:
        texts = []
        async with asyncio.timeout(REPLY_SECONDS):
            for _ in range(_MOST_LINES):
                try:
                    line = await self._reader.readuntil(b"\n")
                except asyncio.IncompleteReadError:
                    raise ConnectionResetError("the connection was closed") from None
                except asyncio.LimitOverrunError:
                    raise ValueError("its lines are too long for SMTP") from None
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if not text[:3].isdigit():
                    raise ValueError("what answers there is not SMTP")
                texts.append(text[4:])
                if text[3:4] != "-":
                    return int(text[:3]), " ".join(texts)[:500]
        raise ValueError("its reply does not end")

    async def __aexit__(self, *_: object) -> None:
        try:
            self._writer.write(b"QUIT\r\n")
            async with asyncio.timeout(1):
                await self._writer.drain()
        except OSError:
            pass
        self._writer.transport.abort()


def reason(error: BaseException) -> str:
    """Why a connection failed, in words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
