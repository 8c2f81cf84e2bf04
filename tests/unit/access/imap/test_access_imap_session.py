"""What a session does when things go wrong, and what it leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from time import perf_counter

import pytest
import pytest_asyncio
from counted_spools import CountedBody, CountedSpool
from memory_directory import MemoryDirectory
from memory_store import MemoryStore
from memory_wire import Client

from posthouse.access.imap.service import ImapService
from posthouse.access.imap.session import Session
from posthouse.database.contract import DatabaseUnavailable
from posthouse.mail.refusal import our_fault
from posthouse.net.contract import TlsInfo
from posthouse.settings.contract import CurrentSettings, Settings


class World:
    """One server with anna's account, and clients of it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.directory = MemoryDirectory({"anna": "secret"})
        self.settings = CurrentSettings(Settings({"imap.notice_delay": 0.0}))
        self.service = ImapService(
            store=self.store, directory=self.directory, spool=CountedSpool, settings=self.settings
        )

    def client(self, session: Session | None = None) -> Client:
        """A connected client, its greeting read."""
        client = Client(session or self.service.session())
        assert client.said().startswith(b"* OK ")
        return client

    async def signed_in(self) -> Client:
        """A client that has signed in and selected INBOX."""
        client = self.client()
        assert b"a OK" in await client.ask(b"a LOGIN anna secret\r\n")
        assert b"b OK" in await client.ask(b"b SELECT INBOX\r\n")
        return client


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    CountedSpool.unended = CountedBody.unended = 0
    CountedSpool.room = 1 << 40
    made = World()
    await made.store.provision(1)
    yield made
    CountedSpool.room = 1 << 40
    assert CountedSpool.unended == CountedBody.unended == 0


