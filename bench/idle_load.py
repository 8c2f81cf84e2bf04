"""Open N IMAP sessions that select and IDLE, say so on standard output, and hold them until standard input closes."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench.imap_load import connect


async def hold(port: int, users: list[str], password: str, sessions: int, tls: bool) -> None:
    """Open the sessions, print ``ready``, wait."""
    clients = []
    for number in range(sessions):
        client = await connect(port, users[number % len(users)], password, tls)
        await client.command(b"SELECT INBOX")
        assert client.transport is not None
        client.transport.write(b"i IDLE\r\n")
        clients.append(client)
    await asyncio.sleep(2)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", action="append", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    asyncio.run(hold(options.port, options.user, options.password, options.sessions, options.tls))


if __name__ == "__main__":
    main()
