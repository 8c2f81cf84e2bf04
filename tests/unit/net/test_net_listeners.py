"""Listening sockets, limits, and the house that owns them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest

from posthouse.net import house as house_module
from posthouse.net.connection import Connection
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits, source
from posthouse.net.listeners import SPREADS, ListenError, open_all
from posthouse.settings.config import Listener
from posthouse.settings.contract import CurrentSettings, Settings

unix_only = pytest.mark.skipif(os.name != "posix", reason="needs Unix sockets")


def listener(port: int = 0, **more: object) -> Listener:
    return Listener(protocol="imap", address="127.0.0.1", port=port, **more)  # type: ignore[arg-type]


def test_all_addresses_share_one_port() -> None:
    """Without an address IPv4 and (where there is one) IPv6 are listened on, with the same port."""
    (opened,) = open_all([Listener(protocol="smtp")], 1)
    places = opened.places()
    assert len({port for _, port in places}) == 1
    assert places[0][0] == "0.0.0.0"
    assert [address for address, _ in places[1:]] in ([], ["::"])
    opened.close()


@pytest.mark.skipif(not SPREADS, reason="the kernel does not spread connections over sockets")
def test_each_worker_has_its_own_socket_on_the_same_port() -> None:
    """With several workers the kernel spreads connections: a socket for each."""
    (opened,) = open_all([listener()], 3)
    numbers = [sockets[0].fileno() for sockets in opened.sockets]
    assert len(set(numbers)) == 3
    assert len({sockets[0].getsockname()[1] for sockets in opened.sockets}) == 1
    opened.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_is_named_with_the_mend(workers: int) -> None:
    """Another program's port is not shared with it, and nothing stays open after the refusal."""
    with socket.socket() as other:
        if SPREADS:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError) as refused:
            open_all([listener(), listener(port)], workers)
    assert refused.value.where == f"127.0.0.1:{port}"
    assert "taken" in refused.value.reason
    assert refused.value.mend


def test_an_address_of_another_machine() -> None:
    """An address this machine does not have is refused by name."""
    with pytest.raises(ListenError, match=r"192\.0\.2\.77"):
        open_all([Listener(protocol="smtp", address="192.0.2.77", port=0)], 1)


