"""Where log lines go: standard error, as text for people or JSON for machines, one line per event."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from posthouse.observe.lines import ErrorInfo, Render, json_line, text_line

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_NOISY = ("asyncio", "alembic", "sqlalchemy")
_NO_FIELDS: dict[str, Any] = {}


def configure(form: str, level: str, stream: TextIO | None = None) -> None:
    """Set up logging of the whole process, once at start. ``form`` is ``text`` or ``json``, ``level`` one of
    :data:`LEVELS`.

    Below the level an event costs one method call that does nothing. Our own lines go to the stream directly,
    those of libraries through a handler of the standard library; both look the same.
    """
    render = json_line if form == "json" else text_line
    out = stream or sys.stderr
    structlog.configure(
        processors=[_Renderer(render)],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda name="": _Writer(out, name),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))


class _Writer:
    """What structlog hands finished lines to. A line is one write, so that lines of several threads and processes
    do not mix."""

    __slots__ = ("_flush", "_write", "name")

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._write = stream.write
        self._flush = stream.flush

    def msg(self, line: str) -> None:
        """Write a line. A log that cannot be written to (a full disk, a closed pipe) stops no mail."""
        try:
            self._write(line)
            self._flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = msg


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
