"""TLS: contexts, certificates that change, SNI, the self-made certificate, STARTTLS and implicit TLS on
connections."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import os
import re
import shutil
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from posthouse.net.certificates import SelfMade, fingerprint, names_in
from posthouse.net.connection import Connection
from posthouse.net.contract import TlsContexts
from posthouse.net.door import Door
from posthouse.net.tls import ServerContexts
from posthouse.net.tls_memory import share_read_buffer
from posthouse.settings.config import Certificate


def issued(ca: trustme.CA, folder: Path, *names: str) -> Certificate:
    made = ca.issue_cert(*names)
    chain, key = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    return Certificate(chain=str(chain), key=str(key))


def shown(contexts: TlsContexts, name: str, version: ssl.TLSVersion | None = None) -> bytes:
    """The certificate a client sees that asks for ``name``."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    if version is not None:
        client.minimum_version = client.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = contexts.server().wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name or None)
    for _ in range(10):
        for side in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    certificate = theirs.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def seen_names(der: bytes) -> list[str]:
    return names_in(ssl.DER_cert_to_PEM_cert(der).encode())


async def test_one_certificate_per_host_name(tmp_path: Path) -> None:
    """SNI picks the exact name, then the wildcard, then the first certificate; case and a final dot do not
    matter."""
    ca = trustme.CA()
    certificates = [
        issued(ca, tmp_path, "mail.example.org"),
        issued(ca, tmp_path, "mail.example.net"),
        issued(ca, tmp_path, "*.example.com"),
    ]
    contexts = ServerContexts(certificates, SelfMade(tmp_path, ["x"]))
    expected = {
        "mail.example.org": "mail.example.org",
        "MAIL.example.NET": "mail.example.net",
        "imap.example.com": "*.example.com",
        "a.b.example.com": "mail.example.org",
        "other.example": "mail.example.org",
        "": "mail.example.org",
    }
    assert {asked: seen_names(shown(contexts, asked))[0] for asked in expected} == expected


async def test_configured_hosts_win_over_the_names_inside(tmp_path: Path) -> None:
    """A certificate configured for certain hosts answers to those."""
    ca = trustme.CA()
    one, two = issued(ca, tmp_path, "one.example"), issued(ca, tmp_path, "two.example")
    listed = Certificate(chain=two.chain, key=two.key, hosts=("mail.example",))
    contexts = ServerContexts([one, listed], SelfMade(tmp_path, ["x"]))
    assert seen_names(shown(contexts, "mail.example")) == ["two.example"]
    assert seen_names(shown(contexts, "two.example")) == ["one.example"]


async def test_versions(tmp_path: Path) -> None:
    """TLS 1.2 and 1.3 are spoken; 1.2 is refused where 1.3 is the minimum; 1.1 always."""
    loose = ServerContexts([], SelfMade(tmp_path, ["mail.example"]))
    strict = ServerContexts([], SelfMade(tmp_path, ["mail.example"]), minimum_version="1.3")
    assert shown(loose, "", ssl.TLSVersion.TLSv1_2)
    assert shown(loose, "", ssl.TLSVersion.TLSv1_3)
    assert shown(strict, "", ssl.TLSVersion.TLSv1_3)
    with pytest.raises(ssl.SSLError):
        shown(strict, "", ssl.TLSVersion.TLSv1_2)
    assert loose.server().minimum_version == ssl.TLSVersion.TLSv1_2


async def test_changed_files_are_loaded_and_bad_ones_kept_out(tmp_path: Path) -> None:
    """A renewed certificate is used within the look interval; a broken file leaves the old one in place,
    until it is mended."""
    ca = trustme.CA()
    now = [0.0]
    certificate = issued(ca, tmp_path, "mail.example")
    contexts = ServerContexts([certificate], SelfMade(tmp_path, ["x"]), clock=lambda: now[0])
    first = shown(contexts, "mail.example")
    issued(ca, tmp_path, "mail.example")
    assert shown(contexts, "mail.example") == first, "not before the interval is over"
    now[0] += 3
    second = shown(contexts, "mail.example")
    assert second != first
    Path(certificate.key).write_text("nonsense")
    now[0] += 3
    assert shown(contexts, "mail.example") == second
    issued(ca, tmp_path, "mail.example")
    now[0] += 3
    assert shown(contexts, "mail.example") not in (first, second)


async def test_missing_file_at_start_is_an_error(tmp_path: Path) -> None:
    """A configured certificate that cannot be read stops the start instead of serving another one."""
    with pytest.raises(OSError, match=r"none\.pem"):
        ServerContexts(
            [Certificate(chain=str(tmp_path / "none.pem"), key=str(tmp_path / "none.key"))],
            SelfMade(tmp_path, ["x"]),
        )


