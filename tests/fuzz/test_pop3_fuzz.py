"""POP3 sessions and any bytes in any chunking: legal replies or a clean close, no traceback, bounded
memory."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent / "talk"))

from memory_directory import MemoryDirectory
from memory_store import MemoryStore
from talk_clients import MemoryTransport

from posthouse.access.pop3 import Pop3Session
from posthouse.settings.contract import CurrentSettings, Settings

WORDS = [
    b"USER anna@example.org\r\n", b"PASS secret\r\n", b"STAT\r\n", b"LIST\r\n", b"UIDL\r\n", b"RETR 1\r\n",
    b"RETR 2\r\n", b"TOP 1 1\r\n", b"DELE 1\r\n", b"RSET\r\n", b"NOOP\r\n", b"CAPA\r\n", b"AUTH PLAIN\r\n",
    b"*\r\n", b"QUIT\r\n", b"AUTH SCRAM-SHA-256\r\n", b"AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0\r\n", b"STLS\r\n",
    b"UTF8\r\n", b"\r\n", b"\0", b"\xff\xfe", b"x" * 700, b"USER \r\n", b"LIST 99999999999999999999\r\n",
    b"TOP 1 -1\r\n", b"biwsbj1hbm5hLHI9YWJj\r\n", b"AUTH CRAM-MD5\r\n",
]  # fmt: skip
INPUT = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=60)), max_size=30).map(b"".join)
ANSWER = re.compile(rb"(\+OK( [ -~]+)?|-ERR [ -~]+|\+ [A-Za-z0-9+/]*=*)\Z")
MANY_LINES = re.compile(rb"\+OK (\d+ octets|.* follows?)\Z")


class Strict(Pop3Session):
    """Any unexpected exception is a failure of the test."""

    def failed(self, error: Exception) -> None:
        raise AssertionError("the session failed") from error


async def converse(data: bytes, cuts: list[int]) -> bytes:
    store = MemoryStore()
    directory = MemoryDirectory({"anna@example.org": "secret"})
    directory.host = "mail.example.org"
    anna = directory.accounts["anna@example.org"].id
    await store.provision(anna)
    store.deliver(anna, "INBOX", b"Subject: one\r\n\r\n.dot\r\n")
    store.deliver(anna, "INBOX", b"no header, bare\n.\nfeeds")
    session = Strict(store, directory, CurrentSettings(Settings({"pop3.max_failures": 50})))
    transport = MemoryTransport(session, ("127.0.0.1", 1000), ("127.0.0.1", 110))
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    session.connection_made(transport)
    place = 0
    for cut in [*cuts, len(data)]:
        transport.arrive(data[place : place + cut])
        place += cut
        await asyncio.sleep(0)
    transport.arrive(None)
    for _ in range(200):
        if transport.lost:
            break
        await asyncio.sleep(0)
    assert not problems, problems
    return bytes(transport.written)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(INPUT, st.lists(st.integers(0, 50), max_size=20))
def test_any_bytes_in_any_chunking(data: bytes, cuts: list[int]) -> None:
    """Whatever comes, every answer begins as POP3's answers do, whole lines throughout, and chunking changes
    nothing."""
    said = asyncio.run(converse(data, cuts))
    assert said.endswith(b"\r\n")
    inside = False
    for line in said.split(b"\r\n")[:-1]:
        if inside:
            inside = line != b"."
        else:
            assert ANSWER.match(line), line
            inside = MANY_LINES.match(line) is not None
    assert said.startswith(b"+OK Posthouse ready\r\n")