async def test_our_fault_is_serverbug_and_the_session_lives(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is answered NO [SERVERBUG] without a word about it, and the next command works."""
    client = await world.signed_in()
    world.store.fail_with("find", RuntimeError("the secret cause"))
    answer = await client.ask(b"c STATUS Sent (MESSAGES)\r\n")
    assert answer.startswith(b"c NO [SERVERBUG] ")
    assert b"secret cause" not in answer
    world.store.fail_with("find", None)
    assert b"d OK" in await client.ask(b"d STATUS Sent (MESSAGES)\r\n")


@pytest.mark.parametrize("error", [DatabaseUnavailable("gone"), our_fault("gone")])
async def test_unavailable_is_said_to_be_temporary(world: World, error: Exception) -> None:
    """A database that does not answer is NO [UNAVAILABLE]."""
    client = await world.signed_in()
    world.store.fail_with("flags", error)
    world.store.deliver(1, "INBOX", b"Subject: x\r\n\r\n")
    assert b"c NO [UNAVAILABLE]" in await client.ask(b"c NOOP\r\nc STORE 1 FLAGS (\\Seen)\r\n")


async def test_a_directory_that_is_down_is_no_wrong_password(world: World) -> None:
    """NO [UNAVAILABLE], and it does not count towards the failures of the connection."""
    client = world.client()
    world.directory.down = True
    for _ in range(5):
        assert (await client.ask(b"a LOGIN anna secret\r\n")).startswith(b"a NO [UNAVAILABLE]")
    world.directory.down = False
    assert b"a OK" in await client.ask(b"a LOGIN anna secret\r\n")


async def test_a_full_disk_refuses_the_message_and_keeps_the_stream_in_step(world: World) -> None:
    """The literal is thrown away, NO [UNAVAILABLE] comes, and the next command is understood."""
    client = await world.signed_in()
    CountedSpool.room = 10
    answer = await client.ask(b"c APPEND INBOX {50+}\r\n" + b"x" * 50 + b"\r\nd NOOP\r\n")
    assert answer.startswith(b"c NO [UNAVAILABLE]")
    assert b"d OK" in answer


async def test_an_append_that_fails_leaves_nothing(world: World) -> None:
    """Whatever goes wrong in the store, the spools are let go of."""
    client = await world.signed_in()
    world.store.fail_with("append", RuntimeError())
    assert b"c NO [SERVERBUG]" in await client.ask(b"c APPEND INBOX {3+}\r\nabc {3+}\r\nabc\r\n")


async def test_a_client_that_vanishes_leaves_nothing(world: World) -> None:
    """Gone in the middle of a literal: no spool, no view and no counted session stays."""
    client = await world.signed_in()
    await client.ask(b"c APPEND INBOX {3+}\r\nabc {500+}\r\nabc")
    assert CountedSpool.unended == 1
    await client.vanish()
    assert world.store.names[1]["INBOX"].watchers == []
    assert world.service.enter(1)
    world.service.leave(1)
    with pytest.raises(KeyError):
        world.service.leave(1)


async def test_gone_while_signing_in(world: World) -> None:
    """A client that leaves between its failure and the delayed answer is not signed in and not counted."""
    world.directory.delay = 0.05
    client = world.client()
    await client.ask(b"a LOGIN anna wrong\r\n")
    await client.vanish()
    await asyncio.sleep(0.1)
    assert client.said() == b""
    client = world.client()
    await client.ask(b"a AUTHENTICATE PLAIN\r\n")
    await client.vanish()
    await asyncio.sleep(0)
    assert world.service._sessions == {}


async def test_the_end_in_the_middle_of_an_exchange_ends_the_session(world: World) -> None:
    """A client that closes its side while it owes a line is not waited for until the time to sign in is over."""
    client = world.client()
    assert await client.ask(b"a AUTHENTICATE PLAIN\r\n") == b"+ \r\n"
    client.session.eof_received()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert client.closed
    assert client.said() == b""


async def test_a_failure_is_answered_late(world: World) -> None:
    """The answer to a wrong password waits as long as the directory says."""
    world.directory.delay = 0.1
    client = world.client()
    assert await client.ask(b"a LOGIN anna wrong\r\n") == b""
    await asyncio.sleep(0.15)
    assert client.said().startswith(b"a NO [AUTHENTICATIONFAILED]")


async def test_an_idle_session_has_no_task(world: World) -> None:
    """IDLE costs no task, and news reach it all the same."""
    client = await world.signed_in()
    tasks = len(asyncio.all_tasks())
    assert await client.ask(b"c IDLE\r\n") == b"+ idling\r\n"
    assert len(asyncio.all_tasks()) == tasks
    world.store.deliver(1, "INBOX", b"Subject: x\r\n\r\n")
    world.store.deliver(1, "INBOX", b"Subject: y\r\n\r\n")
    await asyncio.sleep(0.02)
    assert client.said() == b"* 2 EXISTS\r\n* 2 RECENT\r\n"


async def test_an_idler_that_does_not_read_is_not_written_to(world: World) -> None:
    """While the client does not read, news wait in the mailbox, not in memory; then they come."""
    client = await world.signed_in()
    await client.ask(b"c IDLE\r\n")
    client.session.pause_writing()
    for _ in range(100):
        world.store.deliver(1, "INBOX", b"Subject: x\r\n\r\n")
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert client.said() == b""
    client.session.resume_writing()
    await asyncio.sleep(0.02)
    assert client.said() == b"* 100 EXISTS\r\n* 100 RECENT\r\n"


async def test_commands_wait_while_the_client_does_not_read(world: World) -> None:
    """No command is begun for a client whose answers are not taken."""
    client = await world.signed_in()
    client.session.pause_writing()
    assert await client.ask(b"c NOOP\r\nd NOOP\r\n") == b""
    client.session.resume_writing()
    assert client.said() == b"c OK NOOP completed\r\nd OK NOOP completed\r\n"


async def test_a_bomb_does_not_hold_the_others_up(world: World) -> None:
    """A line of 30 megabytes in 30 kilobytes is thrown away in steps, and others get their turn meanwhile."""
    client = await world.signed_in()
    await client.ask(b"c COMPRESS DEFLATE\r\n")
    client.start_deflate()
    other = await world.signed_in()
    client.send(bytes(30_000_000) + b"\r\ne NOOP\r\n")
    assert b"d OK" in await other.ask(b"d NOOP\r\n")
    assert client.said() == b""
    most = 0
    for _ in range(200):
        await asyncio.sleep(0)
        most = max(most, client.session._reader.buffered)
    assert client.said().endswith(b"e OK NOOP completed\r\n")
    assert most < 200_000


async def test_a_long_answer_is_no_silence(world: World) -> None:
    """The client says nothing while it reads an answer for longer than the idle time: it is not signed out,
    as long as it reads on."""
    client = await world.signed_in()
    for _ in range(3):
        world.store.deliver(1, "INBOX", b"Subject: x\r\n\r\n" + b"x" * 100_000)
    world.settings.now = Settings({"imap.idle_timeout": 0.2})
    await client.ask(b"c NOOP\r\n")
    write, answer = client.session._transport.write, []

    def slowly(data: bytes) -> None:
        answer.append(bytes(data))
        write(data)
        client.session.pause_writing()
        asyncio.get_running_loop().call_later(0.15, client.session.resume_writing)

    client.session._transport.write = slowly
    client.send(b"d FETCH 1:* BODY.PEEK[]\r\n")
    while not client.session.closing and not answer[-1].endswith(b"d OK FETCH completed\r\n"):
        await asyncio.sleep(0.01)
    assert len(answer) >= 3
    assert b"BYE" not in b"".join(answer)


async def test_a_client_that_stops_reading_is_cut_off(world: World) -> None:
    """Not reading at all for the idle time ends the connection, without a word in the middle of an answer."""
    client = await world.signed_in()
    world.settings.now = Settings({"imap.idle_timeout": 0.05})
    await client.ask(b"c NOOP\r\n")
    client.session.pause_writing()
    await asyncio.sleep(0.1)
    assert client.session.closing
    assert client.said() == b""


async def test_many_ranges_of_known_uids_cost_little(world: World) -> None:
    """QRESYNC with thousands of ranges on a mailbox of thousands of messages does not hold the others up."""
    client = await world.signed_in()
    for _ in range(6000):
        world.store.deliver(1, "INBOX", b"\r\n")
    ranges = b",".join(b"%d" % number for number in range(20_001, 38_000, 2))
    await client.ask(b"c ENABLE QRESYNC\r\nd UNSELECT\r\n")
    validity = world.store.names[1]["INBOX"].row.uidvalidity
    began = perf_counter()
    client.send(b"e SELECT INBOX (QRESYNC (%d 1 %s))\r\n" % (validity, ranges))
    answer = b""
    while b"e OK" not in answer:
        await asyncio.sleep(0)
        answer += client.said()
    assert perf_counter() - began < 30
    assert b" FETCH " not in answer


# SCRAM


def scram_first(login: str) -> tuple[str, bytes]:
    bare = f"n={login},r=abcdef"
    return bare, b64encode(b"n,," + bare.encode())


def scram_final(
    bare: str, server_first: bytes, password: str, binding: bytes = b"n,,"
) -> tuple[bytes, bytes]:
    fields = dict(item.split("=", 1) for item in server_first.decode().split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(fields["s"]), int(fields["i"]))
    without = f"c={b64encode(binding).decode()},r={fields['r']}"
    message = f"{bare},{server_first.decode()},{without}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    return b64encode(f"{without},p={b64encode(proof).decode()}".encode()), b"v=" + b64encode(server)


async def test_scram_proves_both_ends(world: World) -> None:
    """A right password signs in after the server has proven itself too."""
    client = world.client()
    bare, first = scram_first("anna")
    challenge = await client.ask(b"a AUTHENTICATE SCRAM-SHA-256 " + first + b"\r\n")
    final, verifier = scram_final(bare, b64decode(challenge[2:]), "secret")
    assert b64decode((await client.ask(final + b"\r\n"))[2:]) == verifier
    assert (await client.ask(b"\r\n")).startswith(b"a OK [CAPABILITY ")


@pytest.mark.parametrize(("login", "password"), [("anna", "wrong"), ("nobody", "secret")])
async def test_scram_refuses(world: World, login: str, password: str) -> None:
    """A wrong password and an unknown login look the same."""
    client = world.client()
    bare, first = scram_first(login)
    challenge = await client.ask(b"a AUTHENTICATE SCRAM-SHA-256 " + first + b"\r\n")
    assert re.match(rb"r=abcdef[^,]+,s=[^,]+,i=4096$", b64decode(challenge[2:]))
    final, _ = scram_final(bare, b64decode(challenge[2:]), password)
    assert (
        await client.ask(final + b"\r\n")
        == b"a NO [AUTHENTICATIONFAILED] The name or the password is wrong\r\n"
    )


async def test_scram_plus_is_bound_to_the_channel(world: World) -> None:
    """-PLUS is announced where tls-unique exists, and refuses a proof made for another channel."""
    for unique, good in ((b"this channel", True), (b"that channel", False)):
        session = world.service.session()
        session.tls = TlsInfo("TLSv1.2", "x", unique=b"this channel")
        client = Client(session)
        assert b"AUTH=SCRAM-SHA-256-PLUS " in client.said()
        bare, _ = scram_first("anna")
        first = b64encode(b"p=tls-unique,," + bare.encode())
        challenge = await client.ask(b"a AUTHENTICATE SCRAM-SHA-256-PLUS " + first + b"\r\n")
        final, _ = scram_final(bare, b64decode(challenge[2:]), "secret", b"p=tls-unique,," + unique)
        answer = await client.ask(final + b"\r\n")
        assert answer.startswith(b"+ ") is good
