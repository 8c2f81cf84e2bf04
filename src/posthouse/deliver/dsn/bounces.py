"""What comes back: bounces taken at addresses of ours, kept for those whose mail it was, and counted.

Anybody can write a bounce. One counts towards the suppression list only where it came to a return path made for one
recipient (``verp``), and then for that recipient, whatever the text says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import time
from typing import Any

from posthouse.database.contract import Database, Transaction
from posthouse.deliver import bounce_records as records
from posthouse.deliver.dsn import verp
from posthouse.deliver.dsn.bounced import BouncedRecipient
from posthouse.deliver.dsn.cause import Cause
from posthouse.deliver.dsn.read import read_bounce
from posthouse.directory import suppression
from posthouse.directory.listing import like
from posthouse.mail.address import Address
from posthouse.mail.mime import Buffer
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.notices import SUPPRESS_AFTER, SUPPRESS_AFTER_SOFT, SUPPRESS_DAYS

_SOFT: frozenset[Cause] = frozenset(("mailbox-full", "unreachable", "dns"))
"""Passing causes that are the recipient's, not ours or the message's."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A bounce as it is kept. ``sender``: whose mail came back. ``certain``: nobody made it up."""

    mark: bytes
    sender: str
    certain: bool
    about: BouncedRecipient


class Bounces:
    """Takes bounces. ``keys`` gives the VERP keys in use, the newest first; ``clock`` tells seconds since 1970."""

    def __init__(
        self,
        database: Database,
        settings: CurrentSettings,
        keys: Callable[[], Sequence[bytes]],
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._keys = keys
        self._clock = clock

    def read(self, message: Buffer, recipient: Address) -> list[Bounce]:
        """What a message that arrived for ``recipient`` (as the envelope had it) tells; empty where it is no bounce.
        Never raises."""
        found = read_bounce(message)
        path = verp.decode(recipient, self._keys())
        sender = path.sender.key if path is not None else recipient.key
        if path is not None and found:
            named = str(path.recipient)
            same = [
                each for each in found if path.recipient.key in (each.recipient.lower(), each.final.lower())
            ]
            found = [replace((same or found)[0], recipient=named)]
        size = len(message)
        digest = hashlib.sha256(bytes(message[: 1 << 20]) + size.to_bytes(8, "big")).digest()
        return [Bounce(_mark(digest, recipient, each), sender, path is not None, each) for each in found]

    def keep(self, tx: Transaction, bounces: Sequence[Bounce]) -> int:
        """Within a unit: write down the bounces that are new, and count those that are certain. Returns how many were
        new."""
        settings, now = self._settings.now, self._clock()
        lifetime = settings[SUPPRESS_DAYS] * 86400.0
        new = 0
        for bounce in bounces:
            if tx.execute(records.SELECT_MARK, {"mark": bounce.mark}):
                continue
            about = bounce.about
            tx.insert(records.INSERT, _row(bounce, now))
            new += 1
            if not bounce.certain or about.action != "failed":
                continue
            soft = about.cause in _SOFT
            after = settings[SUPPRESS_AFTER_SOFT if soft else SUPPRESS_AFTER]
            if after and (soft or about.hard):
                failure = suppression.Failure(about.recipient, about.cause, about.status, about.said)
                suppression.count(tx, failure, now, after=after, lifetime=lifetime, soft=soft)
        return new

    async def take(self, message: Buffer, recipient: Address) -> list[Bounce]:
        """Read a bounce and keep it, as a unit of its own; a second time it changes nothing. Raises
        DatabaseUnavailable."""
        bounces = self.read(message, recipient)
        if bounces:
            await self._database.run(self.keep, bounces)
        return bounces


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bounces are looked for: with a piece of text in the addresses or in what was said, of one cause (""
    for any), of mail from one address (lower case, "" for any), that came since a moment."""

    search: str = ""
    cause: str = ""
    sender: str = ""
    since: float = 0.0


def page(
    tx: Transaction, wanted: Wanted, limit: int = 200, below: int = 2**62
) -> tuple[list[tuple[int, float, Bounce]], int]:
    """The newest bounces with an id below one, each with its id and when it came, and how many there are in all."""
    found: dict[str, object] = {
        "pattern": like(wanted.search),
        "cause": wanted.cause or "%",
        "since": wanted.since,
    }
    select, count = records.SELECT_PAGE, records.COUNT_FOUND
    if wanted.sender:
        found["sender"] = wanted.sender
        select, count = records.SELECT_PAGE_OF, records.COUNT_FOUND_OF
    rows = tx.execute(select, {**found, "below": below, "count": limit})
    return [_kept(*row) for row in rows], int(tx.execute(count, found)[0][0])


def _kept(of_id: int, mark: bytes, at: float, sender: str, *told: Any) -> tuple[int, float, Bounce]:
    recipient, cause, action, status, said, envid, message_id, certain = told
    about = BouncedRecipient(recipient, cause, action, status, said, envid=envid, message_id=message_id)
    return int(of_id), at, Bounce(bytes(mark), sender, bool(certain), about)


def causes_since(tx: Transaction, since: float) -> dict[str, int]:
    """How many bounces came back since a moment, by cause."""
    return {row[0]: int(row[1]) for row in tx.execute(records.COUNT_CAUSES, {"since": since})}


def remove_old(tx: Transaction, before: float) -> int:
    """Forget up to 500 bounces that are older than a moment; how many went."""
    rows = tx.execute(records.SELECT_OLD, {"before": before})
    tx.execute_many(records.DELETE, [{"of_id": row[0]} for row in rows])
    return len(rows)


def _mark(digest: bytes, recipient: Address, about: BouncedRecipient) -> bytes:
    text = f"\0{recipient.key}\0{about.recipient}".encode("utf-8", "replace")
    return hashlib.sha256(digest + text).digest()


def _row(bounce: Bounce, now: float) -> dict[str, object]:
    about = bounce.about
    return {
        "mark": bounce.mark,
        "at": now,
        "sender": bounce.sender[:400],
        "recipient": about.recipient[:400],
        "cause": about.cause,
        "action": about.action[:20] if about.action.isascii() else "failed",
        "status": about.status[:16],
        "said": about.said[:1000],
        "envid": about.envid[:255],
        "message_id": about.message_id[:255],
        "certain": int(bounce.certain),
    }
