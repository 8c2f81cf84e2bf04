"""Dead destinations beside live ones: ``python -m bench.dead_destinations [--seconds 600] [--rate 20]``.

Two servers of ours side by side, so that both have the same machine: each gets the same mail for twenty destinations at
the same steady rate. For one all twenty are alive; for the other six of them are dead, each in another way. What counts
is how much the fourteen get that are alive in both, and how long their mail takes from our 250 to theirs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ours import Posthouse

LIVE, DEAD = 14, 6
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass
class Flow:
    """One server's mail: when our 250 came and when the other server read the final dot, by token; ``open``: the most
    connections that stood open at once, by kind of destination."""

    taken: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)
    twice: int = 0
    standing: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)


def smtp(flow: Flow, pause: float = 0.0, mail: bytes = b"250 2.1.0 fine") -> Talk:
    """A server that takes mail, with a pause before each answer, and so answers MAIL."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(pause)
        writer.write(b"220 sink.example\r\n")
        token, refuses = "", not mail.startswith(b"2")
        while line := await reader.readline():
            verb = line[:4].upper()
            if pause:
                await asyncio.sleep(pause)
            if refuses and verb in (b"RCPT", b"DATA"):
                writer.write(b"503 5.5.1 not without MAIL\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                while (line := await reader.readline()) not in (b".\r\n", b""):
                    if line.startswith(b"Subject: "):
                        token = line[9:].strip().decode()
                if not line:
                    return
                flow.twice += token in flow.arrived
                flow.arrived.setdefault(token, time.monotonic())
                writer.write(b"250 2.0.0 taken\r\n")
            elif verb == b"EHLO":
                writer.write(b"250-sink.example\r\n250 PIPELINING\r\n")
            else:
                writer.write((mail if verb == b"MAIL" else b"250 2.0.0 fine") + b"\r\n")
            await writer.drain()

    return talk


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts the connection and says nothing."""
    while await reader.read(4096):
        pass


async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """421 at once."""
    writer.write(b"421 4.3.2 too busy\r\n")
    await writer.drain()


class World:
    """The destinations of one server, by name of their domain: ``live0.example`` and so on, ``dead0.example`` …"""

    def __init__(self, *, dead: bool) -> None:
        self.flow = Flow()
        self.ports: dict[str, int] = {}
        self._dead = dead
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []

    async def start(self) -> None:
        """Listen, or whatever the dead do instead."""
        for number in range(LIVE):
            await self._listen(f"live{number}", smtp(self.flow))
        if not self._dead:
            for number in range(DEAD):
                await self._listen(f"dead{number}", smtp(self.flow))
            return
        self.ports["dead0.example"] = _nobody()
        self.ports["dead1.example"] = self._hole()
        await self._listen("dead2", silent)
        await self._listen("dead3", busy)
        await self._listen("dead4", smtp(self.flow, mail=b"451 4.3.0 not now"))
        await self._listen("dead5", smtp(self.flow, pause=20.0))

    async def _listen(self, name: str, talk: Talk) -> None:
        kind = name if name.startswith("dead") else "live"
        flow = self.flow

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            flow.standing[kind] = flow.standing.get(kind, 0) + 1
            flow.most[kind] = max(flow.most.get(kind, 0), flow.standing[kind])
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await talk(reader, writer)
            flow.standing[kind] -= 1
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        self.ports[f"{name}.example"] = server.sockets[0].getsockname()[1]

    def _hole(self) -> int:
        """A port whose queue of connections is full: packets to it get no answer (on Linux)."""
        door = socket.socket()
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        self._sockets.append(door)
        for _ in range(4):
            knock = socket.socket()
            knock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                knock.connect(door.getsockname())
            self._sockets.append(knock)
        return int(door.getsockname()[1])

    def stop(self) -> None:
        """Go away."""
        for server in self._servers:
            server.close()
        for each in self._sockets:
            each.close()


def _nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sender(Posthouse):
    """A server with a route to each destination of a world."""

    def _environment(self) -> dict[str, str]:
        """With compiled modules where they always are: how fast it starts is not the question here."""
        return {**super()._environment(), "PYTHONPYCACHEPREFIX": ""}

    def lead(self, ports: dict[str, int]) -> None:
        """Add the routes."""
        config = str(self.folder / "posthouse.toml")
        for domain, port in ports.items():
            words = ["route", "add", domain, "--target", f"127.0.0.1:{port}", "--local-recipients"]
            words += ["--security", "none", "--config", config]
            subprocess.run([sys.executable, "-m", "posthouse", *words], check=True, capture_output=True)


async def feed(
    port: int, domains: list[str], flow: Flow, rate: float, seconds: float, most: int = sys.maxsize
) -> None:
    """One message after the other to each domain in turn, ``rate`` a second in all, over four sessions; for so many
    seconds or so many messages."""
    begun, number = time.monotonic(), 0

    async def session() -> None:
        nonlocal number
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def reply() -> bytes:
            while (line := await reader.readline())[3:4] == b"-":
                pass
            return line

        await reply()
        writer.write(b"EHLO bench.example\r\n")
        await reply()
        while number < most and time.monotonic() - begun < seconds:
            mine, number = number, number + 1
            await asyncio.sleep(max(begun + mine / rate - time.monotonic(), 0.0))
            domain = domains[mine % len(domains)]
            token = f"{domain}.{mine}"
            writer.write(f"MAIL FROM:<a@far.example>\r\nRCPT TO:<b@{domain}>\r\nDATA\r\n".encode())
            codes = [(await reply())[:3] for _ in range(3)]
            assert codes == [b"250", b"250", b"354"], codes
            writer.write(f"Subject: {token}\r\n\r\n".encode() + b"x" * 70 + b"\r\n.\r\n")
            assert (await reply()).startswith(b"250")
            flow.taken[token] = time.monotonic()
        writer.close()

    await asyncio.gather(*(session() for _ in range(4)))


def report(name: str, flow: Flow, seconds: float) -> dict[str, Any]:
    """What the live ones got, in figures."""
    live = {token: at for token, at in flow.taken.items() if token.startswith("live")}
    took = sorted(flow.arrived[token] - at for token, at in live.items() if token in flow.arrived)
    cuts = statistics.quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    return {
        "run": name,
        "live_taken": len(live),
        "live_delivered": len(took),
        "live_per_s": round(len(took) / seconds, 2),
        "p50_ms": round(cuts[49] * 1000),
        "p99_ms": round(cuts[98] * 1000),
        "longest_ms": round(took[-1] * 1000) if took else 0,
        "twice": flow.twice,
        "dead_waiting": sum(1 for token in flow.taken if token not in flow.arrived),
        "most_connections": dict(sorted(flow.most.items())),
    }


async def run(seconds: float, rate: float) -> list[dict[str, Any]]:
    """Both servers at once."""
    with tempfile.TemporaryDirectory(prefix="posthouse-dead-", ignore_cleanup_errors=True) as folder:
        runs = {"all alive": World(dead=False), "30 % dead": World(dead=True)}
        servers: list[Sender] = []
        try:
            for number, world in enumerate(runs.values()):
                await world.start()
                server = Sender(Path(folder) / str(number))
                servers.append(server)
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(server.lead, world.ports)
            feeds = [
                feed(server.smtp, list(world.ports), world.flow, rate, seconds)
                for server, world in zip(servers, runs.values(), strict=True)
            ]
            await asyncio.gather(*feeds)
            await asyncio.sleep(5)  # what is under way
            return [report(name, world.flow, seconds) for name, world in runs.items()]
        finally:
            for server in servers:
                await asyncio.to_thread(server.stop)
            for world in runs.values():
                world.stop()


def main() -> None:
    """Run it and print a line for each server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second in all (20)")
    parser.add_argument("--short", action="store_true", help="a minute")
    options = parser.parse_args()
    for each in asyncio.run(run(60.0 if options.short else options.seconds, options.rate)):
        print(json.dumps(each), flush=True)


if __name__ == "__main__":
    main()