async def test_a_certificate_and_a_key_that_do_not_fit_are_named_and_complained_of_once(
    tmp_path: Path,
) -> None:
    """The error tells both files, at the start and in the log; while they stay so the log is quiet."""
    ca = trustme.CA()
    now = [0.0]
    ours = issued(ca, tmp_path, "mail.example")
    (tmp_path / "other").mkdir()
    other = issued(ca, tmp_path / "other", "mail.example")
    with pytest.raises(ssl.SSLError, match=re.escape(other.key)):
        ServerContexts([Certificate(chain=ours.chain, key=other.key)], SelfMade(tmp_path, ["x"]))
    contexts = ServerContexts([ours], SelfMade(tmp_path, ["x"]), clock=lambda: now[0])
    shutil.copy(other.key, ours.key)
    with capture_logs() as logged:
        for _ in range(3):
            now[0] += 3
            contexts.server()
    assert [line["event"] for line in logged] == ["tls.certificate_kept"]
    assert ours.key in logged[0]["reason"]


async def test_self_made_certificate(tmp_path: Path) -> None:
    """It names all hosts, is readable by its owner only, stays the same, and is renewed when time runs out or
    a host is added."""
    folder = tmp_path / "tls"
    hosts = ["mail.bücher.example", "localhost", "127.0.0.1", "::1"]
    path = SelfMade(folder, hosts).ensure()
    pem = path.read_bytes()
    assert names_in(pem) == ["mail.xn--bcher-kva.example", "localhost"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SelfMade(folder, hosts).ensure().read_bytes() == pem
    assert len(fingerprint(pem)) == 95
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=340)
    renewed = SelfMade(folder, hosts).ensure(soon).read_bytes()
    assert renewed != pem
    assert SelfMade(folder, [*hosts, "more.example"]).ensure(soon).read_bytes() != renewed
    assert not list(folder.glob(".self*"))


# ---------------------------------------------------------------------- connections


