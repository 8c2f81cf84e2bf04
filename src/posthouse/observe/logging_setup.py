"""Where log lines go: standard error, as text for people or JSON for machines, one line per event."""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from posthouse.observe.lines import ErrorInfo, Render, json_line, text_line

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

GATHER_SECONDS = 0.05
"""How long a line below warning may wait on its way to standard error. What a killed process had not written yet is
lost."""

_NOISY = ("asyncio", "alembic", "sqlalchemy")
_NO_FIELDS: dict[str, Any] = {}


def configure(form: str, level: str, stream: TextIO | None = None) -> None:
    """Set up logging of the whole process, once at start. ``form`` is ``text`` or ``json``, ``level`` one of
    :data:`LEVELS`.

    Below the level an event costs one method call that does nothing. Our own lines go to the stream directly,
    those of libraries through a handler of the standard library; both look the same.
    """
    render = json_line if form == "json" else text_line
    output = _Output(stream or sys.stderr, gather=stream is None)
    structlog.configure(
        processors=[_Renderer(render)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda name="": _Writer(output, name),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(output)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))


class _Output:
    """The stream. Lines are written whole, so that those of several threads and processes do not mix. With ``gather``
    a line below warning waits a moment for more: a write for each would cost a busy server more than making the
    lines."""

    def __init__(self, stream: TextIO, gather: bool) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        if gather:
            threading.Thread(target=self._work, name="posthouse-log", daemon=True).start()
            atexit.register(self.flush)
        self._gather = gather

    def soon(self, line: str) -> None:
        """Write a line, within :data:`GATHER_SECONDS`."""
        self._lines.append(line)
        if not self._gather:
            self.flush()
        elif not self._wanted.is_set():
            self._wanted.set()

    def now(self, line: str) -> None:
        """Write a line at once, after those that wait."""
        self._lines.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits. A log that cannot be written to (a full disk, a closed pipe) stops no mail."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                self._stream.write("".join(lines))
                self._stream.flush()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(GATHER_SECONDS)
            self._wanted.clear()
            self.flush()


class _Writer:
    """What structlog hands the finished lines of one part to."""

    __slots__ = ("_output", "name")

    def __init__(self, output: _Output, name: str) -> None:
        self.name = name
        self._output = output

    def debug(self, line: str) -> None:
        self._output.soon(line)

    info = debug

    def warning(self, line: str) -> None:
        self._output.now(line)

    error = critical = warning


class _Renderer:
    """The one processor of structlog's chain."""

    def __init__(self, render: Render) -> None:
        self._render = render

    def __call__(self, writer: Any, method: str, event: EventDict) -> str:
        error = event.pop("exc_info", None)
        return (
            self._render(
                method, writer.name, str(event.pop("event", "")), event, _error(error) if error else None
            )
            + "\n"
        )


class _Handler(logging.Handler):
    """Takes what libraries log."""

    def __init__(self, output: _Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.now(self.format(record) + "\n")


class _Formatter(logging.Formatter):
    """The same lines for what libraries log."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        error = _error(record.exc_info) if record.exc_info else None
        return self._render(record.levelname.lower(), record.name, record.getMessage(), _NO_FIELDS, error)


def _error(given: object) -> ErrorInfo | None:
    """What ``exc_info`` stands for: an exception, the triple of one, or True for the one being handled."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    found = given if isinstance(given, tuple) else sys.exc_info()
    return None if found[1] is None else found
