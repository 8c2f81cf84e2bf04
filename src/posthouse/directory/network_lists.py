"""Block lists and allow lists of networks as units of work. A change reaches every worker within a second (topic
``network_lists``); the last good copy of each list stands in the database, in parts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from time import time
from typing import cast
from urllib.parse import urlsplit

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import network_list_records as records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import bump, version
from posthouse.net.screening import WORDS, Kind

TOPIC = "network_lists"
MOST = 50
"""Most lists; each is asked about each new connection."""
PART = 64 * 1024
PARTS_AT_ONCE = 20
"""So many parts are written, or read, in one unit."""
SHORTEST = {"file": 10, "url": 300}
LONGEST = 30 * 86400
"""Seconds between two refreshes."""
USUAL_REFRESH = 12 * 3600
RETRY = 900
"""A list that could not be had is tried again after so many seconds, doubled each time, up to its refresh."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z")


@dataclass(frozen=True, slots=True)
class ListConfig:
    """A list as the administrator wants it. ``place``: a full path or an http(s) URL; ``refresh`` in seconds."""

    name: str
    kind: Kind
    place: str
    refresh: int = USUAL_REFRESH
    protocols: tuple[str, ...] = WORDS
    active: bool = True

    @property
    def is_url(self) -> bool:
        """Whether it is had over the network."""
        return is_url(self.place)


@dataclass(frozen=True, slots=True)
class ListState:
    """How a list is (see the records). ``place`` is where the copy came from."""

    place: str = ""
    generation: int = 0
    etag: str = ""
    modified: str = ""
    entries: int = 0
    skipped: int = 0
    size: int = 0
    good_at: float = 0.0
    tried_at: float = 0.0
    failures: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A list and its state."""

    config: ListConfig
    state: ListState

    def due(self, now: float) -> bool:
        """Whether it is to be refreshed."""
        state, wait = self.state, float(self.config.refresh)
        if not self.config.active:
            return False
        if state.failures:
            wait = min(wait, RETRY * 2.0 ** min(state.failures - 1, 10))
        elif state.place != self.config.place:
            return True
        return not state.tried_at <= now < state.tried_at + wait


def is_url(place: str) -> bool:
    """Whether a place is a URL."""
    return place.lower().startswith(("http://", "https://"))


def shown_place(place: str) -> str:
    """A place for logs and the audit: without what may be a key in its query."""
    return place.partition("?")[0] + ("?…" if "?" in place else "") if is_url(place) else place


def check(config: ListConfig) -> ListConfig:
    """The list, if it may be one. Raises DirectoryError."""

    def wrong(text: str, mend: str) -> DirectoryError:
        return DirectoryError(text, mend)

    if not _NAME.match(config.name):
        raise wrong("name: this is none for a list", "use up to 60 letters, digits, dots, - and _")
    if config.kind not in ("block", "allow"):
        raise wrong("kind: a list blocks or allows", "give block or allow")
    problem = _place_problem(config.place)
    if problem:
        raise wrong(f"place: {problem}", "give a full path on the server, or a URL with http:// or https://")
    least = SHORTEST["url" if config.is_url else "file"]
    if not least <= config.refresh <= LONGEST:
        raise wrong(f"refresh: {config.refresh} seconds are out of range", f"give {least} to {LONGEST}")
    unknown = [word for word in config.protocols if word not in WORDS]
    if unknown or not config.protocols:
        raise wrong("protocols: choose one at least", f"choose from {', '.join(WORDS)}")
    return config


def _place_problem(place: str) -> str:
    if not place or len(place) > 2000 or not place.isprintable() or place != place.strip():
        return "this is none"
    if not is_url(place):
        return "" if PurePath(place).is_absolute() else "the path is not a full one"
    if not place.isascii() or " " in place:
        return "the URL must be ASCII without blanks"
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError:
        return "this is no URL"
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        return "the URL must hold no user name, password or #fragment"
    return "" if parts.hostname else "the URL must name a host"


def every(tx: Transaction) -> list[Kept]:
    """All lists by name."""
    return [_kept(row) for row in tx.execute(records.SELECT_ALL)]


def changed(tx: Transaction, known: int) -> tuple[int, list[Kept]] | None:
    """The version of the lists and all of them; None while it is the known one."""
    now = version(tx, TOPIC)
    return None if now == known else (now, every(tx))


def find(tx: Transaction, name: str, *, lock: bool = False) -> Kept:
    """The list of this name. Raises DirectoryError."""
    if lock:
        tx.lock(records.LOCK, {"of_name": name})
    rows = tx.execute(records.SELECT_ONE, {"of_name": name})
    if not rows:
        raise DirectoryError(f"there is no list {name[:60]}", "list them to see which there are", "missing")
    return _kept(rows[0])


def add(tx: Transaction, config: ListConfig, feed: Feed | None) -> None:
    """Keep a (checked) list. Raises DirectoryError."""
    if tx.execute(records.SELECT_ONE, {"of_name": config.name}):
        raise DirectoryError(f"there is a list {config.name} already", "choose another name", "exists")
    if len(tx.execute(records.SELECT_ALL)) >= MOST:
        raise DirectoryError(f"there are {MOST} lists already", "remove some", "refused")
    change(tx, config, feed)


def change(tx: Transaction, config: ListConfig, feed: Feed | None) -> None:
    """Keep a (checked) list in place of the one of its name."""
    tx.upsert(
        records.network_lists,
        {"name": config.name},
        {
            "kind": config.kind,
            "place": config.place,
            "refresh": config.refresh,
            "protocols": " ".join(config.protocols),
            "active": int(config.active),
        },
    )
    bump(tx, TOPIC, feed)


def remove(tx: Transaction, name: str, feed: Feed | None) -> None:
    """Give a list up. Its copy goes by and by (:func:`sweep`)."""
    tx.change(records.DELETE, {"of_name": name})
    tx.change(records.DELETE_STATE, {"of_name": name})
    bump(tx, TOPIC, feed)


# --- the copy -----------------------------------------------------------------------------------------


def new_generation() -> int:
    """A name for a copy that is being written."""
    return secrets.randbits(52) + 1


def in_parts(packed: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The parts of a copy, as many as go into one unit, each time with the number of the first."""
    parts = [packed[at : at + PART] for at in range(0, len(packed), PART)]
    for first in range(0, len(parts), PARTS_AT_ONCE):
        yield first, parts[first : first + PARTS_AT_ONCE]


