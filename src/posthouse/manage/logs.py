"""The live log: what the server says about itself now, and what it said last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

import msgspec

from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, use

Level = Literal["debug", "info", "warning", "error"]

MOST = 2000
"""Lines of one tail."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True, tag="line"):
    """One line. ``at`` in seconds since 1970, ``fields`` as texts; ``worker`` is the process it came from."""

    at: float
    level: str
    logger: str
    event: str
    fields: dict[str, str]
    worker: int = 0


class LogBeat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """Sent between lines: ``dropped`` lines came faster than they were read. 0 says that the watch goes on, and
    nothing was logged for a while."""

    dropped: int = 0


class LogFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Empty parts let everything through. ``level`` is the least that is shown. ``text`` is looked for in events
    and fields, in any case; ``session`` is the id of a connection, ``trace`` that of a message, ``account`` the address
    that signed in or that a message is for."""

    level: Level = "debug"
    protocol: str = ""
    peer: str = ""
    text: str = ""
    session: str = ""
    trace: str = ""
    account: str = ""


class WatchLog(LogFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``seconds`` ends the watch by itself; 0 watches until the caller goes."""

    seconds: float = 0.0


class TailLog(LogFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``count`` newest lines that match."""

    count: int = 100


class Watched(msgspec.Struct, frozen=True):
    """How the watch went: lines shown and dropped."""

    lines: int
    dropped: int


class LogLines(msgspec.Struct, frozen=True):
    """Oldest first."""

    lines: list[LogLine]


class TooManyWatchers(Exception):
    """So many watch already."""


class LiveLogs(Protocol):
    """The log lines of all workers."""

    def watch(self, wanted: LogFilter, seconds: float) -> AsyncIterator[LogLine | LogBeat]:
        """Lines as they come. Raises TooManyWatchers."""

    async def tail(self, wanted: LogFilter, count: int) -> list[LogLine]:
        """The newest lines that match, oldest first; from memory."""


@use("log.watch", right="view")
async def watch_log(call: Call, wanted: WatchLog) -> Watched:
    """Show log lines of all workers as they are written, narrowed by level, protocol, peer, text, session or trace."""
    lines = dropped = 0
    try:
        async for each in _logs(call).watch(wanted, max(0.0, wanted.seconds)):
            if isinstance(each, LogLine):
                lines += 1
            else:
                dropped += each.dropped
            await call.emit(each)
    except TooManyWatchers:
        raise ManageError(
            "unavailable", "Too many people watch the log already.", "Wait until one of them stops."
        ) from None
    return Watched(lines, dropped)


@use("log.tail", right="view")
async def tail_log(call: Call, wanted: TailLog) -> LogLines:
    """Show the newest log lines that the server keeps in memory, narrowed like `log.watch`."""
    count = max(1, min(wanted.count, MOST))
    return LogLines(await _logs(call).tail(wanted, count))


def _logs(call: Call) -> LiveLogs:
    if call.context.logs is None:
        raise ManageError(
            "unavailable",
            "The server is stopped: it logs nothing.",
            "Read its log files, if the setting log.to_files was on, or its service's journal.",
        )
    return call.context.logs
