"""Listeners changed by administration: what is written, what is refused, what comes back."""

from __future__ import annotations

import stat
from typing import Any

import msgspec
import pytest

from posthouse.manage.context import Actor, Context, ListenerState, LiveState
from posthouse.manage.errors import ManageError
from posthouse.manage.listener_views import name_of
from posthouse.manage.use import perform
from posthouse.settings.config import Listener, LoadedConfig
from posthouse.settings.config_error import ConfigError
from posthouse.settings.listeners_file import managed_path, write_managed
from posthouse.settings.load import load_config, read_managed

LOCAL = Actor("uid 0", "control socket")
INITIAL = (
    Listener(protocol="imap", address="127.0.0.1", port=2143),
    Listener(protocol="http", address="127.0.0.1", port=8080, tls="none"),
)


class FakeDoors:
    """Remembers what is open; ``waits`` and ``error`` decide how the next change goes."""

    def __init__(self) -> None:
        self.open = INITIAL
        self.waits = ""
        self.error: ManageError | None = None
        self.wanted: tuple[Listener, ...] = ()

    def prepare(self, wanted: tuple[Listener, ...]) -> FakeDoors:
        if self.error is not None:
            raise self.error
        self.wanted = wanted
        return self

    async def apply(self) -> None:
        if not self.waits:
            self.open = self.wanted

    def drop(self) -> None:
        self.wanted = ()

    async def live(self) -> LiveState:
        states = tuple(
            ListenerState(protocol=one.protocol, tls=one.tls, address=one.address, port=one.port)
            for one in self.open
        )
        return LiveState(listeners=states)


@pytest.fixture
def doors(context: Context) -> FakeDoors:
    """A running server with the initial listeners, as posthouse.toml has them."""
    made = FakeDoors()
    context.running = True
    context.config = LoadedConfig(
        data=context.config.data,
        listeners=INITIAL,
        initial_listeners=INITIAL,
        listeners_from="posthouse.toml",
    )
    context.doors, context.live = made, made.live
    return made


async def do(context: Context, verb: str, **parameters: Any) -> Any:
    return await perform(context, LOCAL, f"listener.{verb}", parameters)


async def refused(context: Context, verb: str, **parameters: Any) -> str:
    with pytest.raises(ManageError) as caught:
        await do(context, verb, **parameters)
    return f"{caught.value.kind}: {caught.value.what}"


async def listed(context: Context) -> tuple[list[tuple[str, str]], str]:
    found = await do(context, "list")
    return [(row.name, row.state) for row in found.listeners], found.source


