"""Making DKIM keys: their selectors, their records, and how a key is followed by the next."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from posthouse.directory.dkim import KeyRow, NewKey
from posthouse.net.dns import ascii_name
from posthouse.origin.keys import ALGORITHMS, Algorithm, PrivateKey, make_key, record_of

DAY = 86400.0


def record_name(domain: str, selector: str) -> str:
    """Where the record of a key stands, in A-labels. Raises ValueError."""
    return f"{selector}._domainkey.{ascii_name(domain)}"


def record_value(row: KeyRow) -> str:
    """What the record of a key says: its public half, and nothing once it is retired."""
    return record_of(row.algorithm, "" if row.state == "retired" else row.public)


def selector_for(algorithm: str, taken: Collection[str], now: float) -> str:
    """A selector that says kind and month, with a number where that is taken: ``rsa-202611``, ``ed-202611-2``."""
    kind = "ed" if algorithm == "ed25519-sha256" else "rsa"
    plain = f"{kind}-{time.strftime('%Y%m', time.gmtime(now))}"
    for number in range(1, len(taken) + 2):
        name = plain if number == 1 else f"{plain}-{number}"
        if name not in taken:
            return name
    raise AssertionError("more names than keys")


def new_keys(wanted: Sequence[Algorithm], taken: Collection[str], bits: int, now: float) -> list[NewKey]:
    """New keys with free selectors. RSA takes a second: call it in a thread."""
    names = set(taken)
    made = []
    for algorithm in wanted:
        selector = selector_for(algorithm, names, now)
        names.add(selector)
        made.append(stored(make_key(algorithm, bits), selector))
    return made


def stored(key: PrivateKey, selector: str) -> NewKey:
    """A key as it is stored."""
    return NewKey(selector, key.algorithm, key.pem, key.public)


def due_for_rotation(rows: Sequence[KeyRow], now: float, days: int) -> list[Algorithm]:
    """The algorithms of a domain whose active key is old and has no follower yet."""
    if days <= 0:
        return []
    waiting = {row.algorithm for row in rows if row.state == "new"}
    found: list[Algorithm] = []
    for algorithm in ALGORITHMS:
        since = [row.since for row in rows if row.state == "active" and row.algorithm == algorithm]
        if since and max(since) < now - days * DAY and algorithm not in waiting:
            found.append(algorithm)
    return found


def judged(rows: Sequence[str], wanted: str) -> tuple[str, str]:
    """State and note for the TXT records found under a selector's name. What counts is the key: another order of tags,
    or more of them, is as good."""
    if not rows:
        return "missing", "There is no record yet."
    given = [_key_of(row) for row in rows]
    key = _key_of(wanted)
    if len(rows) > 1 and any(each != key for each in given):
        return "different", f"There are {len(rows)} records; only one may be."
    if key in given:
        return "right", ""
    if any(each == "" for each in given):
        return "different", "The record has no key, which revokes it."
    if key and any(each and each in key for each in given):
        return "different", "The key in the record is cut off: it must be entered whole."
    return "different", "The record has another key."


def _key_of(row: str) -> str | None:
    for tag in row.split(";"):
        name, equals, value = tag.partition("=")
        if equals and name.strip() == "p":
            return "".join(value.split())
    return None
