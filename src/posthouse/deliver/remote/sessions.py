"""Sessions with remotes, kept for the next message (``deliver.remote.contract.Sessions``).

A session is used by one attempt at a time. Kept ones are for the same destination, address, policy and sign-in only, so
that mail never goes over a way that is less secure than its own policy wants.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from pathlib import Path

from posthouse.deliver.remote.connection import LEAVE_SECONDS, Line
from posthouse.deliver.remote.connection_tls import ClientContexts, TlsTrouble
from posthouse.deliver.remote.contract import Call, Level, Session, TlsPolicies
from posthouse.deliver.remote.hello import Opened, Opener, failed
from posthouse.deliver.remote.session import RemoteSession
from posthouse.deliver.remote.sign_in import sign_in
from posthouse.deliver.results import Said
from posthouse.observe.log import logger
from posthouse.settings import remote as settings
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.remote")

CHECK_AFTER = 5.0
"""Seconds without use after which a kept session is asked whether it is still there."""

SWEEP_SECONDS = 1.0
MOST_REMEMBERED = 10000
"""Hosts whose TLS does not work."""


def no_certificate(name: str) -> tuple[Path, Path] | None:
    """For a server without certificates to show."""
    return None


class RemoteSessions:
    """``name`` is what we call ourselves in EHLO, ``certificate`` gives chain and key of a host name of ours (see
    ``Way.certificate``), ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        *,
        policies: TlsPolicies,
        settings: CurrentSettings,
        name: Callable[[], str],
        certificate: Callable[[str], tuple[Path, Path] | None] = no_certificate,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policies = policies
        self._settings = settings
        self._lines: set[Line] = set()
        self._opener = Opener(settings, ClientContexts(settings, certificate), name, self._lines)
        self._clock = clock
        self._idle: dict[Hashable, list[RemoteSession]] = {}
        self._kept = 0
        self._in_clear: dict[tuple[str, str, int], float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def kept(self) -> int:
        """How many sessions wait for a message."""
        return self._kept

    async def take(self, call: Call) -> Session:
        """A session, an idle one where there is one. Raises ConnectFailed."""
        idle = self._idle.get(_key(call))
        while idle:
            session = idle.pop()
            self._kept -= 1
            if not session.usable:
                session.opened.line.leave()
                continue
            session.in_use = True
            if time.monotonic() - session.since < CHECK_AFTER or await session.check():
                return session
        opened = await self._open(call)
        return RemoteSession(call, opened, self._settings, self._open, clock=self._clock)

    def give_back(self, session: Session) -> None:
        """The transaction is over: keep the session for others, or close it when it cannot go on."""
        assert isinstance(session, RemoteSession)
        if not session.in_use:
            return
        session.in_use = False
        now = self._settings.now
        keep = now[settings.IDLE_TIME] > 0 and self._kept < now[settings.MOST_KEPT]
        if self._closed or not keep or not session.usable:
            session.opened.line.leave()
            return
        session.since = time.monotonic()
        self._idle.setdefault(_key(session.call), []).append(session)
        self._kept += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._tidy)

    async def close(self) -> None:
        """QUIT everywhere, within a second or two. Sessions in use are cut off after that."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for idle in self._idle.values():
            for session in idle:
                session.opened.line.leave()
        self._idle.clear()
        self._kept = 0
        if self._lines:
            await asyncio.wait([line.closed for line in self._lines], timeout=LEAVE_SECONDS)
        left = list(self._lines)
        for line in left:
            line.abort("we are closing")
        if left:
            await asyncio.wait([line.closed for line in left], timeout=LEAVE_SECONDS)

    # ------------------------------------------------------------------ opening

    async def _open(self, call: Call) -> Opened:
        """A new connection, ready for mail; what came of the policy is reported. Raises ConnectFailed."""
        if self._closed:
            raise failed(call, Said(0, "4.3.2", "we are closing"), "CONNECT")
        trouble: TlsTrouble | None = None
        tls, verified = "", False
        try:
            opened, trouble = await self._open_by_policy(call)
            tls, verified = opened.tls, opened.verified
        except TlsTrouble as problem:
            trouble = problem
            raise failed(call, Said(0, "4.7.5", _wanted(call, problem)), "STARTTLS") from None
        finally:
            if trouble is not None or tls:
                kind = trouble.kind if trouble is not None else ""
                self._policies.outcome(call.way, call.host, call.policy, tls, kind, verified=verified)
        if call.way.credentials is not None:
            try:
                seconds = self._settings.now[settings.SIGN_IN_TIME]
                await sign_in(call, call.way.credentials, opened, seconds)
            except BaseException:
                opened.line.leave()
                raise
        log.debug("remote.opened", host=call.host.name, address=call.address, tls=opened.secured)
        return opened

    async def _open_by_policy(self, call: Call) -> tuple[Opened, TlsTrouble | None]:
        """Try by the policy, then by what it allows in its place; with what went wrong first. Raises ConnectFailed,
        TlsTrouble."""
        policy = call.policy
        level: Level = policy.level
        if level == "may" and not policy.implicit and self._known_broken(call):
            level = "none"
        trouble: TlsTrouble | None = None
        while True:
            try:
                opened = await self._opener.open(call, level)
            except TlsTrouble as problem:
                if trouble is None:
                    trouble = problem
                following = _instead(call, level)
                if following is None:
                    raise trouble from None
                if level == "may":
                    self._remember(call)
                log.info(
                    "remote.tls_failed",
                    host=call.host.name,
                    wanted=level,
                    kind=problem.kind,
                    reason=str(problem),
                )
                level = following
                continue
            if trouble is None and policy.level != "none" and not opened.tls:
                trouble = TlsTrouble("starttls-not-supported", "it does not offer STARTTLS")
            return opened, trouble

    def _known_broken(self, call: Call) -> bool:
        return self._in_clear.get(_place(call), 0.0) > time.monotonic()

    def _remember(self, call: Call) -> None:
        """Do without TLS at this host for a while."""
        if len(self._in_clear) >= MOST_REMEMBERED:
            self._in_clear.clear()
        self._in_clear[_place(call)] = time.monotonic() + self._settings.now[settings.CLEAR_TIME]

    # ------------------------------------------------------------------ keeping

    def _tidy(self) -> None:
        """Close what nobody used for long, and forget what the remote closed."""
        before = time.monotonic() - self._settings.now[settings.IDLE_TIME]
        for key in list(self._idle):
            stay = []
            for session in self._idle[key]:
                if session.since > before and session.usable:
                    stay.append(session)
                else:
                    self._kept -= 1
                    session.opened.line.leave()
            if stay:
                self._idle[key][:] = stay
            else:
                del self._idle[key]
        self._sweep = None
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._tidy)


def _key(call: Call) -> Hashable:
    """Whom a kept session is for."""
    way, host = call.way, call.host
    return (
        way.destination,
        way.protocol,
        way.source,
        way.certificate,
        way.credentials,
        host.name,
        host.port,
        call.address,
        call.policy,
    )


def _place(call: Call) -> tuple[str, str, int]:
    return call.host.name, call.address, call.host.port


def _instead(call: Call, level: Level) -> Level | None:
    """What is done after TLS of this level failed; None for nothing."""
    policy = call.policy
    if level not in ("none", "may") and policy.testing:
        return "may"
    if level == "may" and not policy.implicit:
        return "none"
    return None


def _wanted(call: Call, trouble: TlsTrouble) -> str:
    """In words for the sender and the administrator."""
    who = {"dane": "DANE", "mta-sts": "MTA-STS", "requiretls": "REQUIRETLS", "route": "the route"}
    by = who.get(call.policy.source, "")
    return f"TLS is required{f' by {by}' if by else ''}, but {trouble}"