async def test_a_change_is_open_written_and_taken_back(context: Context, doors: FakeDoors) -> None:
    """The complete set is in the file, private; reverting removes the file and closes the port."""
    done = await do(context, "add", protocol="imap", address="127.0.0.1", port=2993, tls="implicit")
    assert done.name == "127.0.0.1:2993"
    assert done.probation
    path = managed_path(context.config.data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_managed(context.config.data) == doors.open
    assert len(doors.open) == 3
    assert (await listed(context))[1] == "listeners.toml"
    await perform(context, LOCAL, "probation.revert", {"id": done.probation})
    assert doors.open == INITIAL
    assert not path.exists()
    assert await listed(context) == (
        [("127.0.0.1:2143", "open"), ("127.0.0.1:8080", "open")],
        "posthouse.toml",
    )


async def test_a_change_of_a_change_goes_back_one_step(context: Context, doors: FakeDoors) -> None:
    """And `reset` goes back to posthouse.toml, which can be taken back, too."""
    await do(context, "change", name="127.0.0.1:2143", tls="implicit", now=True)
    second = await do(context, "change", name="127.0.0.1:2143", port=2144)
    await perform(context, LOCAL, "probation.revert", {"id": second.probation})
    assert doors.open[0] == msgspec.structs.replace(INITIAL[0], tls="implicit")
    third = await do(context, "reset")
    assert doors.open == INITIAL
    await perform(context, LOCAL, "probation.revert", {"id": third.probation})
    assert doors.open[0].tls == "implicit"
    assert read_managed(context.config.data) == doors.open


async def test_what_is_refused_changes_nothing(context: Context, doors: FakeDoors) -> None:
    """The checks are those of the configuration file."""
    assert "no port" in await refused(context, "add", protocol="imap", port=70000)
    assert "implicit TLS" in await refused(context, "add", protocol="smtp", port=2525, tls="implicit")
    assert "no IP address" in await refused(context, "add", protocol="imap", port=2525, address="localhost")
    assert "exists" in await refused(context, "add", protocol="pop3", address="127.0.0.1", port=2143)
    assert "missing" in await refused(context, "remove", name="*:25")
    assert "http" in await refused(context, "remove", name="127.0.0.1:8080")
    assert "missing" in await refused(context, "reset")
    doors.error = ManageError("unavailable", "Cannot listen on 127.0.0.1:9: the port is taken.", "Another.")
    assert "taken" in await refused(context, "add", protocol="imap", address="127.0.0.1", port=9)
    assert doors.open == INITIAL
    assert not managed_path(context.config.data).exists()
    assert (await perform(context, LOCAL, "probation.list", {})).changes == []


async def test_what_must_wait_for_the_next_start_says_so(context: Context, doors: FakeDoors) -> None:
    """It is written, shown as such, and its probation has not begun."""
    doors.waits = "several worker processes run"
    done = await do(context, "change", name="127.0.0.1:2143", port=2144)
    assert done.waits == doors.waits
    assert (await listed(context))[0] == [
        ("127.0.0.1:2144", "at the next start"),
        ("127.0.0.1:8080", "open"),
        ("127.0.0.1:2143", "until the next start"),
    ]
    assert (await perform(context, LOCAL, "probation.list", {})).changes[0].deadline == 0.0


async def test_listeners_from_the_environment_are_changed_there(context: Context, doors: FakeDoors) -> None:
    """What would have no effect is refused."""
    context.config = LoadedConfig(
        data=context.config.data, listeners=INITIAL, listeners_from="POSTHOUSE_LISTENER"
    )
    assert "POSTHOUSE_LISTENER" in await refused(context, "add", protocol="imap", port=2525)


def test_the_file_is_read_back(tmp_path: Any) -> None:
    """Every kind of listener, and then it counts instead of posthouse.toml; the environment beats both."""
    listeners = (
        *INITIAL,
        Listener(protocol="imap", port=993, tls="implicit", proxy_from=("192.0.2.0/24", "2001:db8::/32")),
        Listener(protocol="lmtp", path='/run/posthouse/"lm\\tp" é.sock', tls="none"),
    )
    write_managed(tmp_path, listeners)
    assert read_managed(tmp_path) == listeners
    config = tmp_path / "posthouse.toml"
    config.write_text(f'data = "{tmp_path}"\n[[listener]]\nprotocol = "smtp"\nport = 2525\n')
    loaded = load_config(config, None, {})
    assert isinstance(loaded, LoadedConfig)
    assert loaded.listeners == listeners
    assert (loaded.listeners_from, name_of(loaded.initial_listeners[0])) == ("listeners.toml", "*:2525")
    environ = {"POSTHOUSE_LISTENER": '[{protocol = "pop3", port = 2110}]'}
    assert [one.port for one in load_config(config, None, environ).listeners] == [2110]


@pytest.mark.parametrize(
    "text", ["", "nonsense", "data = 1\n", '[[listener]]\nprotocol = "imap"\nport = 0\n', "listener = 3\n"]
)
def test_a_broken_file_names_itself_and_the_way_out(tmp_path: Any, text: str) -> None:
    """The server does not start on something else than what was asked for."""
    managed_path(tmp_path).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(None, str(tmp_path), {})
    assert "listeners.toml" in str(caught.value)
    assert "emove the file" in caught.value.mend


async def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    context: Context, doors: FakeDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No change, and none that waits."""

    def full(*arguments: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("posthouse.manage.listener_change.write_managed", full)
    assert "no space" in await refused(context, "add", protocol="imap", port=2525)
    assert doors.open == INITIAL
    assert (await perform(context, LOCAL, "probation.list", {})).changes == []
