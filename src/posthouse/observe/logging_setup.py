"""Where log lines go: standard error, as text for people or JSON for machines, one line per event; into the
memory of the live log; and to what the settings ask for besides (``sinks``)."""

from __future__ import annotations

import atexit
import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from posthouse.observe.counters import counters
from posthouse.observe.lines import ErrorInfo, Render, json_line, text_line
from posthouse.observe.live import live_log
from posthouse.observe.record import Record

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

GATHER_SECONDS = 0.05
"""How long a line below warning may wait on its way to standard error. What a killed process had not written yet is
lost."""

Sink = Callable[[Record, str], None]
"""Takes a record and its text. Called by any thread; must neither wait nor raise."""

_NOISY = ("asyncio", "alembic", "httpcore2", "httpx2", "sqlalchemy")
_NO_FIELDS: dict[str, Any] = {}


def configure(form: str, level: str, stream: TextIO | None = None, *, gather: bool = True) -> None:
    """Set up logging of the whole process, once at start. ``form`` is ``text`` or ``json``, ``level`` one of
    :data:`LEVELS`.

    Without ``gather`` each line is written at once until :func:`gather` is called: no thread is started before then,
    which one that gives up root needs (a thread keeps what it was started with).

    Below the level an event costs one method call that does nothing. Our own lines go to the stream directly,
    those of libraries through a handler of the standard library; both look the same.
    """
    render = json_line if form == "json" else text_line
    _live.output = output = _Output(stream or sys.stderr, gather=gather and stream is None)
    _live.level = _live.least = level
    _live.muted = ()
    _live.sinks = ()
    structlog.configure(
        processors=[_Renderer(render)],
        wrapper_class=_levelled(level),
        logger_factory=lambda name="": _Writer(output, name),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(output)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    _library_level(level)


def gather() -> None:
    """Let lines wait a moment for more from here on."""
    if _live.output is not None:
        _live.output.gather()


def adjust(
    *, debug: bool = False, muted: tuple[str, ...] = (), stderr: bool = True, sinks: tuple[Sink, ...] = ()
) -> None:
    """Change what a configured process logs, at once. ``debug`` lowers the level to debug; lines below warning of
    loggers whose name begins with one of ``muted`` are dropped; ``sinks`` get every line besides standard
    error, which ``stderr`` turns off."""
    if _live.output is None:
        return
    level = "debug" if debug else _live.level
    if level != _live.least:
        _live.least = level
        _relevel(level)
        _library_level(level)
    _live.muted = muted
    _live.output.silent = not stderr
    _live.sinks = sinks


class _Live:
    """What of the set-up can change while the process runs."""

    output: _Output | None = None
    level = "info"
    least = "info"
    muted: tuple[str, ...] = ()
    sinks: tuple[Sink, ...] = ()
    wrapper: type[Any] | None = None


_live = _Live()


def _levelled(level: str) -> type[Any]:
    """A class of loggers of our own. Loggers are kept by those who use them, so a change of level changes the
    class: a method below the level is one that does nothing."""

    class Levelled(structlog.make_filtering_bound_logger(logging.DEBUG)):  # type: ignore[misc]
        pass

    _live.wrapper = Levelled
    _relevel(level)
    return Levelled


def _relevel(level: str) -> None:
    if _live.wrapper is None:
        return
    wanted = structlog.make_filtering_bound_logger(LEVELS[level])
    for name in ("debug", "info", "warning", "warn", "error", "exception", "critical"):
        setattr(_live.wrapper, name, getattr(wanted, name))


def _library_level(level: str) -> None:
    logging.getLogger().setLevel(LEVELS[level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))


class _Output:
    """The stream. Lines are written whole, so that those of several threads and processes do not mix. With ``gather``
    a line below warning waits a moment for more: a write for each would cost a busy server more than making the
    lines."""

    def __init__(self, stream: TextIO, gather: bool) -> None:
        self.silent = False
        self._stream = stream
        self._lines: deque[str] = deque()
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._gather = False
        if gather:
            self.gather()

    def gather(self) -> None:
        """Let lines wait for more from here on."""
        if self._gather:
            return
        threading.Thread(target=self._work, name="posthouse-log", daemon=True).start()
        atexit.register(self.flush)
        self._gather = True

    def soon(self, line: str) -> None:
        """Write a line, within :data:`GATHER_SECONDS`."""
        if self.silent:
            return
        self._lines.append(line)
        if not self._gather:
            self.flush()
        elif not self._wanted.is_set():
            self._wanted.set()

    def now(self, line: str) -> None:
        """Write a line at once, after those that wait."""
        if self.silent:
            return
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
        name = writer.name
        if _live.muted and name.startswith(_live.muted) and method in ("info", "debug"):
            raise structlog.DropEvent
        given = event.pop("exc_info", None)
        error = _error(given) if given else None
        word = str(event.pop("event", ""))
        line = self._render(method, name, word, event, error)
        _pass_on(method, name, word, event, error, line)
        return line + "\n"


def _pass_on(level: str, name: str, word: str, fields: EventDict, error: ErrorInfo | None, line: str) -> None:
    """To the live log and the sinks."""
    if level not in ("info", "debug"):
        counters.log_lines[level] += 1
    if error is not None:
        # The error's text only: its traceback would keep alive what the frames hold.
        fields = {**fields, "error": f"{error[0].__name__}: {error[1]}"}
    record = Record(time.time(), level, name, word, fields)
    live_log.add(record)
    for sink in _live.sinks:
        sink(record, line)


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
        level, said = record.levelname.lower(), record.getMessage()
        line = self._render(level, record.name, said, _NO_FIELDS, error)
        _pass_on(level, record.name, said, _NO_FIELDS, error, line)
        return line


def _error(given: object) -> ErrorInfo | None:
    """What ``exc_info`` stands for: an exception, the triple of one, or True for the one being handled."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    found = given if isinstance(given, tuple) else sys.exc_info()
    return None if found[1] is None else found
