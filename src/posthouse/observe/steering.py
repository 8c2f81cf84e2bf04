"""Makes the process log what the settings say, at the start and whenever they change."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from posthouse.observe import logging_setup
from posthouse.observe.files import LogFiles
from posthouse.observe.lines import Render, json_line, text_line
from posthouse.observe.log import logger
from posthouse.observe.logging_setup import Sink
from posthouse.observe.syslog import Journal, Syslog
from posthouse.observe.talk import switches
from posthouse.settings import observe as wanted
from posthouse.settings.contract import Settings

log = logger("observe")

DELIVERY_LOGGERS = ("receive.", "deliver.", "queue.")
APPLICATION_LOGGERS = (
    "access.", "bodies", "cluster", "database", "directory", "http", "manage", "mail", "net.tls", "observe", "server",
    "store",
)  # fmt: skip

_READ = {
    "smtp": wanted.SMTP,
    "imap": wanted.IMAP,
    "pop3": wanted.POP3,
    "connections": wanted.CONNECTIONS,
    "delivery": wanted.DELIVERY,
    "application": wanted.APPLICATION,
    "debug": wanted.DEBUG,
    "line_length": wanted.LINE_LENGTH,
    "stderr": wanted.TO_STDERR,
    "files": wanted.TO_FILES,
    "folder": wanted.FOLDER,
    "form": wanted.FILE_FORMAT,
    "size": wanted.ROTATE_SIZE,
    "days": wanted.KEEP_DAYS,
    "total": wanted.KEEP_SIZE,
    "syslog": wanted.SYSLOG,
    "journal": wanted.JOURNAL,
}


def how(settings: Settings, data: str, host: str) -> dict[str, Any]:
    """What the settings ask for, as plain values that can be told to another process."""
    told: dict[str, Any] = {name: settings[setting] for name, setting in _READ.items()}  # type: ignore[index]
    told["folder"] = log_folder(settings, data)
    told["host"] = host
    return told


def log_folder(settings: Settings, data: str) -> str:
    """Where the log files are."""
    return settings[wanted.FOLDER] or str(Path(data) / "logs")


class Steering:
    """Of one process. ``apply`` may be called as often as one likes; what stays as it is goes on untouched."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {}
        self._files: LogFiles | None = None
        self._syslog: Syslog | None = None
        self._journal: Journal | None = None

    def apply(self, told: dict[str, Any]) -> None:
        """Do what :func:`how` said."""
        if told == self._now:
            return
        before, self._now = self._now, told

        def changed(*names: str) -> bool:
            return any(before.get(name) != told[name] for name in names)

        switches.smtp, switches.imap, switches.pop3 = told["smtp"], told["imap"], told["pop3"]
        switches.connections, switches.line_length = told["connections"], told["line_length"]
        if changed("files", "folder", "form", "size", "days", "total"):
            self._steer_files(told)
        if changed("syslog", "form", "host"):
            self._close_syslog()
            if told["syslog"]:
                self._syslog = Syslog(told["syslog"], told["host"], _render(told["form"]))
        if changed("journal"):
            self._close_journal()
            if told["journal"]:
                self._steer_journal()
        sinks: list[Sink] = [each for each in (self._files, self._syslog, self._journal) if each is not None]
        muted = (() if told["delivery"] else DELIVERY_LOGGERS) + (
            () if told["application"] else APPLICATION_LOGGERS
        )
        logging_setup.adjust(debug=told["debug"], muted=muted, stderr=told["stderr"], sinks=tuple(sinks))

    def reopen(self) -> None:
        """SIGHUP: the log file was moved."""
        if self._files is not None:
            self._files.reopen()

    def flush(self) -> None:
        """Write to the file what waits."""
        if self._files is not None:
            self._files.flush()

    def close(self) -> None:
        """Write what waits; from here on lines go to standard error only."""
        logging_setup.adjust()
        for close in (self._close_files, self._close_syslog, self._close_journal):
            close()
        self._now = {}

    # ------------------------------------------------------------------ inside

    def _steer_files(self, told: dict[str, Any]) -> None:
        self._close_files()
        if not told["files"]:
            return
        files = LogFiles(
            Path(told["folder"]),
            render=_render(told["form"]),
            size=told["size"],
            days=told["days"],
            total=told["total"],
        )
        try:
            files.start()
        except OSError as error:
            log.error("log.no_files", folder=told["folder"], reason=str(error))
            return
        self._files = files

    def _steer_journal(self) -> None:
        try:
            self._journal = Journal()
        except (OSError, AttributeError) as error:  # no Unix sockets here
            log.error("log.no_journal", reason=str(error))

    def _close_files(self) -> None:
        if self._files is not None:
            self._files.close()
        self._files = None

    def _close_syslog(self) -> None:
        if self._syslog is not None:
            self._syslog.close()
        self._syslog = None

    def _close_journal(self) -> None:
        if self._journal is not None:
            with contextlib.suppress(OSError):
                self._journal.close()
        self._journal = None


def _render(form: str) -> Render:
    return json_line if form == "json" else text_line
