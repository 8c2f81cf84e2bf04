"""A session with a remote (``deliver.remote.contract.Session``): one transaction after another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import time

from posthouse.deliver.remote.connection import Gone
from posthouse.deliver.remote.contract import Call, ConnectFailed, Parcel
from posthouse.deliver.remote.hello import Opened, by, said_of
from posthouse.deliver.remote.transaction import Exchange, Outcome
from posthouse.deliver.remote.transaction_plan import Content, Host, content_for, plan
from posthouse.deliver.results import Result, Said
from posthouse.queue.contract import Lease
from posthouse.settings import remote as settings
from posthouse.settings.contract import CurrentSettings

CHECK_SECONDS = 10.0
"""How long a kept session may take to show that it is still there."""


class RemoteSession:
    """``reopen`` makes a new connection for the same call: a host that closed a kept one just when it was to be used
    again has refused nothing. ``since`` is when it was given back."""

    def __init__(
        self,
        call: Call,
        opened: Opened,
        settings: CurrentSettings,
        reopen: Callable[[Call], Awaitable[Opened]],
        *,
        clock: Callable[[], float] = time,
    ) -> None:
        self.call = call
        self.opened = opened
        self.since = 0.0
        self.in_use = True
        self._settings = settings
        self._reopen = reopen
        self._clock = clock
        self._used = 0
        self._reset = False

    @property
    def tls(self) -> str:
        """The TLS version, "" in clear text."""
        return self.opened.tls

    @property
    def usable(self) -> bool:
        """Whether another message may go over it."""
        return self.opened.line.alive and not self._worn

    @property
    def _worn(self) -> bool:
        most = self._settings.now[settings.MOST_MESSAGES]
        announced = self.opened.extensions.limit("MAILMAX")
        return self._used >= (min(most, announced) if announced else most)

    async def check(self) -> bool:
        """Whether the remote is still there: asked where a session was not used for a while."""
        return await self._clear(CHECK_SECONDS)

    async def send(self, parcel: Parcel) -> Sequence[Result]:
        """One transaction, or several where the host does not take all recipients in one; a result for each recipient.
        Never raises for what the remote does."""
        results: list[Result] = []
        waiting = list(parcel.leases)
        try:
            while waiting:
                most = self.opened.extensions.limit("RCPTMAX") or len(waiting)
                outcome = await self._transaction(parcel, waiting[:most])
                results += outcome.results
                waiting = outcome.again + waiting[most:]
                if waiting and not self.opened.line.alive:
                    results += self._not_asked(waiting)
                    break
        except BaseException:
            self.opened.line.abort()
            raise
        return results

    # ------------------------------------------------------------------ inside

    async def _transaction(self, parcel: Parcel, leases: Sequence[Lease]) -> Outcome:
        """One transaction; on a new connection where the old one turns out to be closed or worn."""
        used_before = self._used > 0
        if used_before and (not self.usable or (self._reset and not await self._clear_in_time())):
            failure = await self._renew()
            if failure is not None:
                return Outcome([Result(lease, "deferred", failure) for lease in leases])
            used_before = False
        outcome = await self._exchange(parcel, leases)
        if used_before and not outcome.heard and not self.opened.line.alive:
            failure = await self._renew()
            if failure is None:
                outcome = await self._exchange(parcel, leases)
        return outcome

    async def _exchange(self, parcel: Parcel, leases: Sequence[Lease]) -> Outcome:
        call, opened, now = self.call, self.opened, self._settings.now
        host = Host(opened.extensions, bool(opened.tls), call.way.protocol == "lmtp")
        content = await content_for(parcel, host)
        ready = (
            plan(parcel, leases, content, host, self._clock()) if isinstance(content, Content) else content
        )
        if isinstance(ready, Said):
            said = by(call, replace(ready, tls=opened.secured), ours=True)
            return Outcome([Result(lease, "failed", said) for lease in leases], heard=True)
        self._used += 1
        outcome = await Exchange(call, opened, ready, now, parcel.hold).run(now[settings.CHUNK_FROM])
        self._reset = outcome.reset
        return outcome

    async def _renew(self) -> Said | None:
        """A new connection in the place of the old one; or why there is none."""
        self.opened.line.leave()
        try:
            self.opened = await self._reopen(self.call)
        except ConnectFailed as failure:
            return failure.said
        self._used = 0
        self._reset = False
        return None

    async def _clear_in_time(self) -> bool:
        return await self._clear(self._settings.now[settings.MAIL_TIME])

    async def _clear(self, seconds: float) -> bool:
        """RSET; False where that does not work, then the line is broken."""
        line = self.opened.line
        try:
            line.ask(b"RSET\r\n")
            good = (await line.reply(seconds)).good
        except Gone:
            return False
        except BaseException:
            line.abort()
            raise
        if good:
            self._reset = False
        else:
            line.abort("it refused RSET")
        return good

    def _not_asked(self, leases: Sequence[Lease]) -> list[Result]:
        """For those whose turn did not come."""
        farewell = self.opened.line.farewell
        if farewell is not None:
            said = by(self.call, said_of(farewell), ours=False)
        else:
            ended = Said(0, "4.4.2", "the connection was over before it was asked for this recipient")
            said = by(self.call, ended, ours=True)
        said = replace(said, stage="RCPT")
        return [Result(lease, "deferred", said, tried=False) for lease in leases]
