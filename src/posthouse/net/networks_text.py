"""Lists of networks as they are published: plain text with one network a line, or a JSON object a line.

Whoever publishes a list is a stranger: nothing here trusts its size, its lines or its meaning, and no complaint
repeats what stands in it (a list may be any file of the machine).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from posthouse.net.networks import Span
from posthouse.net.ranges import span

WIDEST = {4: 8, 6: 16}
"""The shortest prefix a list may hold: one that holds 0.0.0.0/0 would keep everybody out."""
LONGEST_LINE = 2000

_COMMENT = re.compile(r"[#;]|//")
_END_OF_WORD = re.compile(r"[\s,]")
_json = msgspec.json.Decoder(dict[str, object]).decode


class BadList(Exception):
    """This is no list of networks; the text says why."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The networks of a list. ``skipped`` lines were not understood, the first of them is ``skipped_at`` (1 is the
    first line, 0: none)."""

    spans: tuple[Span, ...]
    skipped: int = 0
    skipped_at: int = 0


def parse(data: bytes, most: int) -> Parsed:
    """Read a list of at most ``most`` networks. Raises BadList where it holds more, or is mostly something else."""
    found: list[Span] = []
    skipped = skipped_at = 0
    for number, line in _lines(data):
        try:
            each = _line(line)
        except ValueError:
            skipped += 1
            skipped_at = skipped_at or number
            continue
        if each is None:
            continue
        found.append(each)
        if len(found) > most:
            raise BadList(f"it holds more than {most} networks (setting blocklists.entries)")
    if skipped > len(found):
        raise BadList(f"it is no list of networks: line {skipped_at} is none, and {skipped - 1} more")
    return Parsed(tuple(found), skipped, skipped_at)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Lines by number, without a copy of all of them; those too long to be a network are cut."""
    begin, number = (3 if data.startswith(b"\xef\xbb\xbf") else 0), 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        number += 1
        yield number, data[begin : min(end, begin + LONGEST_LINE)].decode("utf-8", "replace")
        begin = end + 1


def _line(line: str) -> Span | None:
    """The network of a line; None where it says nothing. Raises ValueError."""
    line = line.strip()
    if line.startswith("{"):
        return _object(line)
    said = _COMMENT.split(line, maxsplit=1)[0].strip()
    if not said:
        return None
    first, dash, last = said.partition(" - ")
    if dash:
        return _narrow(span(f"{first.strip()}-{_END_OF_WORD.split(last.strip(), maxsplit=1)[0]}"))
    return _narrow(span(_END_OF_WORD.split(said, maxsplit=1)[0]))


def _object(line: str) -> Span | None:
    """As Spamhaus publishes DROP: {"cidr":"192.0.2.0/24","sblid":"..."}, and a last line of type metadata."""
    try:
        found = _json(line)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise ValueError("no JSON object") from None
    if found.get("type") == "metadata":
        return None
    for name in ("cidr", "network", "ip", "address", "prefix"):
        value = found.get(name)
        if isinstance(value, str):
            return _narrow(span(value))
    raise ValueError("no network in it")


def _narrow(found: Span) -> Span:
    version, first, last = found
    if last - first >= 1 << ((32 if version == 4 else 128) - WIDEST[version]):
        raise ValueError("too wide")
    return found