def write_parts(tx: Transaction, name: str, generation: int, first: int, parts: list[bytes]) -> None:
    """Write some parts of a copy. Nobody reads them before :func:`settle`."""
    for number, data in enumerate(parts, first):
        tx.upsert(
            records.network_list_parts,
            {"name": name, "generation": generation, "number": number},
            {"data": data},
        )


def settle(tx: Transaction, name: str, state: ListState, parts: int, feed: Feed | None) -> bool:
    """The copy of this state, of so many parts, is the good one now; False where the list is gone, leads elsewhere by
    now, or was refreshed by somebody else meanwhile who swept our parts away."""
    asked = {"of_name": name, "of_generation": state.generation}
    if not _still(tx, name, state.place) or int(tx.execute(records.COUNT_PARTS, asked)[0][0]) != parts:
        return False
    tx.upsert(records.network_list_states, {"name": name}, _row(state))
    bump(tx, TOPIC, feed)
    return True


def note_unchanged(tx: Transaction, name: str, place: str, now: float) -> None:
    """The place still has what the good copy holds."""
    if _still(tx, name, place):
        row = find(tx, name).state
        tx.upsert(
            records.network_list_states,
            {"name": name},
            {**_row(row), "good_at": now, "tried_at": now, "failures": 0, "trouble": ""},
        )


def note_failure(tx: Transaction, name: str, place: str, trouble: str, now: float) -> None:
    """The list could not be had; the good copy stays."""
    if _still(tx, name, place):
        row = find(tx, name).state
        tx.upsert(
            records.network_list_states,
            {"name": name},
            {**_row(row), "tried_at": now, "failures": row.failures + 1, "trouble": trouble[:500]},
        )


def read_parts(tx: Transaction, name: str, generation: int, first: int) -> list[bytes]:
    """Some parts of a copy; fewer than :data:`PARTS_AT_ONCE` are the last ones."""
    asked = {"of_name": name, "of_generation": generation, "first": first, "behind": first + PARTS_AT_ONCE}
    return [bytes(row[0]) for row in tx.execute(records.SELECT_PARTS, asked)]


def sweep(tx: Transaction, name: str) -> int:
    """Forget up to 200 parts of a list that are of no use; how many went."""
    rows = tx.execute(records.SELECT_GENERATION, {"of_name": name})
    asked = {"of_name": name, "but": int(rows[0][0]) if rows else 0}
    gone = [
        {"of_name": name, "of_generation": row[0], "of_number": row[1]}
        for row in tx.execute(records.SELECT_OTHER_PARTS, asked)
    ]
    tx.execute_many(records.DELETE_PART, gone)
    return len(gone)


def orphans(tx: Transaction) -> list[str]:
    """Names of lists that are gone but for parts of their copies."""
    return [str(row[0]) for row in tx.execute(records.SELECT_ORPHANS)]


def troubles(tx: Transaction, now: float | None = None) -> list[tuple[str, str, str]]:
    """What an administrator should know of the lists: code, trouble, mend."""
    told: list[tuple[str, str, str]] = []
    for each in every(tx):
        state, name = each.state, each.config.name
        if not each.config.active or not state.failures:
            continue
        mend = "See the page Block and allow lists; refresh it there when the cause is mended."
        if state.generation:
            days = max(0, int(((time() if now is None else now) - state.good_at) // 86400))
            what = f"The list {name} cannot be refreshed: {state.trouble}. Its copy of {days} days ago holds."
        else:
            what = f"The list {name} cannot be had and holds nothing: {state.trouble}."
        told.append(("network-lists.stale", what, mend))
    return told


def _still(tx: Transaction, name: str, place: str) -> bool:
    rows = tx.lock(records.LOCK, {"of_name": name})
    return bool(rows) and rows[0][1] == place


def _row(state: ListState) -> dict[str, object]:
    return {name: getattr(state, name) for name in ListState.__slots__}


def _kept(row: Row) -> Kept:
    config = ListConfig(
        row[0], cast(Kind, row[1]), row[2], int(row[3]), tuple(str(row[4]).split()), bool(row[5])
    )
    if row[6] is None:
        return Kept(config, ListState())
    texts, numbers = (row[6], int(row[7]), row[8], row[9]), (int(row[10]), int(row[11]), int(row[12]))
    state = ListState(*texts, *numbers, float(row[13]), float(row[14]), int(row[15]), row[16])
    return Kept(config, state)
