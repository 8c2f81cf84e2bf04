"""POP3 load: N clients that retrieve every message of their mailbox, one command in flight each. Prints JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import time


async def retrieve(port: int, user: str, password: str, messages: int, stop: float) -> int:
    """Sign in and RETR 1..n round and round until ``stop``; return how many came whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    for line in (b"", b"USER " + user.encode(), b"PASS " + password.encode()):
        if line:
            writer.write(line + b"\r\n")
        answer = await reader.readline()
        if not answer.startswith(b"+OK"):
            raise RuntimeError(repr(answer))
    count = 0
    while time.perf_counter() < stop:
        writer.write(b"RETR %d\r\n" % (count % messages + 1))
        body = await reader.readuntil(b"\r\n.\r\n")
        if not body.startswith(b"+OK"):
            raise RuntimeError(repr(body[:80]))
        count += 1
    writer.close()
    return count


async def run(port: int, users: list[str], password: str, messages: int, seconds: float) -> dict[str, object]:
    """All users at once."""
    begun = time.perf_counter()
    counts = await asyncio.gather(
        *(retrieve(port, user, password, messages, begun + seconds) for user in users)
    )
    elapsed = time.perf_counter() - begun
    return {"operations": sum(counts), "seconds": elapsed, "rate": sum(counts) / elapsed}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", action="append", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    print(
        json.dumps(
            runner(run(options.port, options.user, options.password, options.messages, options.seconds))
        )
    )


if __name__ == "__main__":
    main()