@unix_only
def test_unix_socket(tmp_path: Path) -> None:
    """Made with its mode; a dead one is replaced, a living one and a file are not; removed at the end."""
    path = tmp_path / "lmtp.sock"
    wanted = Listener(protocol="lmtp", path=str(path), tls="none")
    (opened,) = open_all([wanted], 2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert opened.sockets[0] == opened.sockets[1]
    for sockets in opened.sockets[:1]:
        sockets[0].listen()
        with pytest.raises(ListenError, match="another program"):
            open_all([wanted], 1)
        sockets[0].close()
    (again,) = open_all([wanted], 1)
    again.close()
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(ListenError, match="there is a file"):
        open_all([wanted], 1)
    assert path.read_text() == "precious"


def limits(**values: int) -> ConnectionLimits:
    settings = {f"limits.{name}": value for name, value in values.items()}
    return ConnectionLimits(CurrentSettings(Settings(settings)))


def test_limit_per_address_and_in_all() -> None:
    """One IPv4 address or IPv6 /64 may hold so many, everyone together so many, those of other workers
    included; this machine is not limited by address; who leaves makes room."""
    gate = limits(connections=6, connections_per_address=2)
    assert [bool(gate.enter("203.0.113.9")) for _ in range(3)] == [False, False, True]
    assert not gate.enter("2001:db8::1")
    assert not gate.enter("2001:db8::ffff:2")
    assert "your address" in gate.enter("2001:db8::3")
    gate.leave("2001:db8::1")
    assert not gate.enter("2001:db8::3")
    gate.others({"198.51.100.1": 2})
    assert "please try again later" in gate.enter("198.51.100.77")
    gate.others({"198.51.100.1": 1, "203.0.113.9": 0})
    assert not gate.enter("127.0.0.1")
    gate.leave("203.0.113.9")
    gate.leave("203.0.113.9")
    gate.others({"203.0.113.9": 2})
    assert gate.total == 3
    assert gate.enter("::ffff:203.0.113.9"), "an IPv4 address mapped into IPv6 is that address"
    local = limits(connections=100, connections_per_address=1)
    assert [local.enter("127.0.0.1") for _ in range(5)] == [""] * 5


def test_the_limit_on_open_files_counts() -> None:
    """When the system allows few files the server takes few connections."""
    gate = ConnectionLimits(CurrentSettings(), files=202)
    assert [bool(gate.enter("127.0.0.1")) for _ in range(3)] == [False, False, True]


def test_source() -> None:
    """What counts as one stranger."""
    assert source("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert source("::ffff:192.0.2.1") == source("192.0.2.1") == "192.0.2.1"
    assert source("unix") == "unix"


class Talker(Connection):
    """Says hello, and goodbye when the server stops; ``slow`` keeps it busy."""

    release: asyncio.Event

    def opened(self) -> None:
        self.write(b"hello\r\n")

    def received(self, data: bytes) -> None:
        if not self.busy:
            self.perform(self.work())

    async def work(self) -> None:
        await self.release.wait()
        self.write(b"done\r\n")

    def going_down(self) -> None:
        self.write(b"goodbye\r\n")
        self.close()


class NoTls:
    def server(self) -> object:
        raise AssertionError("no TLS here")


async def opened_house() -> tuple[House, int]:
    Talker.release = asyncio.Event()
    house = House(NoTls(), limits(connections=100, connections_per_address=100), 5.0)  # type: ignore[arg-type]
    wanted = listener(tls="none")
    (opened,) = open_all([wanted], 1)
    await house.open(wanted, opened.sockets[0], Talker)
    return house, opened.sockets[0][0].getsockname()[1]


async def test_house_counts_and_closes() -> None:
    """Sessions are counted by protocol; at the end each is told, those that stay are cut off soon, and nobody
    new gets in."""
    house, port = await opened_house()
    ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for reader, _ in ends:
        assert await reader.readline() == b"hello\r\n"
    assert house.counts() == {"imap": 3}
    began = asyncio.get_running_loop().time()
    await house.close(5.0, asyncio.Event())
    assert asyncio.get_running_loop().time() - began < house_module.LEAVE_SECONDS + 1
    for reader, writer in ends:
        assert await reader.read(-1) == b"goodbye\r\n"
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert house.counts() == {}


@pytest.mark.parametrize("finishes", [True, False])
async def test_house_waits_for_running_commands(finishes: bool) -> None:
    """A command that runs when the server stops may finish, within the time; a peer of one that does not is
    cut off."""
    house, port = await opened_house()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"go\r\n")
    await asyncio.sleep(0.05)
    if finishes:
        asyncio.get_running_loop().call_later(0.2, Talker.release.set)
    await house.close(0.5, asyncio.Event())
    with contextlib.suppress(ConnectionError):
        assert await reader.read(-1) == (b"done\r\ngoodbye\r\n" if finishes else b"")
    Talker.release.set()
    writer.close()


async def test_house_in_a_hurry() -> None:
    """Asked a second time to stop, nobody is waited for."""
    house, port = await opened_house()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"go\r\n")
    await asyncio.sleep(0.05)
    hurry = asyncio.Event()
    hurry.set()
    began = asyncio.get_running_loop().time()
    await house.close(10.0, hurry)
    assert asyncio.get_running_loop().time() - began < 1
    Talker.release.set()
    writer.close()


@pytest.mark.parametrize("handed_over", [False, True])
async def test_answers_in_pieces_do_not_wait_for_acknowledgements(handed_over: bool) -> None:
    """Accepted connections have TCP_NODELAY, also those of a socket that a supervisor handed over."""
    (opened,) = open_all([listener()], 1)
    ((bound,),) = opened.sockets
    if handed_over:
        bound = socket.socket(fileno=bound.detach())
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Session(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made = transport.get_extra_info("socket")
            accepted.set_result(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    server = await asyncio.get_running_loop().create_server(Session, sock=bound)
    _, writer = await asyncio.open_connection(*bound.getsockname())
    assert await accepted
    writer.close()
    server.close()
    opened.close()
