"""An HTTPS server on loopback that answers as a test wants: ``answer`` makes the bytes of the whole answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import trustme

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: *.example.org\r\nmx: mail.other.test\r\nmax_age: 604800\r\n"


def ok(body: str | bytes, kind: str = "text/plain") -> bytes:
    """A good answer with this body."""
    content = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content


@dataclass
class PolicyServer:
    """``begin`` it, and ``close`` it. ``seen`` are the requests; ``silent``: it never answers."""

    authority: trustme.CA
    names: tuple[str, ...]
    answer: Callable[[], bytes] = lambda: ok(POLICY)
    silent: bool = False
    expired: bool = False
    seen: list[bytes] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def begin(self) -> None:
        """Listen."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if self.expired:
            import datetime

            over = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
            certificate = self.authority.issue_cert(*self.names, not_after=over)
        else:
            certificate = self.authority.issue_cert(*self.names)
        certificate.configure_cert(context)
        context.sni_callback = lambda layer, name, owner: self.asked_for.append(name or "")
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def client(self) -> ssl.SSLContext:
        """What trusts this server's authority only."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            self.seen.append(head + await reader.readexactly(length))
            if self.silent:
                await reader.read()
            else:
                writer.write(self.answer())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                pass
