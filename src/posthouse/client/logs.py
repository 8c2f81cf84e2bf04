"""The log: which lines there are, the newest ones, and those to come."""

from __future__ import annotations

from typing import Literal

from posthouse.client import generated as api
from posthouse.client.setting_values import Named, Values
from posthouse.client.stream import Stream

Level = Literal["debug", "info", "warning", "error"]


class Logging(Values):
    """``app.settings.logging``."""

    enabled = Named("log.to_files", bool)
    log_smtp = Named("log.smtp", bool)
    log_pop3 = Named("log.pop3", bool)
    log_imap = Named("log.imap", bool)
    log_tcpip = Named("log.connections", bool)
    log_application = Named("log.application", bool)
    log_debug = Named("log.debug", bool)
    log_format = Named("log.file_format", str)
    directory = Named("log.folder", str)

    @property
    def live_log(self) -> list[api.LogLine]:
        """The newest lines that the server keeps in memory, oldest first."""
        return self._calls.log_tail(count=2000).lines

    def watch(
        self,
        *,
        level: Level = "info",
        protocol: str = "",
        peer: str = "",
        text: str = "",
        session: str = "",
        trace: str = "",
        seconds: float = 0.0,
    ) -> Stream[api.LogLine | api.LogBeat, api.Watched]:
        """Lines as they are written. A LogBeat between them says that the watch goes on, and how many lines came too
        fast to be shown. ``seconds`` 0: until you ``close()`` it."""
        return self._calls.log_watch(
            level=level,
            protocol=protocol,
            peer=peer,
            text=text,
            session=session,
            trace=trace,
            seconds=seconds,
        )
