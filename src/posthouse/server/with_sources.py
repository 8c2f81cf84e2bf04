"""Sign-in sources: every worker has those that are set up, a second after a change; one worker synchronises."""

from __future__ import annotations

import time
from functools import partial

from posthouse.cluster.following import follow
from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable
from posthouse.directory import sources_kept as kept
from posthouse.directory.errors import DirectoryError
from posthouse.directory.sources import Newcomer
from posthouse.directory.sources_backends import backend_of, close_backend
from posthouse.directory.sources_check import Backend, KeptSource
from posthouse.directory.sources_config import SourceConfig
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.sources_sync import welcome
from posthouse.manage.use import Call, nobody_listens, perform
from posthouse.observe.log import logger
from posthouse.server.built import Built

log = logger("server.sources")

POLL = 1.0
"""Seconds after which a change is noticed even when its notice was lost."""
LOOK_SECONDS = 30.0
"""How often it is looked for synchronisations that are due."""


async def attach(built: Built) -> None:
    """Attach them to the worker; they are there before the first sign-in."""
    live = LiveSources(built)
    await live.load()
    built.stack.callback(live.close)
    built.jobs.start(follow(built.feed, kept.SOURCES, live.load, _unreadable, POLL), "sources")

    async def make(newcomer: Newcomer) -> None:
        actor = Actor(newcomer.address, f"source {newcomer.source}")
        try:
            await welcome(Call(built.context, actor, nobody_listens), newcomer)
        except ManageError as problem:
            raise DirectoryError(problem.what, problem.mend) from None

    built.directory.welcome_newcomers(make)
    job = PeriodicJob(
        built.database, "sources.sync", lambda: LOOK_SECONDS, partial(_synchronise, built), holder=built.owner
    )
    built.jobs.start(job.run(), "sources.sync")


class LiveSources:
    """Keeps the sources of a worker as the database has them."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._known = -1
        self._there: dict[str, tuple[SourceConfig, Backend]] = {}

    async def load(self) -> None:
        """Read the sources if they changed. Raises DatabaseUnavailable."""
        found = await self._built.database.read(kept.changed, self._known)
        if found is None:
            return
        self._known, configs = found
        wanted = {each.name: each for each in configs if each.active}
        for name in list(self._there):
            if name not in wanted or _settings(wanted[name]) != _settings(self._there[name][0]):
                self._drop(name)
        for name, config in wanted.items():
            if name not in self._there:
                self._take(config)

    def close(self) -> None:
        """Give back what the sources hold."""
        for name in list(self._there):
            self._drop(name)

    def _take(self, config: SourceConfig) -> None:
        built = self._built
        try:
            backend = backend_of(config, built.passwords)
        except Exception as problem:  # a driver that is not installed must not stop the server
            log.error("source.unusable", source=config.name, reason=str(problem)[:200])
            return
        self._there[config.name] = (config, backend)
        built.directory.sources.attach(
            KeptSource(config, backend, built.database, built.passwords, built.settings)
        )

    def _drop(self, name: str) -> None:
        _, backend = self._there.pop(name)
        self._built.directory.sources.detach(name)
        close_backend(backend)


def _settings(config: SourceConfig) -> tuple[object, ...]:
    return config.kind, config.details, config.secret


def _unreadable(problem: DatabaseUnavailable) -> None:
    log.warning("sources.unreadable", reason=str(problem))


async def _synchronise(built: Built) -> None:
    for config in await built.database.scan(kept.every):
        every = config.details.sync_minutes * 60
        if not config.active or not every or time.time() - config.synced_at < every:
            continue
        actor = Actor("synchronisation", f"source {config.name}")
        try:
            await perform(built.context, actor, "source.sync", {"name": config.name})
        except ManageError as problem:
            log.warning("source.not_synced", source=config.name, reason=problem.what)
