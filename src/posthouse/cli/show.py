"""Results for people: tables, sizes, times. rich is imported for a terminal only."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence

import click

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def safe(value: object) -> str:
    """A value as one line of text. What strangers wrote (subjects, addresses, reasons) must not steer the
    terminal: control characters and direction marks are shown as escapes."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), str(value))


def line(text: object = "") -> None:
    """Print one line."""
    click.echo(safe(text))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "Nothing.") -> None:
    """Print rows in columns: drawn on a terminal, plain and aligned otherwise."""
    texts = [[safe(value) for value in row] for row in rows]
    if not texts:
        click.echo(empty)
    elif sys.stdout.isatty():
        _drawn(headers, texts)
    else:
        _aligned(headers, texts)


def _drawn(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*headers, box=SIMPLE_HEAD)
    for row in rows:
        drawn.add_row(*(Text(value) for value in row))
    Console().print(drawn)


def _aligned(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    for row in [headers, *rows]:
        click.echo("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())


def size(count: int) -> str:
    """``1.5 MiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def quota(limit: int) -> str:
    """A quota for people: ``none`` for 0."""
    return size(limit) if limit else "none"


def moment(seconds: float | None) -> str:
    """Local time of a moment given in seconds since 1970; ``-`` for none."""
    if not seconds:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """``3d 4h``, ``12m 5s``: the two largest units."""
    parts: list[str] = []
    left = int(seconds)
    for name, unit in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, unit)
        if count or (name == "s" and not parts):
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])


def count(number: int, thing: str) -> str:
    """``1 message``, ``2 messages``, ``3 mailboxes``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing}es" if thing.endswith(("s", "x")) else f"{number} {thing}s"


def by_value(values: Mapping[str, str]) -> dict[str, list[str]]:
    """The keys of each value, sorted: host names by their certificate."""
    found: dict[str, list[str]] = {}
    for key, value in sorted(values.items()):
        found.setdefault(value, []).append(key)
    return found
