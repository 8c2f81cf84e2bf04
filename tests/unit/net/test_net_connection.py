"""Connections: order, backpressure, deadlines and endings, over real sockets on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from posthouse.net import reading
from posthouse.net.connection import Connection
from posthouse.net.door import Door
from posthouse.net.ranges import USUAL, Range


class Lines(Connection):
    """Answers lines: ``slow`` waits, ``quit`` closes, ``fail`` raises, ``big`` answers at length."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray()
        self.log: list[str] = []
        self.depth = self.deepest = 0
        self.release = asyncio.Event()
        self.over = asyncio.Event()

    def opened(self) -> None:
        self.write(b"hello\r\n")

    def received(self, data: bytes) -> None:
        self.buffer += data
        self.resume()

    def resume(self) -> None:
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        while not self.busy and (end := self.buffer.find(b"\n")) >= 0:
            line = bytes(self.buffer[:end]).strip()
            del self.buffer[: end + 1]
            self.perform(self.handle(line))
        self.depth -= 1

    async def handle(self, line: bytes) -> None:
        self.log.append(line.decode())
        if line == b"slow":
            await self.release.wait()
        elif line == b"big":
            for _ in range(64):
                self.write(b"x" * 65536)
                await self.drain()
        elif line == b"flood":
            self.write(b"y" * 1_000_000)
        elif line == b"fail":
            raise ValueError("broken")
        elif line == b"slowfail":
            await asyncio.sleep(0)
            raise ValueError("broken later")
        elif line == b"quit":
            self.write(b"bye\r\n")
            self.close()
            return
        self.write(b"ok " + line + b"\r\n")

    def failed(self, error: Exception) -> None:
        self.log.append(f"failed {error}")
        self.write(b"sorry\r\n")

    def deadline(self) -> None:
        self.write(b"too slow\r\n")
        self.close()

    def going_down(self) -> None:
        self.write(b"going down\r\n")
        self.close()

    def closed(self) -> None:
        self.log.append("closed")

    def finished(self) -> None:
        self.log.append("finished")
        self.over.set()


class Bench:
    """A server of one session class and its clients."""

    def __init__(self) -> None:
        self.sessions: list[Lines] = []
        self.port = 0

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@contextlib.asynccontextmanager
async def serving(door: Door | None = None, make: Callable[[], Lines] = Lines) -> AsyncIterator[Bench]:
    bench = Bench()

    def session() -> Lines:
        made = make()
        if door is not None:
            made.door = door
        bench.sessions.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    bench.port = server.sockets[0].getsockname()[1]
    try:
        yield bench
    finally:
        for made in bench.sessions:
            made.abort()
        server.close()
        await server.wait_closed()


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_order_and_no_recursion() -> None:
    """Thousands of pipelined commands are answered in order, without nesting ever deeper."""
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(b"".join(b"%d\r\n" % n for n in range(3000)) + b"quit\r\n")
        answers = (await reader.read(-1)).split(b"\r\n")
        assert answers == [b"hello", *(b"ok %d" % n for n in range(3000)), b"bye", b""]
        assert bench.sessions[0].deepest <= 3
        await close(writer)


async def test_one_at_a_time() -> None:
    """Commands behind a waiting handler wait for it, and are then answered."""
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(b"slow\r\nnext\r\n")
        await asyncio.sleep(0.05)
        session = bench.sessions[0]
        assert session.busy
        assert session.log == ["slow"]
        session.release.set()
        assert await reader.readuntil(b"ok next\r\n") == b"hello\r\nok slow\r\nok next\r\n"
        assert not session.busy
        await close(writer)


async def test_reading_pauses_behind_a_waiting_handler() -> None:
    """While a handler waits no more than the backlog limit (and one read) is taken from the peer."""
    async with serving() as bench:
        reader, writer = await bench.client()
        await reader.readline()
        writer.write(b"slow\r\n")
        await asyncio.sleep(0.02)
        writer.write((b"z" * 998 + b"\r\n") * 5000)
        await asyncio.sleep(0.2)
        session = bench.sessions[0]
        assert len(session.buffer) <= Connection.backlog_limit + 262144
        session.release.set()
        writer.write(b"quit\r\n")
        answers = await reader.read(-1)
        assert answers.count(b"ok zz") == 5000
        assert answers.endswith(b"bye\r\n")
        await close(writer)


