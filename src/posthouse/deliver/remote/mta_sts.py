"""MTA-STS (RFC 8461): what a domain says of TLS to its hosts, as text and as values. No I/O here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mode = Literal["enforce", "testing", "none"]

LARGEST = 64 * 1024
"""Bytes of a policy that are read (RFC 8461 3.3 names this limit)."""

LONGEST_AGE = 31_557_600
SHORTEST_AGE = 300
"""Seconds; what a policy says beyond is brought within."""

MOST_HOSTS = 200

_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_HOST = re.compile(
    r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z"
)


class BadPolicy(Exception):
    """What a domain publishes is no policy; the text says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy as it was fetched. ``hosts``: patterns of MX names, in lower case, perhaps with ``*.`` before.
    ``ident`` is the id of the TXT record at that time. Times are seconds since 1970."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age: int
    ident: str = ""
    fetched_at: float = 0.0

    @property
    def ends_at(self) -> float:
        """Until when it is in force."""
        return self.fetched_at + self.max_age

    def allows(self, host: str) -> bool:
        """Whether an MX of this name is one of the domain's (RFC 8461 4.1)."""
        return any(matches(pattern, host) for pattern in self.hosts)

    def lines(self) -> tuple[str, ...]:
        """As in a report (RFC 8460 4.4)."""
        return (
            "version: STSv1",
            f"mode: {self.mode}",
            *(f"mx: {host}" for host in self.hosts[:20]),
            f"max_age: {self.max_age}",
        )


def matches(pattern: str, host: str) -> bool:
    """``*.`` stands for exactly one label."""
    host = host.lower().rstrip(".")
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


def ident_of(records: tuple[str, ...]) -> str:
    """The id in the TXT records of ``_mta-sts``; "" where they say nothing (RFC 8461 3.1: none, several, broken)."""
    ours = [record for record in records if re.match(r"v=STSv1[ \t]*(;|\Z)", record)]
    if len(ours) != 1 or len(ours[0]) > 2000:
        return ""
    for part in ours[0].split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.rstrip() == "id":
            value = value.strip()
            return value if _ID.match(value) else ""
    return ""


def parse(text: bytes, *, ident: str = "", now: float = 0.0) -> StsPolicy:
    """The policy in a fetched file (RFC 8461 3.2). Unknown keys are passed over, of a key that may stand once the
    first counts. Raises BadPolicy."""
    try:
        lines = text.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    values: dict[str, str] = {}
    hosts: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon or not _KEY.match(key):
            raise BadPolicy("a line of it is no key with a value")
        if key == "mx":
            hosts.append(_host(value))
        else:
            values.setdefault(key, value)
    if values.get("version") != "STSv1":
        raise BadPolicy("its version is not STSv1")
    return StsPolicy(_mode(values), tuple(_enough(values, hosts)), _age(values), ident, now)


def _host(value: str) -> str:
    name = value.lower().rstrip(".")
    if len(name) > 253 or not _HOST.match(name):
        raise BadPolicy("an mx of it is no host name")
    return name


def _mode(values: dict[str, str]) -> Mode:
    for mode in ("enforce", "testing", "none"):
        if values.get("mode") == mode:
            return mode
    raise BadPolicy("its mode is none of enforce, testing and none")


def _enough(values: dict[str, str], hosts: list[str]) -> list[str]:
    if not hosts and values["mode"] != "none":
        raise BadPolicy("it names no mx")
    if len(hosts) > MOST_HOSTS:
        raise BadPolicy(f"it names more than {MOST_HOSTS} hosts")
    return hosts


def _age(values: dict[str, str]) -> int:
    text = values.get("max_age", "")
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise BadPolicy("its max_age is no number of seconds")
    return max(SHORTEST_AGE, min(int(text), LONGEST_AGE))
