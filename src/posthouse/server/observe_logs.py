"""The live log of all workers, for the uses that show it.

While somebody watches, the first worker asks the others every few seconds to follow; one that is not asked again
stops by itself, so that neither a crash here nor one there leaves anything behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from posthouse.cluster.member import Member
from posthouse.manage.logs import LogBeat, LogFilter, LogLine, TooManyWatchers
from posthouse.observe.live import LiveLog, Watcher, live_log
from posthouse.observe.record import Record, Wanted, plain_fields

TAIL, FOLLOW, LINES = "log.tail", "log.follow", "log.lines"
WATCHERS = 20
BEAT_SECONDS = 10.0
FOLLOW_SECONDS = 30.0
GATHER_SECONDS = 0.2


class NodeLogs:
    """A :class:`posthouse.manage.logs.LiveLogs`."""

    def __init__(self, member: Member | None, worker: int, ring: LiveLog = live_log) -> None:
        self._member = member
        self._worker = worker
        self._ring = ring
        self._watchers: dict[Watcher, Wanted] = {}
        self._follow_until = 0.0
        self._following: asyncio.Task[None] | None = None
        if member is not None:
            member.handlers[TAIL] = self._asked_for_tail
            member.handlers[FOLLOW] = self._asked_to_follow
            member.hearers[LINES] = self._heard

    async def tail(self, wanted: LogFilter, count: int) -> list[LogLine]:
        """The newest lines that match, oldest first."""
        lines = self._tail(_filter(wanted), count)
        if self._member is not None:
            asked = {"filter": _plain(wanted), "count": count}
            for answer in (await self._member.ask(TAIL, asked)).values():
                lines += msgspec.convert(answer, list[LogLine])
        lines.sort(key=lambda line: line.at)
        return lines[-count:]

    async def watch(self, wanted: LogFilter, seconds: float) -> AsyncIterator[LogLine | LogBeat]:
        """Lines as they come."""
        if len(self._watchers) >= WATCHERS:
            raise TooManyWatchers
        chosen = _filter(wanted)
        watcher = Watcher(chosen)
        self._watchers[watcher] = chosen
        self._ring.watch(watcher)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds if seconds else 0.0
        asked_at = 0.0
        try:
            while True:
                left = end - loop.time() if end else BEAT_SECONDS
                if left <= 0:
                    return
                if loop.time() - asked_at >= BEAT_SECONDS or not asked_at:
                    asked_at = loop.time()
                    if self._member is not None:
                        await self._member.ask(FOLLOW, self._worker, seconds=2.0)
                records, dropped = await watcher.take(min(left, BEAT_SECONDS))
                for record in records:
                    yield _line(record, int(record.fields.get("worker", self._worker)))
                if dropped or not records:
                    yield LogBeat(dropped=dropped)
        finally:
            self._ring.leave(watcher)
            self._watchers.pop(watcher, None)

    async def close(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    # ------------------------------------------------------------------ in the other workers

    def _tail(self, wanted: Wanted, count: int) -> list[LogLine]:
        return [_line(record, self._worker) for record in self._ring.tail(wanted, count)]

    async def _asked_for_tail(self, asked: Any) -> Any:
        wanted = msgspec.convert(asked["filter"], LogFilter)
        return msgspec.to_builtins(self._tail(_filter(wanted), int(asked["count"])))

    async def _asked_to_follow(self, asker: Any) -> Any:
        self._follow_until = asyncio.get_running_loop().time() + FOLLOW_SECONDS
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(int(asker)))
        return True

    async def _follow(self, asker: int) -> None:
        """Send every line to the worker that asked, in batches, until nobody asks any more."""
        assert self._member is not None
        loop = asyncio.get_running_loop()
        watcher = Watcher(Wanted())
        self._ring.watch(watcher)
        try:
            while loop.time() < self._follow_until:
                records, dropped = await watcher.take(BEAT_SECONDS)
                if records or dropped:
                    lines = [msgspec.to_builtins(_line(record, self._worker)) for record in records]
                    self._member.tell_worker(asker, LINES, [lines, dropped])
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._ring.leave(watcher)

    def _heard(self, worker: int, told: Any) -> None:
        """Lines of another worker, for whoever watches here."""
        lines, dropped = told
        for line in msgspec.convert(lines, list[LogLine]):
            fields = {**line.fields, "worker": worker}
            record = Record(line.at, line.level, line.logger, line.event, fields)
            for watcher in self._watchers:
                watcher.offer(record)
        if dropped:
            for watcher in self._watchers:
                watcher.lost(dropped)


def _filter(wanted: LogFilter) -> Wanted:
    return Wanted(
        level=wanted.level,
        protocol=wanted.protocol,
        peer=wanted.peer,
        text=wanted.text,
        session=wanted.session,
        trace=wanted.trace,
        account=wanted.account,
    )


def _plain(wanted: LogFilter) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in LogFilter.__struct_fields__}


def _line(record: Record, worker: int) -> LogLine:
    fields = plain_fields(record)
    fields.pop("worker", None)
    return LogLine(
        at=record.at or time.time(),
        level=record.level,
        logger=record.logger,
        event=record.event,
        fields=fields,
        worker=worker,
    )
