"""The control socket: who may speak, what is answered, and what bad clients cannot do."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from posthouse.cli.client import ControlClient, NotRunning
from posthouse.cli.errors import CommandError
from posthouse.manage import address, control, use
from posthouse.manage.control import ControlServer
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Progress
from posthouse.settings.config import Config


class Echo(msgspec.Struct, forbid_unknown_fields=True):
    """What the test uses take and give."""

    text: str = ""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=str(tmp_path / "data"))


@pytest.fixture
async def server(config: Config, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ControlServer]:
    """A control server whose uses are those below."""
    monkeypatch.setattr(use, "_uses", {})

    @use.use("test.echo", right="view")
    async def echo(call: Call, wanted: Echo) -> Echo:
        """Say it again."""
        return wanted

    @use.use("test.count", right="view")
    async def count(call: Call, wanted: Echo) -> Echo:
        """Report progress."""
        for number in range(3):
            await call.emit(Progress(text=wanted.text, done=number, total=3))
        return wanted

    @use.use("test.who", right="view")
    async def who(call: Call, wanted: Echo) -> Echo:
        """Tell who asks."""
        return Echo(f"{call.actor.name} by {call.actor.source}")

    @use.use("test.decline", right="view")
    async def decline(call: Call, wanted: Echo) -> Echo:
        """Decline."""
        raise ManageError("exists", "It is there.", "Take another.", ("line 1: twice",))

    @use.use("test.break", right="view")
    async def broken(call: Call, wanted: Echo) -> Echo:
        """Fail."""
        raise RuntimeError("a secret detail")

    @use.use("test.wait", right="view")
    async def wait(call: Call, wanted: Echo) -> Echo:
        """Wait for ever."""
        await asyncio.Event().wait()
        return wanted

    context: Any = SimpleNamespace(config=config, agreement=None)
    running = ControlServer(context)
    await running.start()
    yield running
    await running.close()


async def ask(config: Config, name: str, parameters: dict[str, Any] | None = None) -> tuple[Any, list[Any]]:
    """One call from a thread, as the command line makes it."""

    def blocking() -> tuple[Any, list[Any]]:
        emitted: list[Any] = []
        client = ControlClient(config.data, config.control)
        try:
            return client.call(name, parameters or {}, emitted.append), emitted
        finally:
            client.close()

    return await asyncio.to_thread(blocking)


async def test_a_use_is_run_and_answered(server: ControlServer, config: Config) -> None:
    """Parameters go there, the result comes back."""
    assert await ask(config, "test.echo", {"text": "grüß dich"}) == ({"text": "grüß dich"}, [])


async def test_progress_comes_while_the_use_runs(server: ControlServer, config: Config) -> None:
    """Intermediate values arrive before the result, in order."""
    result, emitted = await ask(config, "test.count", {"text": "x"})
    assert result == {"text": "x"}
    assert [value["done"] for value in emitted] == [0, 1, 2]


async def test_a_declined_use_names_thing_and_mend(server: ControlServer, config: Config) -> None:
    """An error is a value: kind, what, mend and the list of problems cross the socket."""
    with pytest.raises(CommandError) as caught:
        await ask(config, "test.decline")
    error = caught.value
    assert (error.kind, error.what, error.mend, error.problems) == (
        "exists",
        "It is there.",
        "Take another.",
        ("line 1: twice",),
    )
    assert error.exit_code == 4


async def test_our_own_faults_tell_nothing(server: ControlServer, config: Config) -> None:
    """A failing use is answered without its exception."""
    with pytest.raises(CommandError) as caught:
        await ask(config, "test.break")
    assert caught.value.kind == "failed"
    assert "secret" not in caught.value.what + caught.value.mend


async def test_unknown_uses_and_parameters_are_refused(server: ControlServer, config: Config) -> None:
    """What the server does not know it says so."""
    with pytest.raises(CommandError, match="no use called"):
        await ask(config, "test.nothing")
    with pytest.raises(CommandError, match="unknown field `other`"):
        await ask(config, "test.echo", {"other": 1})
    with pytest.raises(CommandError, match="Expected `str`"):
        await ask(config, "test.echo", {"text": 1})


async def test_the_socket_is_the_owners_alone(server: ControlServer, config: Config) -> None:
    """Mode 0600, and the actor is known by the kernel's word."""
    mode = stat.S_IMODE(os.stat(address.control_path(config.data, "")).st_mode)
    assert mode == 0o600
    result, _ = await ask(config, "test.who")
    assert result["text"].startswith(f"uid {os.geteuid()}")
    assert result["text"].endswith("by control socket")


