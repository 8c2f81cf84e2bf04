"""Pieces of the assembly that the node and its workers both need."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import replay
from posthouse.cluster import privileges
from posthouse.cluster.closed import close_to_others
from posthouse.cluster.stop import Stop
from posthouse.database.contract import DatabaseUnavailable
from posthouse.database.folder import DataFolder, DataFolderError
from posthouse.database.migrate import migrate
from posthouse.database.urls import BadUrl, sqlite_url
from posthouse.manage.context import ListenerState
from posthouse.manage.errors import ManageError
from posthouse.net.certificates import SelfMade
from posthouse.net.house import House
from posthouse.net.listeners import ListenError, OpenListener, open_all
from posthouse.net.tls import ServerContexts, unusable_authorities
from posthouse.observe.log import logger
from posthouse.settings import all as _every_setting  # noqa: F401 - declares them before values are read
from posthouse.settings import limits as settings_limits
from posthouse.settings import setup as settings_setup
from posthouse.settings.config import Config, Listener, LoadedConfig
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.listeners_file import MANAGED
from posthouse.settings.maildrop_place import VARIABLE, maildrop_of

log = logger("server")


def hostname(config: Config) -> str:
    """Our name in greetings and Received lines."""
    return config.hostname or socket.gethostname() or "localhost"


def current_hostname(config: Config, settings: CurrentSettings) -> str:
    """Our name now: the setting server.hostname goes before posthouse.toml and may change while we run."""
    return settings.now[settings_setup.HOSTNAME] or hostname(config)


def count_workers(config: Config) -> int:
    """How many workers to run."""
    workers = config.workers or os.cpu_count() or 1
    if workers > 1 and os.name != "posix":
        log.warning("workers.one", reason="this system cannot hand sockets to worker processes")
        return 1
    return workers


@contextlib.contextmanager
def data_folder(config: Config) -> Iterator[Path]:
    """Hold the data folder's lock. Raises ManageError."""
    try:
        folder = DataFolder(config.data)
    except DataFolderError as error:
        raise ManageError("unavailable", f"{error}.", "The server was not started.") from error
    with folder:
        yield folder.path


@contextlib.contextmanager
def listening(config: Config, workers: int) -> Iterator[list[OpenListener]]:
    """Hold the bound sockets of all listeners. Raises ManageError.

    One that administration added and that cannot be opened is left out, with an error in the log: nobody confirmed
    a listener that never was open, and a server that does not start could not take it back."""
    try:
        listeners = _open_managed(config, workers) or open_all(config.listeners, workers)
    except ListenError as error:
        what = f"Cannot listen on {error.where}: {error.reason}."
        raise ManageError("unavailable", what, f"{error.mend[:1].upper()}{error.mend[1:]}.") from error
    try:
        yield listeners
    finally:
        for one in listeners:
            one.close()


def _open_managed(config: Config, workers: int) -> list[OpenListener]:
    """All that can be opened of the listeners changed by administration. Raises ListenError for one that is also
    among the initial ones."""
    if not isinstance(config, LoadedConfig) or config.listeners_from != MANAGED:
        return []
    opened: list[OpenListener] = []
    try:
        for listener in config.listeners:
            try:
                opened += open_all([listener], workers)
            except ListenError as error:
                if listener in config.initial_listeners:
                    raise
                log.error("listener.left_out", where=error.where, reason=error.reason, mend=error.mend)
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


def give_up_root(config: Config, folder: Path) -> None:
    """Become the user of ``run_as``, if one is named. Raises ManageError."""
    try:
        if user := privileges.drop(config.run_as, folder):
            privileges.check_reach(user, folder)
    except privileges.OutOfReach as error:
        user, path = error.args
        raise ManageError(
            "refused",
            f"The server runs as {user} from here on, who may not use {path}.",
            f"Put it where {user} can get at it, or set another run_as.",
        ) from error
    except privileges.NoSuchUser as error:
        raise ManageError(
            "invalid", f"run_as: this system has no user or group {error}.", "Name one that exists."
        ) from error
    except OSError as error:
        raise ManageError(
            "unavailable", f"Root cannot be given up: {error}.", "Check run_as and the data folder's owner."
        ) from error


def close_folder(config: Config, folder: Path) -> None:
    """Let nobody else into the data folder, but for sockets that were put there for others, and a maildrop that was
    named. The one that is there by default keeps its rights and is out of reach of others all the same."""
    kept: list[Path] = []
    doors = [Path(listener.path) for listener in config.listeners if listener.path]
    maildrop = Path(maildrop_of(config.data))
    (doors if os.environ.get(VARIABLE) else kept).append(maildrop)
    close_to_others(folder, doors, kept)


def tls_contexts(config: Config, minimum_version: str = "1.2", client_ca: str = "") -> ServerContexts:
    """The TLS side of all listeners. Raises ManageError."""
    own = SelfMade.of(config.data, hostname(config))
    if client_ca and (problem := unusable_authorities(Path(client_ca))):
        # Mail goes on without it, and EXTERNAL is not offered.
        log.error("tls.client_ca_unusable", path=client_ca, reason=problem)
        client_ca = ""
    authorities = Path(client_ca) if client_ca else None
    try:
        return ServerContexts(
            config.certificates, own, minimum_version=minimum_version, client_ca=authorities
        )
    except (OSError, ValueError) as error:
        raise ManageError(
            "invalid",
            f"A certificate cannot be used: {error}.",
            "Check chain and key of each [[certificate]], and that the server's user may read them.",
        ) from error


def database_url(config: Config) -> str:
    """The database in force: SQLite in the data folder unless another one is configured."""
    return config.database_url or sqlite_url(Path(config.data) / "posthouse.db")


def bring_up_to_date(config: Config) -> None:
    """Migrate the database, and write what only the journal has. Raises ManageError."""
    try:
        migrate(database_url(config))
        replay_journal(config)
    except (DatabaseUnavailable, BadUrl) as error:
        raise database_trouble(error) from error


def replay_journal(config: Config) -> None:
    """Before any worker reads: each sees what others had in their journals. Raises ManageError."""
    bodies = FileBodies(config.data)
    try:
        replay(config.data, bodies)
    except OSError as error:
        raise ManageError(
            "unavailable", f"The journal cannot be read or emptied: {error}.", "Look at the disk."
        ) from error
    finally:
        bodies.close()


def database_trouble(error: Exception) -> ManageError:
    """The database's complaint as an error of administration."""
    return ManageError(
        "unavailable", f"The database cannot be used: {error}.", "Check database_url and the database server."
    )


def states_of(listener: Listener, sockets: Sequence[socket.socket]) -> list[ListenerState]:
    """What is really listened on."""
    found = []
    for address, port in OpenListener(listener, [list(sockets)]).places():
        place: dict[str, Any] = {"path": address} if listener.path else {"address": address, "port": port}
        found.append(ListenerState(protocol=listener.protocol, tls=listener.tls, **place))
    return found


async def close_house(house: House, settings: CurrentSettings, stop: Stop) -> None:
    """Close the doors and see the sessions out."""
    await house.close(settings.now[settings_limits.STOP_TIME], stop.hurry)


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run on the stock event loop, or on uvloop where it is installed and POSTHOUSE_UVLOOP=1 asks for it."""
    factory = None
    if os.environ.get("POSTHOUSE_UVLOOP") == "1":
        try:
            import uvloop

            factory = uvloop.new_event_loop
        except ImportError:
            log.warning("uvloop.absent", reason="POSTHOUSE_UVLOOP=1, but uvloop is not installed")
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
