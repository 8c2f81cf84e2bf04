"""Log. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given


class LogBeat(msgspec.Struct, frozen=True, kw_only=True, tag="beat"):
    """Sent between lines: `dropped` lines came faster than they were read. 0 says that the watch goes on,
    and nothing was logged for a while."""

    dropped: int = 0


class LogLine(msgspec.Struct, frozen=True, kw_only=True, tag="line"):
    """One line. `at` in seconds since 1970, `fields` as texts; `worker` is the process it came from."""

    at: float
    level: str
    logger: str
    event: str
    fields: dict[str, str]
    worker: int = 0


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    lines: list[LogLine]


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """How the watch went: lines shown and dropped."""

    lines: int
    dropped: int


class LogCalls(Topic):
    """Calls of the topic Log."""

    def log_tail(
        self,
        *,
        level: Literal["debug", "info", "warning", "error"] = "debug",
        protocol: str = "",
        peer: str = "",
        text: str = "",
        session: str = "",
        trace: str = "",
        account: str = "",
        count: int = 100,
    ) -> LogLines:
        """Show the newest log lines that the server keeps in memory, narrowed like `log.watch`. Right: view."""
        return self._link.ask(
            "GET",
            "/log",
            LogLines,
            query=given(
                {},
                ("level", level, "debug"),
                ("protocol", protocol, ""),
                ("peer", peer, ""),
                ("text", text, ""),
                ("session", session, ""),
                ("trace", trace, ""),
                ("account", account, ""),
                ("count", count, 100),
            ),
        )

    def log_watch(
        self,
        *,
        level: Literal["debug", "info", "warning", "error"] = "debug",
        protocol: str = "",
        peer: str = "",
        text: str = "",
        session: str = "",
        trace: str = "",
        account: str = "",
        seconds: float = 0.0,
    ) -> Stream[LogLine | LogBeat, Watched]:
        """Show log lines of all workers as they are written, narrowed by level, protocol, peer, text,
        session or trace. Right: view. What is told on the way can be iterated over; `wait()` gives the
        result."""
        return self._link.stream(
            "GET",
            "/log/watch",
            Watched,
            (LogLine, LogBeat),
            query=given(
                {},
                ("level", level, "debug"),
                ("protocol", protocol, ""),
                ("peer", peer, ""),
                ("text", text, ""),
                ("session", session, ""),
                ("trace", trace, ""),
                ("account", account, ""),
                ("seconds", seconds, 0.0),
            ),
        )
