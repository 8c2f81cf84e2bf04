"""One event as one line, as text for people or JSON for machines. On the road of every message, so it is built by
hand: a general processor chain costs ten times as much."""

from __future__ import annotations

import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Render = Callable[[str, str, str, Mapping[str, Any], "ErrorInfo | None"], str]
"""(level, logger name, event, fields, error) to a line without its end."""

_EVENT_WIDTH = 26
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_BARE = re.compile(r"[^\s\"'=]+").fullmatch
_encode = json.JSONEncoder(default=repr, skipkeys=True).encode

_second = (-1, "")


def timestamp(now: float) -> str:
    """``now`` (seconds since 1970) in UTC with microseconds (RFC 3339)."""
    global _second
    second = int(now)
    known, text = _second
    if known != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = (second, text)
    return f"{text}.{int((now - second) * 1_000_000):06d}Z"


def text_line(
    level: str, name: str, event: str, fields: Mapping[str, Any], error: ErrorInfo | None = None
) -> str:
    """``time [level] event [logger] field=value …``; a traceback follows on lines of its own."""
    parts = [f"{timestamp(time.time())} [{level:<8}] {_printable(event):<{_EVENT_WIDTH}} [{name}]"]
    for key, value in fields.items():
        parts.append(f"{key}={value if type(value) is int else _shown(value)}")
    line = " ".join(parts)
    if error is not None:
        # Without the values of local variables: passwords and mail are among them.
        # Indented, as its text may come from a peer: what begins a line is always ours.
        told = "".join(traceback.format_exception(*error)).rstrip("\n")
        line += "".join(f"\n  {_printable(each)}" for each in told.split("\n"))
    return line


def json_line(
    level: str, name: str, event: str, fields: Mapping[str, Any], error: ErrorInfo | None = None
) -> str:
    """One JSON object: ``timestamp``, ``level``, ``logger``, ``event``, the fields, and ``exception``."""
    whole = {"timestamp": timestamp(time.time()), "level": level, "logger": name, "event": event, **fields}
    if error is not None:
        whole["exception"] = _causes(error)
    return _encode(whole)


def _shown(value: object) -> str:
    """A field's value: as it is where it is one plain word, else in quotes. What peers said is shown without control
    characters: no forged lines, no terminal escapes."""
    text = value if isinstance(value, str) else str(value)
    if _BARE(text) is not None and text.isprintable():
        return text
    return '"' + _printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else _CONTROLS.get(ord(each)) or f"\\u{ord(each):04x}" for each in text
    )


def _causes(error: ErrorInfo) -> list[dict[str, Any]]:
    """An exception and what it came from, the last one first, without the values of local variables."""
    found: list[dict[str, Any]] = []
    at: traceback.TracebackException | None = traceback.TracebackException(*error)
    while at is not None:
        found.append(
            {
                "exc_type": _type_name(at),
                "exc_value": str(at),
                "frames": [
                    {"filename": frame.filename, "lineno": frame.lineno, "name": frame.name}
                    for frame in at.stack
                ],
            }
        )
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return found


def _type_name(at: traceback.TracebackException) -> str:
    if sys.version_info >= (3, 13):  # where exc_type is deprecated
        return at.exc_type_str.rpartition(".")[2]
    return at.exc_type.__name__ if at.exc_type is not None else ""
