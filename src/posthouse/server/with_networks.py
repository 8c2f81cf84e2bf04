"""Block lists, allow lists and countries: one worker gets the lists, all hold to them, a second after a change."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable

from posthouse.cluster.following import follow
from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import network_lists as lists
from posthouse.directory.autoban import administrators_addresses
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import version
from posthouse.manage.network_lists_refresh import Refresher, networks_of
from posthouse.net.countries import CountryFile, Unreadable, Version, version_of
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits
from posthouse.net.networks import Networks
from posthouse.net.peer import is_loopback, plain_address
from posthouse.net.screening import COUNTRIES, CountryRule, NetworkList, Screening
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.server.with_ranges import sweep
from posthouse.settings import geoip as settings_geoip
from posthouse.settings import http as settings_http
from posthouse.settings import route as settings_route
from posthouse.settings.config import Config
from posthouse.settings.contract import CurrentSettings

log = logger("server.networks")

POLL = 1.0
"""Seconds after which a change is noticed even when its notice was lost."""
LOOK_SECONDS = 15.0
"""How often it is looked for lists that are due."""
SPARED_SECONDS = 10.0
"""How often it is looked where the administrators are."""


async def attach(built: Built) -> None:
    """Attach it to the worker; what the lists held last holds before the first connection."""
    spared = Spared(built.database, built.settings, built.house, built.share.config)
    follower = Follower(
        built.database, built.settings, built.limits, spared, lambda: sweep(built.house, built.limits)
    )
    await follower.load()
    built.context.countries = follower.countries
    built.context.screening = lambda: follower.screening
    built.jobs.start(follow(built.feed, lists.TOPIC, follower.load, _unreadable, POLL), "networks")

    async def refresh() -> None:
        try:
            await Refresher(built.database, built.settings, built.feed).refresh_due()
        except DirectoryError:
            pass  # removed meanwhile

    job = PeriodicJob(built.database, "networks.refresh", lambda: LOOK_SECONDS, refresh, holder=built.owner)
    built.jobs.start(job.run(), "networks.refresh")


class Spared:
    """Who is never kept out by lists and countries: this machine, proxies we trust, networks that may send without
    signing in, and addresses at which a server administrator was within the hour."""

    def __init__(self, database: Database, settings: CurrentSettings, house: House, config: Config) -> None:
        self._database = database
        self._settings = settings
        self._house = house
        self._config = config
        self._addresses: frozenset[str] = frozenset()
        self._looked_at = 0.0

    def __call__(self, address: str) -> bool:
        if is_loopback(address) or address in self._addresses:
            return True
        now = self._settings.now
        if settings_route.within(address, now[settings_route.RELAY_NETWORKS]):
            return True
        try:
            parsed = plain_address(address)
        except ValueError:
            return True  # a Unix socket
        proxies = [each for listener in self._config.listeners for each in listener.proxy_from]
        proxies += now[settings_http.TRUSTED_PROXIES].replace(",", " ").split()
        return any(parsed in ipaddress.ip_network(each) for each in proxies)

    async def look(self, *, now: bool = False) -> bool:
        """Find out anew who is where, if it is time to; whether something changed. Raises DatabaseUnavailable."""
        at = time.monotonic()
        if not now and at - self._looked_at < SPARED_SECONDS:
            return False
        self._looked_at = at
        found = await self._database.read(administrators_addresses)
        own = {session.peer.local_address for session in self._house.sessions}
        before, self._addresses = self._addresses, frozenset(found) | own
        return before != self._addresses


class CountryKeeper:
    """Keeps the database of countries as its file is, in one worker."""

    def __init__(self, settings: CurrentSettings) -> None:
        self._settings = settings
        self._version: Version | None = None
        self.file: CountryFile | None = None
        self.trouble = ""
        """Why there is none though the settings name one."""

    async def look(self) -> bool:
        """Read the file again if it changed; whether something did."""
        path = self._settings.now[settings_geoip.DATABASE]
        found, trouble = await asyncio.to_thread(_version, path) if path else (None, "")
        if found == self._version and (found is not None or trouble == self.trouble):
            return False
        self._version, self.file, self.trouble = found, None, trouble
        if found is not None:
            try:
                self.file = await asyncio.to_thread(CountryFile, path)
            except Unreadable as problem:
                self.trouble = str(problem)
        if self.trouble:
            log.warning("geoip.unreadable", path=path, reason=self.trouble)
        elif self.file is not None:
            log.info("geoip.read", path=path, kind=self.file.kind)
        return True


def _version(path: str) -> tuple[Version | None, str]:
    try:
        return version_of(path), ""
    except (OSError, ValueError) as problem:
        return None, (problem.strerror if isinstance(problem, OSError) else "") or type(problem).__name__


class Follower:
    """Hands lists and countries to ``limits``; ``changed`` is called afterwards."""

    def __init__(
        self,
        database: Database,
        settings: CurrentSettings,
        limits: ConnectionLimits,
        spared: Spared,
        changed: Callable[[], object],
    ) -> None:
        self._database = database
        self._limits = limits
        self._settings = settings
        self._spared = spared
        self._changed = changed
        self._known = -1
        self._rules: dict[str, CountryRule] = {}
        self._copies: dict[str, tuple[int, Networks]] = {}
        self._lists: list[NetworkList] = []
        self.countries = CountryKeeper(settings)
        self.screening = Screening()

    async def load(self) -> None:
        """Read what changed. Raises DatabaseUnavailable."""
        moved = await self._load_lists()
        moved = await self.countries.look() or moved
        rules = _rules(self._settings)
        moved, self._rules = moved or rules != self._rules, rules
        # Before something new holds, and whenever somebody could be kept out.
        if moved or self._lists or rules:
            await self._spared.look(now=moved)
        if moved:
            self.screening = Screening(self._lists, rules, self.countries.file, self._spared)
            self._limits.screen(self.screening)
            self._changed()

    async def _load_lists(self) -> bool:
        if await self._database.read(version, lists.TOPIC) == self._known:
            return False
        found = await self._database.scan(lists.changed, self._known)
        if found is None:
            return False
        newest, every = found
        copies: dict[str, tuple[int, Networks]] = {}
        new: list[NetworkList] = []
        for kept in every:
            config, generation = kept.config, kept.state.generation
            if not config.active:
                continue
            copy = self._copies.get(config.name)
            if copy is None or copy[0] != generation:
                try:
                    copy = generation, await networks_of(self._database, kept)
                except ValueError:  # replaced while it was read: the next look finds the newer one
                    newest = -1
                    if copy is None:
                        continue
            copies[config.name] = copy
            new.append(NetworkList(config.name, config.kind, frozenset(config.protocols), copy[1]))
        self._known, self._copies, self._lists = newest, copies, new
        return True


def _rules(settings: CurrentSettings) -> dict[str, CountryRule]:
    found = {word: settings_geoip.rule(settings.now[each]) for word, each in COUNTRIES.items()}
    return {word: CountryRule(*rule) for word, rule in found.items() if rule is not None}


def _unreadable(problem: DatabaseUnavailable) -> None:
    log.warning("networks.unreadable", reason=str(problem))
