"""What is known of the person of an account: names, language, time zone, limits. All functions are ops."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import detail_records as records
from posthouse.directory.admission import clean_networks, clean_protocols
from posthouse.directory.aliases import MOST_NOTE, clean_note
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import DIRECTORY, bump

LAST_SIGNIN_SECONDS = 3600.0
"""A sign-in within this time after the last that was noted is not written again."""

MOST_MESSAGE = 2**40
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}")
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Details:
    """``language`` as in RFC 5646, ``time_zone`` by its name in the IANA database, "" each where none was chosen.
    ``max_message``: the largest message it takes, in bytes, 0 for no limit of its own. ``protocols`` and ``networks``:
    see ``admission``."""

    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    language: str = ""
    time_zone: str = ""
    note: str = ""
    max_message: int = 0
    protocols: str = ""
    networks: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed; None stays as it is."""

    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    note: str | None = None
    max_message: int | None = None
    protocols: Sequence[str] | None = None
    networks: Sequence[str] | None = None


NOTHING = Change()


@dataclass(frozen=True, slots=True)
class Person:
    """The details of an account. ``last_signin`` in seconds since 1970, 0: never (to the hour); ``addresses`` are its
    further ones."""

    details: Details
    last_signin: float
    addresses: tuple[str, ...]


def of(tx: Transaction, account_ids: Sequence[int]) -> dict[int, Person]:
    """The details of some accounts by id."""
    found: dict[int, Person] = {}
    for start in range(0, len(account_ids), _CHUNK):
        some = {"ids": list(account_ids[start : start + _CHUNK])}
        further: dict[int, list[str]] = {}
        for account_id, address in tx.execute(records.SELECT_FURTHER, some):
            further.setdefault(int(account_id), []).append(address)
        for account_id, *values, last_signin in tx.execute(records.SELECT, some):
            addresses = tuple(further.get(int(account_id), ()))
            found[int(account_id)] = Person(Details(*values), float(last_signin), addresses)
    return found


def change(
    tx: Transaction, account_id: int, wanted: Change, *, feed: Feed | None = None
) -> tuple[Details, Details]:
    """Change what is given; what it was and what it is then. Raises DirectoryError."""
    before = of(tx, [account_id])[account_id].details
    after = replace(before, **clean(wanted))
    if after != before:
        values = dict(zip((each.name for each in fields(Details)), astuple(after), strict=True))
        tx.change(
            records.UPDATE, {"of_id": account_id, **{f"new_{name}": value for name, value in values.items()}}
        )
        bump(tx, DIRECTORY, feed)
    return before, after


def clean(wanted: Change) -> dict[str, Any]:
    """What is given, as it is stored. Raises DirectoryError."""
    found: dict[str, Any] = {}
    for name, most in (("first_name", 100), ("last_name", 100), ("display_name", 200)):
        if (text := getattr(wanted, name)) is not None:
            found[name] = _name(text, most)
    if wanted.language is not None:
        found["language"] = _language(wanted.language)
    if wanted.time_zone is not None:
        found["time_zone"] = _zone_name(wanted.time_zone)
    if wanted.note is not None:
        found["note"] = clean_note(wanted.note, MOST_NOTE)
    if wanted.max_message is not None:
        found["max_message"] = _message(wanted.max_message)
    if wanted.protocols is not None:
        found["protocols"] = clean_protocols(tuple(wanted.protocols))
    if wanted.networks is not None:
        found["networks"] = clean_networks(tuple(wanted.networks))
    return found


def signed_in(tx: Transaction, account_id: int, now: float) -> None:
    """Note that somebody signed in, unless that was noted within the hour."""
    tx.change(records.SIGNED_IN, {"of_id": account_id, "before": now - LAST_SIGNIN_SECONDS, "now": now})


def zone(name: str) -> tzinfo | None:
    """The time zone of this name; None where it is not known (here)."""
    if not name or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found is a KeyError; a folder of the database an OSError
        return None


def _name(text: str, most: int) -> str:
    name = " ".join(text.split())
    if len(name) > most:
        raise DirectoryError(f"a name of {len(name)} characters is too long", f"use at most {most}")
    if not name.isprintable():
        raise DirectoryError("a name cannot have control characters", "leave them out")
    return name


def _language(text: str) -> str:
    text = text.strip()
    if text and not (_LANGUAGE.fullmatch(text) and len(text) <= 16):
        raise DirectoryError(f"{text[:40]!r} is no language", "write it like en, de or pt-BR")
    return text


def _zone_name(text: str) -> str:
    text = text.strip()
    if text and (len(text) > 64 or zone(text) is None):
        raise DirectoryError(f"{text[:64]!r} is no time zone", "write it like Europe/Berlin or UTC")
    return text


def _message(size: int) -> int:
    if not 0 <= size <= MOST_MESSAGE:
        raise DirectoryError(
            f"messages of {size} bytes are no limit", "give a size such as 20M, or none for no limit"
        )
    return size
