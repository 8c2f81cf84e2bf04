"""What a server announces in its answer to EHLO or LHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Extensions:
    """The announced extensions: parameters by keyword in upper case. ``name`` is what the server calls itself."""

    name: str = ""
    announced: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.announced

    @property
    def largest(self) -> int:
        """The size limit of SIZE in bytes (RFC 1870 4); 0 where none is known."""
        return _number(self.announced.get("SIZE", ()))

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Those of AUTH (RFC 4954 3), in upper case."""
        return self.announced.get("AUTH", ())

    @property
    def shortest_by(self) -> int:
        """The least by-time of DELIVERBY in seconds (RFC 2852 2); 0 for none."""
        values = self.announced.get("DELIVERBY", ())
        return _number(values[0].split(",")[:1]) if values else 0

    def limit(self, name: str) -> int:
        """One of LIMITS (RFC 9422): ``MAILMAX``, ``RCPTMAX``; 0 where there is none."""
        for word in self.announced.get("LIMITS", ()):
            key, equals, value = word.partition("=")
            if equals and key == name:
                return _number((value,))
        return 0


NOTHING = Extensions()
"""What HELO leaves."""


def read_extensions(lines: Iterable[str]) -> Extensions:
    """From the lines of a reply to EHLO; the first one is the greeting. What is not understood is left out."""
    name, announced = "", dict[str, tuple[str, ...]]()
    for number, line in enumerate(lines):
        words = line.split()
        if not number:
            name = words[0] if words else ""
            continue
        if not words:
            continue
        keyword, equals, rest = words[0].upper().partition("=")
        if equals and keyword == "AUTH":  # an old way to write it, besides or in place of the right one
            words = [keyword, rest, *words[1:]]
        elif equals:
            continue
        values = tuple(word.upper() for word in words[1:] if word)
        # Each once, in order; by hashes, as a remote may name thousands.
        announced[keyword] = tuple(dict.fromkeys((*announced.get(keyword, ()), *values)))
    return Extensions(name, announced)


def _number(values: Iterable[str]) -> int:
    for value in values:
        if value.isascii() and value.isdigit() and len(value) <= 18:
            return int(value)
        break
    return 0
