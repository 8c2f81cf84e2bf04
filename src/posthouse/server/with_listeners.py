"""Listeners that administration changes while the server runs.

One worker process opens and closes its sockets itself. With several, the supervisor holds the sockets and gave up
root long ago: a change then waits for the next start, and says so; but new http listeners, which the first worker
serves alone, are open at once.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.manage.errors import ManageError
from posthouse.manage.listener_change import Prepared
from posthouse.net.house import House
from posthouse.net.listeners import ListenError, open_all
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.settings.config import Listener, LoadedConfig
from posthouse.settings.listeners_file import MANAGED

log = logger("server.listeners")


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    if not built.first:
        return
    config = built.share.config
    if isinstance(config, LoadedConfig) and config.listeners_from == MANAGED:
        log.info("listeners.managed", file=f"{config.data}/{MANAGED}", reason="changed by administration")
    built.context.doors = LiveDoors(built.house, built.share.workers)


class LiveDoors:
    """``manage.listener_change.Doors`` on the house of this worker."""

    def __init__(self, house: House, workers: int) -> None:
        self._house = house
        self._workers = workers

    def prepare(self, wanted: tuple[Listener, ...]) -> Prepared:
        """See ``manage.listener_change.Doors``."""
        now = dict(self._house.listeners)
        added = [listener for listener in wanted if listener not in now]
        gone = [listener for listener in now if listener not in wanted]
        change = Change(self._house, gone)
        waits = "several worker processes run" if self._workers > 1 and not _first_alone(added, gone) else ""
        try:
            for (
                listener
            ) in added:  # tried also where it must wait: the next start is too late to hear of a slip
                try:
                    change.opened.append((listener, self._sockets(listener, now, gone)))
                except _Later as later:
                    waits = waits or str(later)
        except BaseException:
            change.drop()
            raise
        if not waits:
            return change
        if self._workers == 1:
            change.drop()
            return Waiting(waits)
        return change.keep_web(waits)

    def _sockets(
        self, listener: Listener, now: dict[Listener, list[socket.socket]], gone: list[Listener]
    ) -> list[socket.socket]:
        if not self._house.serves(listener.protocol):
            raise _Later(f"no {listener.protocol} was served so far")
        place = (listener.address, listener.port, listener.path)
        for other in gone:
            if (other.address, other.port, other.path) == place:
                return [one.dup() for one in now[other]]  # also where the port could not be opened again
        try:
            return open_all([listener], 1)[0].sockets[0]
        except ListenError as error:
            if 0 < listener.port < 1024 and isinstance(error.__cause__, PermissionError):
                raise _Later(f"port {listener.port} can be opened at start only") from None
            if any(other.port == listener.port for other in gone):
                raise _Later(f"port {listener.port} is still in use for what it replaces") from None
            raise ManageError(
                "unavailable",
                f"Cannot listen on {error.where}: {error.reason}.",
                f"{error.mend[:1].upper()}{error.mend[1:]}.",
            ) from None


def _first_alone(added: list[Listener], gone: list[Listener]) -> bool:
    """Whether the first worker can make this change without the others: http is served by it alone. Closing its copy
    of a socket which the supervisor holds would leave the port open with nobody behind it."""
    return not gone and all(listener.protocol == "http" for listener in added)


class _Later(Exception):
    """It can only be done at the next start, for this reason."""


@dataclass
class Waiting:
    """A change that waits for the next start."""

    waits: str

    async def apply(self) -> None:
        """Nothing to do now."""

    def drop(self) -> None:
        """Nothing was opened."""


@dataclass
class Change:
    """A change whose new sockets are bound."""

    house: House
    gone: list[Listener]
    opened: list[tuple[Listener, list[socket.socket]]] = field(default_factory=list)
    waits: str = ""

    async def apply(self) -> None:
        """Listen no more on what is gone, then on what is new."""
        self._close()
        for listener, sockets in self.opened:
            await self.house.open_another(listener, sockets)
        log.info("listeners.changed", opened=len(self.opened), closed=len(self.gone))

    def keep_web(self, waits: str) -> Change:
        """The part for which the other workers are not needed: http listeners that are new. So the web pages are
        back at once when a change of their listener is taken back. All else is dropped and ``waits``."""
        places = {(one.address, one.port, one.path) for one in self.gone}
        kept = [
            (listener, sockets)
            for listener, sockets in self.opened
            if listener.protocol == "http" and (listener.address, listener.port, listener.path) not in places
        ]
        self.opened = [each for each in self.opened if each not in kept]
        self.drop()
        return Change(self.house, [], kept, waits)

    def _close(self) -> None:
        kept = {listener.path for listener, _ in self.opened}
        for listener in self.gone:
            self.house.shut(listener)
            if listener.path and listener.path not in kept:
                Path(listener.path).unlink(missing_ok=True)

    def drop(self) -> None:
        """Close what was bound."""
        for listener, sockets in self.opened:
            replaced = any(other.path == listener.path for other in self.gone if listener.path)
            for one in sockets:
                one.close()
            if listener.path and not replaced:
                Path(listener.path).unlink(missing_ok=True)