async def test_another_user_is_refused(
    server: ControlServer, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is neither root nor the server's user gets no use run, even if the file's mode let him in."""
    monkeypatch.setattr(control, "_peer_uid", lambda connection: 4242)
    with pytest.raises(CommandError) as caught:
        await ask(config, "test.echo")
    assert caught.value.kind == "refused"


async def test_many_clients_at_once(server: ControlServer, config: Config) -> None:
    """Clients do not wait for one another; past the limit they are told to come back."""
    folder = address.control_path(config.data, "")
    idle = [await asyncio.open_unix_connection(folder) for _ in range(control.MAX_CLIENTS - 1)]
    assert (await ask(config, "test.echo", {"text": "x"}))[0] == {"text": "x"}
    idle.append(await asyncio.open_unix_connection(folder))
    await asyncio.sleep(0.05)
    with pytest.raises(CommandError) as caught:
        await ask(config, "test.echo")
    assert caught.value.kind == "unavailable"
    for _, writer in idle:
        writer.close()
        await writer.wait_closed()


async def raw(config: Config, data: bytes) -> bytes:
    """Send bytes, read to the end."""
    reader, writer = await asyncio.open_unix_connection(address.control_path(config.data, ""))
    writer.write(data)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"null\n",
        b"[]\n",
        b"{\n",
        b'{"use": 3, "protocol": 1}\n',
        b"\xff\xfe\n",
        b'{"use": "test.echo"}\n',
    ],
)
async def test_what_is_no_request_is_answered_so(server: ControlServer, config: Config, data: bytes) -> None:
    """Anything that is not a request gets an error line, and the server goes on."""
    answer = msgspec.json.decode(await raw(config, data))
    assert answer["error"]["kind"] == "invalid"
    assert (await ask(config, "test.echo", {"text": "on"}))[0] == {"text": "on"}


async def test_another_version_of_the_protocol_is_refused(server: ControlServer, config: Config) -> None:
    """A client of another release is told, rather than misunderstood."""
    answer = msgspec.json.decode(await raw(config, b'{"use": "test.echo", "protocol": 99}\n'))
    assert "99" in answer["error"]["what"]


async def test_a_huge_request_is_refused(
    server: ControlServer, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line over the limit is refused and the connection closed: memory stays bounded."""
    reader, writer = await asyncio.open_unix_connection(address.control_path(config.data, ""))
    chunk = b"x" * (1 << 20)
    try:
        for _ in range(address.MAX_REQUEST // len(chunk) * 2 + 2):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        answer = await asyncio.wait_for(reader.read(), 10)
        assert b"too large" in answer
    except ConnectionError:
        pass  # it closed on unread bytes, which resets the connection: as good an answer
    writer.close()
    assert (await ask(config, "test.echo", {"text": "on"}))[0] == {"text": "on"}


async def test_closing_ends_what_still_runs(
    server: ControlServer, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stops in time even when a use never ends, and its socket is gone."""
    monkeypatch.setattr(control, "CLOSE_SECONDS", 0.1)
    waiting = asyncio.create_task(ask(config, "test.wait"))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(server.close(), 5)
    with pytest.raises(CommandError, match="ended the connection"):
        await waiting
    assert not address.control_path(config.data, "").exists()


async def test_a_dead_servers_socket_is_replaced(config: Config) -> None:
    """After a crash the socket file is still there: clients see that nobody runs, the next server takes
    its place."""
    path = address.control_path(config.data, "")
    path.parent.mkdir(parents=True)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(NotRunning):
        ControlClient(config.data, "")
    context: Any = SimpleNamespace(config=config, agreement=None)
    server = ControlServer(context)
    await server.start()
    with pytest.raises(CommandError, match="no use called"):
        await ask(config, "test.nothing")
    await server.close()


async def test_a_deep_data_folder(tmp_path: Path) -> None:
    """A path longer than a Unix socket address holds works all the same."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    config = Config(data=str(deep))
    context: Any = SimpleNamespace(config=config, agreement=None)
    server = ControlServer(context)
    await server.start()
    with pytest.raises(CommandError, match="no use called"):
        await ask(config, "test.nothing")
    await server.close()
