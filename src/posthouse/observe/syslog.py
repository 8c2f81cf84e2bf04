"""Log lines to syslog (RFC 5424) and to systemd's journal. Neither is waited for: what they do not take is lost, as
mail must not stand still for a log."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from posthouse.observe.lines import Render, timestamp
from posthouse.observe.record import Record

FACILITY_MAIL = 2
SEVERITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
JOURNAL = "/run/systemd/journal/socket"
CONNECT_SECONDS = 3.0
PAUSE = 10.0
"""Seconds between tries to reach a syslog server over TCP."""
WAITING = 10_000

_FIELD = re.compile(r"[^A-Z0-9_]")


def message(record: Record, line: str, host: str) -> bytes:
    """A line as RFC 5424 has it (without its transport's frame)."""
    priority = FACILITY_MAIL * 8 + SEVERITY.get(record.level, 6)
    name = re.sub(r"[^!-~]", "-", record.event)[:32] or "-"
    head = f"<{priority}>1 {timestamp(record.at)} {host or '-'} posthouse {os.getpid()} {name} - "
    # One line each; the byte order mark says that UTF-8 follows (RFC 5424 6.4).
    return (
        head.encode("ascii", "replace")
        + b"\xef\xbb\xbf"
        + line.replace("\n", " | ").encode("utf-8", "replace")
    )


class Syslog:
    """A sink. ``place`` is ``local``, ``udp://HOST:PORT`` or ``tcp://HOST:PORT``. A thread sends, so that name look-ups
    and slow peers keep nobody waiting."""

    def __init__(self, place: str, host: str, render: Render | None = None) -> None:
        self._place = place
        self._host = host[:255]
        self._render = render
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._wanted = threading.Event()
        self._ended = False
        self._socket: socket.socket | None = None
        self._stream = False
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._work, name="posthouse-syslog", daemon=True)
        self._thread.start()

    def __call__(self, record: Record, line: str) -> None:
        if self._render is not None:
            line = self._render(record.level, record.logger, record.event, record.fields, None)
        self._waiting.append(message(record, line, self._host))
        self._wanted.set()

    def close(self) -> None:
        """Send what waits, for a moment at most."""
        self._ended = True
        self._wanted.set()
        self._thread.join(CONNECT_SECONDS)

    def _work(self) -> None:
        while True:
            self._wanted.wait(1.0)
            self._wanted.clear()
            self._send()
            if self._ended:
                self._shut()
                return

    def _send(self) -> None:
        while self._waiting and self._connected():
            told = self._waiting[0]
            assert self._socket is not None
            try:
                # Over TCP each message says its length first (RFC 6587 3.4.1).
                self._socket.sendall(b"%d %b" % (len(told), told) if self._stream else told[:65000])
            except OSError:
                self._shut()
                self._retry_at = time.monotonic() + PAUSE
                return
            self._waiting.popleft()

    def _connected(self) -> bool:
        if self._socket is not None:
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            self._connect()
        except OSError:
            self._retry_at = time.monotonic() + PAUSE
            return False
        return True

    def _connect(self) -> None:
        if self._place == "local":
            found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            place: str | tuple[str, int] = "/dev/log"
        else:
            parts = urlsplit(self._place)
            self._stream = parts.scheme == "tcp"
            where = (parts.hostname or "", parts.port or (601 if self._stream else 514))
            kind = socket.SOCK_STREAM if self._stream else socket.SOCK_DGRAM
            family, _, _, _, address = socket.getaddrinfo(*where, type=kind)[0]
            found, place = socket.socket(family, kind), address[:2]  # type: ignore[assignment]
        found.settimeout(CONNECT_SECONDS)
        try:
            found.connect(place)
        except OSError:
            found.close()
            raise
        self._socket = found

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None


class Journal:
    """A sink: systemd's journal over its native protocol. Fields become ``POSTHOUSE_…``."""

    def __init__(self, path: str = JOURNAL) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def __call__(self, record: Record, line: str) -> None:
        fields = {
            "MESSAGE": line,
            "PRIORITY": str(SEVERITY.get(record.level, 6)),
            "SYSLOG_FACILITY": str(FACILITY_MAIL),
            "SYSLOG_IDENTIFIER": "posthouse",
            "POSTHOUSE_LOGGER": record.logger,
            "POSTHOUSE_EVENT": record.event,
        }
        for key, value in record.fields.items():
            fields["POSTHOUSE_" + _FIELD.sub("_", str(key).upper())[:50]] = str(value)
        with contextlib.suppress(OSError):  # a full journal, or none at all
            self._socket.sendto(b"".join(map(_journal_field, fields, fields.values())), self._path)

    def close(self) -> None:
        """End it."""
        self._socket.close()


def _journal_field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "replace")
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name.encode() + b"=" + data + b"\n"