async def test_a_peer_that_does_not_read_is_not_served_further() -> None:
    """When answers pile up the session is busy until the peer reads; nothing is lost."""
    async with serving() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=4096)
        writer.write(b"flood\r\n" * 30 + b"quit\r\n")
        await asyncio.sleep(0.2)
        session = bench.sessions[0]
        assert session.choked
        assert session.busy
        assert len(session.log) < 30
        answers = await reader.read(-1)
        assert answers.count(b"ok flood") == 30
        assert len(answers) > 30_000_000
        await close(writer)


async def test_drain_bounds_the_write_buffer() -> None:
    """A long answer with drain between its pieces never has more than a piece or two in memory."""
    async with serving() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=4096)
        writer.write(b"big\r\nquit\r\n")
        await asyncio.sleep(0.2)
        transport = bench.sessions[0]._transport
        assert transport is not None
        assert 0 < transport.get_write_buffer_size() <= 3 * 65536
        assert (await reader.read(-1)).count(b"x") == 64 * 65536
        await close(writer)


async def test_drain_fails_when_the_peer_goes() -> None:
    """A handler that waits in drain hears of the loss, closed comes at once and finished after it."""
    async with serving() as bench:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.port, limit=4096)
        writer.write(b"big\r\n")
        await asyncio.sleep(0.1)
        session = bench.sessions[0]
        writer.transport.abort()
        await asyncio.wait_for(session.over.wait(), 2)
        assert session.log == ["big", "closed", "finished"]
        del reader


async def test_finished_waits_for_the_handler() -> None:
    """closed is told at once, finished only when the handler has ended."""
    async with serving() as bench:
        _, writer = await bench.client()
        writer.write(b"slow\r\n")
        await asyncio.sleep(0.02)
        # A reset, not an orderly end of stream: that would leave our side open for the answers owed.
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()
        await asyncio.sleep(0.05)
        session = bench.sessions[0]
        assert session.log == ["slow", "closed"]
        session.release.set()
        await asyncio.wait_for(session.over.wait(), 1)


@pytest.mark.parametrize("word", [b"fail", b"slowfail"])
async def test_failure_is_told_and_the_session_goes_on(word: bytes) -> None:
    """An exception of a handler goes to failed, before or after its first wait; the session then goes on."""
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(word + b"\r\nnext\r\nquit\r\n")
        assert await reader.read(-1) == b"hello\r\nsorry\r\nok next\r\nbye\r\n"
        await close(writer)


async def test_half_closed_peer_gets_its_answers() -> None:
    """A peer that says everything and then closes its side is answered in full (echo … | nc)."""
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(b"one\r\nslow\r\ntwo\r\n")
        writer.write_eof()
        await asyncio.sleep(0.05)
        bench.sessions[0].release.set()
        assert await reader.read(-1) == b"hello\r\nok one\r\nok slow\r\nok two\r\n"
        await close(writer)


async def test_last_words_survive_unread_input() -> None:
    """A peer that is still sending when we close can read our last reply; it is not destroyed by a reset."""
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(b"quit\r\n" + b"w" * 3_000_000)
        assert await reader.read(-1) == b"hello\r\nbye\r\n"
        await close(writer)


async def test_a_peer_that_stays_after_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """After our close the connection ends for good though the peer keeps it open."""
    monkeypatch.setattr(reading, "LINGER_SECONDS", 0.05)
    async with serving() as bench:
        reader, writer = await bench.client()
        writer.write(b"quit\r\n")
        await reader.read(-1)
        await asyncio.wait_for(bench.sessions[0].over.wait(), 1)
        await close(writer)


async def test_deadline_moves_both_ways() -> None:
    """A deadline may be moved later or earlier, or disarmed; it rings once at the last time set."""
    async with serving() as bench:
        reader, writer = await bench.client()
        await reader.readline()
        session = bench.sessions[0]
        loop = asyncio.get_running_loop()
        session.set_deadline(0.02)
        session.set_deadline(None)
        await asyncio.sleep(0.05)
        assert not session.closing
        began = loop.time()
        session.set_deadline(5)
        session.set_deadline(0.05)
        session.set_deadline(0.15)
        assert await reader.read(-1) == b"too slow\r\n"
        assert 0.14 <= loop.time() - began < 1
        await close(writer)


