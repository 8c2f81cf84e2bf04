"""Keeps a process's snapshot of the stored settings current."""

from __future__ import annotations

from typing import Any

from posthouse.cluster.contract import Feed
from posthouse.cluster.following import follow
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.errors import DirectoryError
from posthouse.directory.stored import checked, setting_values
from posthouse.directory.versions import SETTINGS, version
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings, Settings, declared

_log = logger("directory.settings")

POLL = 1.0
"""Seconds after which a change is noticed even when its notice was lost."""


class LiveSettings:
    """Loads the stored settings into ``current`` and follows their changes.

    ``await load()`` once before anything reads them, then let ``run()`` follow until it is cancelled.
    """

    def __init__(self, database: Database, feed: Feed, current: CurrentSettings) -> None:
        self._database = database
        self._feed = feed
        self._current = current

    async def load(self) -> None:
        """Read everything if the version moved. Raises DatabaseUnavailable."""
        known = self._current.now.version
        loaded = await self._database.read(_load, known)
        if loaded is not None:
            self._current.now = Settings(_usable(loaded[1]), loaded[0])

    async def run(self) -> None:
        """Follow changes: at the feed's notice, and by asking once a second."""
        await follow(self._feed, SETTINGS, self.load, _unreadable, POLL)


def _unreadable(problem: DatabaseUnavailable) -> None:
    _log.warning("settings.unreadable", reason=str(problem))


def _load(tx: Transaction, known: int) -> tuple[int, dict[str, Any]] | None:
    now = version(tx, SETTINGS)
    return None if now == known else (now, setting_values(tx))


def _usable(values: dict[str, Any]) -> dict[str, Any]:
    """Drop values this version of the program does not know or does not accept: better the default than a
    stop."""
    known = declared()
    usable = {}
    for name, value in values.items():
        if name not in known:
            continue
        try:
            usable[name] = checked(known[name], value)
        except DirectoryError as problem:
            _log.warning("settings.ignored", reason=problem.text)
    return usable