class Upgrader(Connection):
    """Answers ``starttls`` and upgrades; echoes lines otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.buffer = bytearray()
        self.over = asyncio.Event()

    def opened(self) -> None:
        self.events.append("opened")
        self.write(b"hello\r\n")

    def received(self, data: bytes) -> None:
        self.buffer += data
        self.resume()

    def resume(self) -> None:
        while not self.busy and (end := self.buffer.find(b"\n")) >= 0:
            line = bytes(self.buffer[: end + 1])
            del self.buffer[: end + 1]
            if line == b"starttls\r\n":
                self.buffer.clear()
                self.write(b"go ahead\r\n")
                self.perform(self.start_tls())
            else:
                self.write(line)

    def tls_started(self) -> None:
        self.events.append("tls")

    def finished(self) -> None:
        self.events.append("finished")
        self.over.set()


@contextlib.asynccontextmanager
async def serving(door: Door) -> AsyncIterator[tuple[int, list[Upgrader]]]:
    sessions: list[Upgrader] = []

    def make() -> Upgrader:
        session = Upgrader()
        session.door = door
        sessions.append(session)
        return session

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], sessions
    finally:
        for session in sessions:
            session.abort()
        await asyncio.sleep(0)
        server.close()
        await server.wait_closed()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def contexts(tmp_path: Path, authority: trustme.CA) -> ServerContexts:
    return ServerContexts([issued(authority, tmp_path, "mail.example")], SelfMade(tmp_path, ["x"]))


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_starttls(contexts: ServerContexts, trusting: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """STARTTLS upgrades; the session knows version, server name and (TLS 1.2) channel binding."""
    trusting.maximum_version = version
    door = Door("smtp", tls=contexts, starttls=True)
    async with serving(door) as (port, sessions):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        assert sessions[0].can_start_tls
        writer.write(b"starttls\r\n")
        assert await reader.readline() == b"go ahead\r\n"
        await writer.start_tls(trusting, server_hostname="mail.example")
        big = b"a" * 200_000 + b"\r\n"
        writer.write(big)
        assert await reader.readexactly(len(big)) == big
        tls = sessions[0].tls
        assert tls is not None
        assert tls.server_name == "mail.example"
        assert sessions[0].secure
        assert not sessions[0].can_start_tls
        if version == ssl.TLSVersion.TLSv1_2:
            theirs = writer.get_extra_info("ssl_object").get_channel_binding("tls-unique")
            assert (tls.version, tls.unique) == ("TLSv1.2", theirs)
        else:
            assert (tls.version, tls.unique) == ("TLSv1.3", None)
        await end(writer)
        await asyncio.wait_for(sessions[0].over.wait(), 2)
        assert sessions[0].events == ["opened", "tls", "finished"]
        assert not door.sessions


async def test_commands_injected_before_the_handshake_are_dropped(
    contexts: ServerContexts, trusting: ssl.SSLContext
) -> None:
    """What was sent in the clear behind STARTTLS is never seen as if it came through TLS."""
    async with serving(Door("smtp", tls=contexts, starttls=True)) as (port, sessions):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"starttls\r\ninjected\r\n")
        assert await reader.readline() == b"go ahead\r\n"
        await writer.start_tls(trusting, server_hostname="mail.example")
        writer.write(b"after\r\n")
        assert await reader.readline() == b"after\r\n"
        await end(writer)
        await asyncio.wait_for(sessions[0].over.wait(), 2)


@pytest.mark.parametrize("proxied", [False, True])
async def test_implicit_tls(contexts: ServerContexts, trusting: ssl.SSLContext, proxied: bool) -> None:
    """TLS from the first byte; also when the handshake's first bytes come in one packet with a PROXY
    header."""
    networks: list[Any] = [ipaddress.ip_network("127.0.0.1")] if proxied else []
    async with serving(Door("imap", tls=contexts, implicit=True, trusted_proxies=networks)) as (
        port,
        sessions,
    ):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting.wrap_bio(to_client, to_server, server_hostname="mail.example")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        header = b"PROXY TCP4 192.0.2.7 192.0.2.8 1000 993\r\n" if proxied else b""
        writer.write(header + to_server.read())
        while True:
            to_client.write(await asyncio.wait_for(reader.read(65536), 5))
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
        writer.write(to_server.read())
        greeting = b""
        while not greeting:
            try:
                greeting = client.read(100)
            except ssl.SSLWantReadError:
                to_client.write(await asyncio.wait_for(reader.read(65536), 5))
        assert greeting == b"hello\r\n"
        assert sessions[0].peer.address == ("192.0.2.7" if proxied else "127.0.0.1")
        await end(writer)
        await asyncio.wait_for(sessions[0].over.wait(), 2)


@pytest.mark.parametrize(
    "noise", [b"EHLO not tls at all, but long enough to be one\r\n" * 5, b"", b"\x16\x03"]
)
async def test_failed_handshake_leaves_nothing_behind(contexts: ServerContexts, noise: bytes) -> None:
    """Nonsense, silence or hanging up instead of a handshake: the connection ends and is no longer
    counted."""
    door = Door("imap", tls=contexts, implicit=True, handshake_seconds=0.2)
    async with serving(door) as (port, sessions):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        if noise == b"\x16\x03":
            writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(-1), 2)
        await asyncio.wait_for(sessions[0].over.wait(), 2)
        assert "opened" not in sessions[0].events
        assert not door.sessions
        await end(writer)


async def test_tls_connections_share_the_read_buffer(
    contexts: ServerContexts, trusting: ssl.SSLContext
) -> None:
    """On the stock event loop no TLS connection keeps a read buffer of its own."""
    async with serving(Door("imap", tls=contexts, implicit=True)) as (port, sessions):
        ends = [
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="mail.example")
            for _ in range(3)
        ]
        for number, (reader, writer) in enumerate(ends):
            await reader.readline()
            writer.write(b"line %d\r\n" % number)
        for number, (reader, _) in enumerate(ends):
            assert await reader.readline() == b"line %d\r\n" % number
        transports: list[Any] = [session._transport for session in sessions]
        assert len({id(transport._ssl_protocol._ssl_buffer) for transport in transports}) == 1
        for _, writer in ends:
            await end(writer)


async def test_sharing_steps_aside_for_unknown_transports() -> None:
    """Another TLS layer than asyncio's is left alone."""
    assert share_read_buffer(asyncio.Transport(), asyncio.get_running_loop()) is False


def test_uvloop(tmp_path: Path) -> None:
    """On uvloop the same sessions work: STARTTLS, and implicit TLS whose handshake came with a PROXY
    header."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    authority = trustme.CA()
    ours = ServerContexts([issued(authority, tmp_path, "mail.example")], SelfMade(tmp_path, ["x"]))
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_starttls(ours, client, ssl.TLSVersion.TLSv1_3))
        runner.run(test_implicit_tls(ours, client, True))
        runner.run(test_commands_injected_before_the_handshake_are_dropped(ours, client))