async def test_server_stop_waits_for_the_running_command() -> None:
    """A session in the middle of a command is told after its answer; an idle one at once."""
    async with serving() as bench:
        reader, writer = await bench.client()
        other, other_writer = await bench.client()
        await asyncio.gather(reader.readline(), other.readline())
        writer.write(b"slow\r\nnever\r\n")
        await asyncio.sleep(0.02)
        for session in bench.sessions:
            session.shut_down()
        assert await other.read(-1) == b"going down\r\n"
        bench.sessions[0].release.set()
        assert await reader.read(-1) == b"ok slow\r\ngoing down\r\n"
        await close(writer)
        await close(other_writer)


class Counter:
    """Admits as many as it was told."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.seen: list[str] = []

    def enter(self, address: str, protocol: str = "") -> str:
        self.seen.append(address)
        if self.left == 0:
            return "too many of you"
        self.left -= 1
        return ""

    def leave(self, address: str) -> None:
        self.left += 1

    def permits(self, address: str) -> Range:
        return USUAL

    def guessed(self, address: str, protocol: str) -> None:
        raise AssertionError("nobody signs in here")

    def too_many_messages(self, address: str) -> bool:
        return False


async def test_refused_in_the_words_of_the_protocol() -> None:
    """One connection too many is told so and closed, never opened; when one leaves there is room again."""
    counter = Counter(1)
    door = Door("smtp", admission=counter, refusal="421 4.7.0 {reason}\r\n")
    async with serving(door) as bench:
        reader, writer = await bench.client()
        await reader.readline()
        refused, refused_writer = await bench.client()
        assert await refused.read(-1) == b"421 4.7.0 too many of you\r\n"
        writer.write(b"quit\r\n")
        await reader.read(-1)
        await close(writer)
        await asyncio.wait_for(bench.sessions[0].over.wait(), 1)
        again, again_writer = await bench.client()
        assert await again.readline() == b"hello\r\n"
        assert len(door.sessions) == 1
        await close(refused_writer)
        await close(again_writer)


def proxied(**more: Any) -> Door:
    return Door("smtp", trusted_proxies=[ipaddress.ip_network("127.0.0.0/8")], **more)


async def test_proxy_header_names_the_peer() -> None:
    """The peer after a PROXY header is the one it names; what followed in the same packet is not lost."""
    counter = Counter(5)
    async with serving(proxied(admission=counter)) as bench:
        reader, writer = await bench.client()
        writer.write(b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 25\r\none\r\nquit\r\n")
        assert await reader.read(-1) == b"hello\r\nok one\r\nbye\r\n"
        peer = bench.sessions[0].peer
        assert (peer.address, peer.port, peer.local_port, peer.loopback) == ("203.0.113.9", 50000, 25, False)
        assert counter.seen == ["203.0.113.9"]
        await close(writer)


async def test_proxy_header_in_pieces() -> None:
    """The header may arrive byte by byte; nothing is said before it is complete."""
    async with serving(proxied()) as bench:
        reader, writer = await bench.client()
        for byte in b"PROXY UNKNOWN\r":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.write(b"\n")
        assert await reader.readline() == b"hello\r\n"
        await close(writer)


@pytest.mark.parametrize(
    "header", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\0"]
)
async def test_whoever_a_proxy_does_not_name_is_not_on_this_machine(header: bytes) -> None:
    """A proxy on this machine that does not know its client: passwords may not be sent in clear, though the
    connection comes from loopback."""
    async with serving(proxied()) as bench:
        reader, writer = await bench.client()
        writer.write(header)
        assert await reader.readline() == b"hello\r\n"
        assert bench.sessions[0].peer.address == "127.0.0.1"
        assert not bench.sessions[0].secure
        await close(writer)


@pytest.mark.parametrize("start", [b"EHLO x\r\n", b"PROXY TCP4 nonsense\r\n", b""])
async def test_bad_or_missing_proxy_header(start: bytes) -> None:
    """No header, a bad one or none in time: closed without a word, whoever it was."""
    async with serving(proxied(handshake_seconds=0.1)) as bench:
        reader, writer = await bench.client()
        writer.write(start)
        with contextlib.suppress(ConnectionError):
            assert await reader.read(-1) == b""
        await close(writer)
