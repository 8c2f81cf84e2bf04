"""Automatic bans: failed sign-ins of all workers are counted, and whoever goes too far is kept out."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Coroutine
from typing import Any

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable
from posthouse.directory import autoban
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.net.limits import source
from posthouse.net.peer import is_loopback, plain_address
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.settings import autoban as settings_autoban
from posthouse.settings import route as settings_route

log = logger("server.autoban")

TIDY_SECONDS = 3600.0
MOST_AT_ONCE = 100
"""Bans and locks on their way to the database; beyond them the next failure asks again."""
NOT_OFFERED = "signing in is not offered here"


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    guard = Guard(built)
    built.directory.guard = guard
    built.limits.guessed_at = guard.guessed
    built.stack.push_async_callback(guard.close)
    if built.member is not None:
        heard = built.member.failures

        def both(peer: str, login: str, times: int) -> None:
            if heard is not None:
                heard(peer, login, times)
            guard.counters.heard(peer, login, times)

        built.member.failures = both

    async def tidy() -> None:
        longest = 60.0 * built.settings.now[settings_autoban.LONGEST_BAN]
        await built.database.run(autoban.forget_old, longest)

    job = PeriodicJob(built.database, "autoban.tidy", lambda: TIDY_SECONDS, tidy, holder=built.owner)
    built.jobs.start(job.run(), "autoban.tidy")


class Guard:
    """A :class:`posthouse.directory.service.Guard`: counts what fails, and bans."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._tasks: set[asyncio.Task[None]] = set()
        self.counters = autoban.AutoBan(built.settings, self._ban, self._locked)

    def failed(self, login: str, peer: str, protocol: str, reason: str) -> None:
        """A sign-in failed."""
        self.counters.failed(login, peer, reason)

    def refused(self, account: Account, peer: str, protocol: str) -> str:
        """Why somebody with the right password may not sign in now; "" when they may."""
        if peer and self._built.limits.kept_out(
            peer, protocol
        ):  # since the connection was made, or behind a proxy
            return autoban.KEPT_OUT
        return self.counters.refused(account, peer)

    def guessed(self, peer: str, protocol: str) -> None:
        """Somebody tried to sign in where that is not offered."""
        self._built.directory.failures.failed("", peer=peer, protocol=protocol, reason=NOT_OFFERED)
        self.counters.failed("", peer)

    async def close(self) -> None:
        """End what is still on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spared(self, peer: str) -> bool:
        """Whether an address is never banned: this machine's, a trusted proxy's, or of a network we trust."""
        if is_loopback(peer):
            return True
        try:
            address = plain_address(peer)
        except ValueError:
            return True  # a Unix socket
        built = self._built
        if settings_route.within(str(address), built.settings.now[settings_route.RELAY_NETWORKS]):
            return True
        if any(session.peer.local_address == peer for session in built.house.sessions):
            return True
        proxies = (each for listener in built.share.config.listeners for each in listener.proxy_from)
        return any(address in ipaddress.ip_network(each) for each in proxies)

    def _ban(self, peer: str, login: str, failures: int) -> None:
        if not self.spared(peer):
            self._begin(self._carry_out(peer, login, failures))

    def _locked(self, login: str) -> None:
        log.warning("signin.locked", login=login[:254])
        self._begin(self._find_places(login))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MOST_AT_ONCE:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, peer: str, login: str, failures: int) -> None:
        built, now = self._built, self._built.settings.now
        who = autoban.Guesser(
            peer,
            login,
            failures,
            60.0 * now[settings_autoban.FIRST_BAN],
            60.0 * now[settings_autoban.LONGEST_BAN],
            failures >= autoban.FAR_OVER * now[settings_autoban.FAILURES],
        )
        try:
            ban = await built.database.run(autoban.ban_guesser, who, feed=built.feed)
        except (DatabaseUnavailable, DirectoryError) as problem:
            log.warning("autoban.failed", peer=peer, reason=str(problem))
            return
        if ban is None:
            log.info("autoban.spared", peer=peer, failures=failures)
            return
        self.counters.banned(peer)
        log.warning("autoban.banned", network=ban.network, until=ban.until, reason=ban.reason)
        strangers = [
            session
            for session in built.house.sessions
            if not session.account_address and source(session.peer.address) == source(peer)
        ]
        built.house.dismiss(strangers, "Too many failed sign-ins from your address")

    async def _find_places(self, login: str) -> None:
        try:
            self.counters.places(login, await self._built.database.read(autoban.places_of, login))
        except DatabaseUnavailable as problem:
            log.warning("autoban.places_unknown", login=login[:254], reason=str(problem))
