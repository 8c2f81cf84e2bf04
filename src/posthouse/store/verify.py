"""``posthouse verify``: does everything kept agree with everything else?

Read only; it may run beside a working server. A mailbox that changes while it is looked at is looked at
again. An
*error* is something that should not be; a *warning* is what a crash leaves and the removal job clears away.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import bindparam, select

from posthouse.bodies.files import FileBodies
from posthouse.bodies.records import SELECT_AFTER, SELECT_BODY, SELECT_KNOWN
from posthouse.bodies.records import bodies as bodies_table
from posthouse.database.contract import Database, Row, Transaction
from posthouse.store.contract import DELETED, SEEN, Mailbox
from posthouse.store.deleted_records import SELECT_AFTER as SELECT_DELETED_AFTER
from posthouse.store.deleted_records import SELECT_DELETED_WITH
from posthouse.store.records import (
    SELECT_ALL_IDS,
    SELECT_COUNTER,
    SELECT_MAILBOX,
    SELECT_RANGE,
    SELECT_TOMBSTONES,
    UID_BITS,
    mailboxes,
    message_id,
    messages,
)
from posthouse.store.rows import mailbox_from

YOUNG = 86400.0
"""Seconds: a file without a row is a left-over while it is younger, and a finding when it is older."""

_PAGE = 500
_ROWS = 2000
_READ = 1 << 20
_TURN = 8 << 20
"""Bytes of bodies hashed between two words of progress (one larger body takes a turn of its own)."""
_SHORTEST = 0.02
"""Seconds: shorter waits are saved up until they are worth one."""
MAX_ID = (1 << 63) - 1
_MOST_FINDINGS = 1000
_TRIES = 5
_NAMED = 3
"""Messages that are named beside a damaged body."""

_SELECT_SIZES = select(bodies_table.c.digest, bodies_table.c.size).where(
    bodies_table.c.digest.in_(bindparam("digests", expanding=True))
)
_SELECT_LIVE = select(messages.c.id).where(messages.c.id.in_(bindparam("ids", expanding=True)))
_SELECT_WITH = (
    select(messages.c.id, mailboxes.c.account_id, mailboxes.c.name)
    .join(mailboxes, mailboxes.c.id == messages.c.mailbox_id)
    .where(messages.c.body == bindparam("of_body"))
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
_SELECT_PREFIXES = select(messages.c.id, messages.c.prefix, messages.c.mailbox_id).where(
    messages.c.id.in_(bindparam("ids", expanding=True))
)

Progress = Callable[[str, int], None]
"""Called now and then with what is being looked at ("bodies", "files", "mailboxes", "deleted messages") and how many
there were so far."""


@dataclass(slots=True)
class Report:
    """What was found. ``deleted`` are messages that were deleted and may come back. ``errors`` and ``warnings`` hold at
    most a thousand lines each; the numbers count all."""

    bodies: int = 0
    files: int = 0
    mailboxes: int = 0
    messages: int = 0
    deleted: int = 0
    error_count: int = 0
    warning_count: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing is wrong (warnings do not count)."""
        return not self.error_count

    def error(self, line: str) -> None:
        """Add a finding."""
        self.error_count += 1
        if len(self.errors) < _MOST_FINDINGS:
            self.errors.append(line)

    def warn(self, line: str) -> None:
        """Add a warning."""
        self.warning_count += 1
        if len(self.warnings) < _MOST_FINDINGS:
            self.warnings.append(line)


class Ended(Exception):
    """Nobody waits for what is being read any more."""


class Pace:
    """Bounds how fast bodies are read; ``rate`` gives the bytes for each second (0: as fast as it goes) and is asked
    anew all the time. ``take`` runs in a thread, ``end`` in any; after it, ``take`` raises Ended."""

    def __init__(self, rate: Callable[[], float]) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._ended = threading.Event()

    def take(self, count: int) -> None:
        """These bytes were read: wait as long as they may take. Raises Ended."""
        rate, now = self._rate(), time.monotonic()
        # What was not used stays unused: a pause is not made up for by a burst.
        self._free_at = max(self._free_at, now) + (count / rate if rate > 0 else 0.0)
        wait = self._free_at - now
        if self._ended.is_set() or (wait >= _SHORTEST and self._ended.wait(wait)):
            raise Ended

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._ended.set()


async def verify(
    database: Database,
    bodies: FileBodies,
    *,
    progress: Progress | None = None,
    rate: Callable[[], float] = lambda: 0.0,
) -> Report:
    """Look at everything: every body's hash, every row, every file, every counter. ``rate``: see Pace. Cancelling it
    ends the reading of a large body, too."""
    report = Report()
    tell = progress or (lambda what, count: None)
    pace = Pace(rate)
    try:
        await _verify_bodies(database, bodies, report, tell, pace)
    finally:
        pace.end()
    await _verify_files(database, bodies, report, tell)
    await _verify_mailboxes(database, report, tell)
    await _verify_deleted(database, report, tell)
    return report


async def _verify_bodies(
    database: Database, bodies: FileBodies, report: Report, tell: Progress, pace: Pace
) -> None:
    after = b""
    while rows := await database.scan(_bodies_after, after):
        after = rows[-1][0]
        for turn in _turns(rows):
            findings = await asyncio.to_thread(_hash_all, bodies, turn, pace)
            for digest, complaint in findings:
                await _judge_body(database, report, digest, complaint)
            report.bodies += len(turn)
            tell("bodies", report.bodies)


async def _judge_body(database: Database, report: Report, digest: bytes, complaint: str) -> None:
    still = await database.scan(_body_now, digest)
    name = digest.hex()
    if still is None:
        return  # removed meanwhile
    if still[1] is not None:
        report.warn(f"body {name}: {complaint}; nothing refers to it, it is being removed")
    else:
        report.error(f"body {name}: {complaint}{await database.scan(_whose, digest)}")


def _turns(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in pieces of at most ``_TURN`` bytes of bodies."""
    turn: list[Row] = []
    size = 0
    for row in rows:
        if turn and size + row[1] > _TURN:
            yield turn
            turn, size = [], 0
        turn.append(row)
        size += row[1]
    if turn:
        yield turn


def _hash_all(bodies: FileBodies, rows: Sequence[Row], pace: Pace) -> list[tuple[bytes, str]]:
    findings = []
    for digest, size, _ in rows:
        complaint = _body_complaint(bodies.path(bytes(digest).hex()), bytes(digest), size, pace)
        if complaint:
            findings.append((bytes(digest), complaint))
    return findings


def _body_complaint(path: str, digest: bytes, size: int, pace: Pace) -> str:
    found = hashlib.sha256()
    length = 0
    try:
        with open(path, "rb") as file:
            while piece := file.read(_READ):
                found.update(piece)
                length += len(piece)
                pace.take(len(piece))
    except FileNotFoundError:
        return "its file is missing"
    except OSError as error:
        return f"its file cannot be read ({error.strerror or error})"
    if length != size:
        return f"its file has {length} bytes, its row says {size}"
    if found.digest() != digest:
        return "its file's content has another hash"
    return ""


async def _verify_files(database: Database, bodies: FileBodies, report: Report, tell: Progress) -> None:
    files = bodies.kept()
    while batch := await asyncio.to_thread(_take, files, _PAGE):
        names = [name for name, _, _ in batch]
        known = await database.scan(_known, names)
        unknown = [(name, written) for name, written, _ in batch if name not in known]
        for name, written in await asyncio.to_thread(_still_there, bodies, unknown):
            if time.time() - written < YOUNG:
                report.warn(f"file {name}.eml: no row knows it (left by a crash or a refused message)")
            else:
                report.error(f"file {name}.eml: no row knows it, and it is older than a day")
        report.files += len(batch)
        tell("files", report.files)


async def _verify_mailboxes(database: Database, report: Report, tell: Progress) -> None:
    after = highest = 0
    seen: dict[int, int] = {}
    while ids := await database.scan(_mailbox_ids, after):
        after = ids[-1]
        for mailbox_id in ids:
            mailbox = await _verify_mailbox(database, mailbox_id, report)
            if mailbox is None:
                continue
            report.mailboxes += 1
            highest = max(highest, mailbox.uidvalidity)
            other = seen.setdefault(mailbox.uidvalidity, mailbox_id)
            if other != mailbox_id:
                report.error(
                    f"mailboxes {other} and {mailbox_id} have the same UIDVALIDITY {mailbox.uidvalidity}"
                )
            tell("mailboxes", report.mailboxes)
    counter = await database.scan(_counter)
    if highest > counter:
        report.error(f"the UIDVALIDITY counter is at {counter}, a mailbox has {highest}")


async def _verify_deleted(database: Database, report: Report, tell: Progress) -> None:
    """What was deleted and may come back: each with its body, and no message any more."""
    after = 0
    while True:
        rows, found = await database.scan(_deleted_after, after)
        if not rows:
            return
        after = rows[-1][0]
        for number, line in found:
            # It may have come back, or gone for good, while it was looked at.
            if await database.scan(_deleted_still, number):
                report.error(line)
        report.deleted += len(rows)
        tell("deleted messages", report.deleted)


async def _verify_mailbox(database: Database, mailbox_id: int, report: Report) -> Mailbox | None:
    """One mailbox; again from the start when it changed meanwhile."""
    for _ in range(_TRIES):
        before = await database.scan(_mailbox, mailbox_id)
        if before is None or before.account_id < 0:
            return None
        found = await _look_at(database, before)
        now = await database.scan(_mailbox, mailbox_id)
        if now is None or now.account_id < 0:
            return None
        if now.highest_modseq == before.highest_modseq:
            report.messages += before.messages
            for line in found:
                report.error(f"mailbox {before.name!r} of account {before.account_id}: {line}")
            return before
    report.warn(f"mailbox {mailbox_id} changed all the time and was not checked")
    return before


async def _look_at(database: Database, mailbox: Mailbox) -> list[str]:
    found: list[str] = []
    tally = [0, 0, 0, 0, 0]
    after = message_id(mailbox.id, 0)
    uids: set[int] = set()
    while True:
        rows, lines = await database.scan(_messages_after, mailbox, after)
        if not rows:
            break
        after = rows[-1][0]
        found += lines
        for row in rows:
            uids.add(row[0] & ((1 << UID_BITS) - 1))
            tally[0] += 1
            tally[1] += not row[2] & SEEN
            tally[2] += bool(row[2] & DELETED)
            tally[3] += row[6] if row[2] & DELETED else 0
            tally[4] += row[6]
    counters = (mailbox.messages, mailbox.unseen, mailbox.deleted, mailbox.deleted_size, mailbox.size)
    for word, counted, kept in zip(
        ("messages", "unseen", "deleted", "deleted size", "size"), tally, counters, strict=True
    ):
        if counted != kept:
            found.append(f"counter {word} is {kept}, counted {counted}")
    for uid, modseq in await database.scan(_tombstones, mailbox.id):
        if uid in uids:
            found.append(f"UID {uid} is there and expunged")
        if uid >= mailbox.uidnext or modseq > mailbox.highest_modseq:
            found.append(f"the tombstone of UID {uid} is past UIDNEXT or the highest modseq")
    return found


def _messages_after(tx: Transaction, mailbox: Mailbox, after: int) -> tuple[list[Row], list[str]]:
    last = message_id(mailbox.id, (1 << UID_BITS) - 1)
    rows = tx.execute(SELECT_RANGE, {"after": after, "last": last, "count": _ROWS})
    found: list[str] = []
    for start in range(0, len(rows), _PAGE):
        page = rows[start : start + _PAGE]
        digests = list({bytes(row[9]) for row in page})
        sizes = {bytes(row[0]): row[1] for row in tx.execute(_SELECT_SIZES, {"digests": digests})}
        prefixes = {row[0]: row for row in tx.execute(_SELECT_PREFIXES, {"ids": [row[0] for row in page]})}
        for row in page:
            found += _row_findings(mailbox, row, sizes.get(bytes(row[9])), prefixes.get(row[0]))
    return rows, found


def _row_findings(mailbox: Mailbox, row: Row, size: int | None, prefix: Row | None) -> Iterator[str]:
    uid = row[0] & ((1 << UID_BITS) - 1)
    if not 0 < uid < mailbox.uidnext:
        yield f"UID {uid} is not below UIDNEXT {mailbox.uidnext}"
    if not 0 < row[1] <= mailbox.highest_modseq:
        yield f"UID {uid} has modseq {row[1]}, above the highest, {mailbox.highest_modseq}"
    if size is None:
        yield f"UID {uid} refers to body {bytes(row[9]).hex()}, which has no row"
    elif row[6] != size + row[7]:
        yield f"UID {uid} has size {row[6]}, its parts have {size + row[7]}"
    if prefix is not None and (len(prefix[1]) != row[7] or prefix[2] != mailbox.id):
        yield f"UID {uid} has a prefix of {len(prefix[1])} bytes and says {row[7]}, or another mailbox's number"


def _deleted_after(tx: Transaction, after: int) -> tuple[list[Row], list[tuple[int, str]]]:
    """A page of deleted messages, and the findings by id."""
    rows = tx.execute(SELECT_DELETED_AFTER, {"after": after, "last": MAX_ID, "count": _PAGE})
    if not rows:
        return [], []
    digests = list({bytes(row[5]) for row in rows})
    sizes = {bytes(row[0]): row[1] for row in tx.execute(_SELECT_SIZES, {"digests": digests})}
    live = {row[0] for row in tx.execute(_SELECT_LIVE, {"ids": [row[0] for row in rows]})}
    return rows, [(row[0], line) for row in rows for line in _deleted_findings(row, sizes, live)]


def _deleted_findings(row: Row, sizes: Mapping[bytes, int], live: Container[int]) -> Iterator[str]:
    number, account_id, mailbox_id, size, prefix_size, body, prefix = row
    name = _deleted_name(number, account_id, mailbox_id)
    found = sizes.get(bytes(body))
    if found is None:
        yield f"{name} refers to body {bytes(body).hex()}, which has no row: it cannot come back"
    elif size != found + prefix_size:
        yield f"{name} has size {size}, its parts have {found + prefix_size}"
    if len(prefix) != prefix_size:
        yield f"{name} has a prefix of {len(prefix)} bytes and says {prefix_size}"
    if number in live:
        yield f"{name} is in its mailbox still"


def _deleted_name(number: int, account_id: int, mailbox_id: int) -> str:
    uid = number & ((1 << UID_BITS) - 1)
    return f"deleted message {number} of account {account_id} (UID {uid} of mailbox {mailbox_id})"


def _deleted_still(tx: Transaction, number: int) -> bool:
    return bool(tx.execute(SELECT_DELETED_AFTER, {"after": number - 1, "last": number, "count": 1}))


def _whose(tx: Transaction, digest: bytes) -> str:
    """Whose a body is, for people: the first messages that have it, and the first deleted ones."""
    values = {"of_body": digest, "count": _NAMED + 1}
    found = [
        f"UID {number & ((1 << UID_BITS) - 1)} of mailbox {name!r} of account {account_id}"
        for number, account_id, name in tx.execute(_SELECT_WITH, values)
    ]
    found += [_deleted_name(*row) for row in tx.execute(SELECT_DELETED_WITH, values)]
    if not found:
        return ""
    more = " and others" if len(found) > _NAMED else ""
    return f"; it is that of {', '.join(found[:_NAMED])}{more}"


def _still_there(bodies: FileBodies, found: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return [each for each in found if os.path.exists(bodies.path(each[0]))]


def _take(files: Iterator[tuple[str, float, int]], count: int) -> list[tuple[str, float, int]]:
    return list(islice(files, count))


def _bodies_after(tx: Transaction, after: bytes) -> list[Row]:
    return tx.execute(SELECT_AFTER, {"after": after, "count": _PAGE})


def _body_now(tx: Transaction, digest: bytes) -> Row | None:
    rows = tx.execute(SELECT_BODY, {"digest": digest})
    return rows[0] if rows else None


def _known(tx: Transaction, names: list[str]) -> set[str]:
    rows = tx.execute(SELECT_KNOWN, {"digests": [bytes.fromhex(name) for name in names]})
    return {bytes(row[0]).hex() for row in rows}


def _mailbox_ids(tx: Transaction, after: int) -> list[int]:
    return [row[0] for row in tx.execute(SELECT_ALL_IDS, {"after": after, "count": _PAGE})]


def _mailbox(tx: Transaction, mailbox_id: int) -> Mailbox | None:
    rows = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    return mailbox_from(rows[0]) if rows else None


def _tombstones(tx: Transaction, mailbox_id: int) -> list[Row]:
    return tx.execute(SELECT_TOMBSTONES, {"mailbox_id": mailbox_id, "since": 0})


def _counter(tx: Transaction) -> int:
    rows = tx.execute(SELECT_COUNTER, {"name": "uidvalidity"})
    return int(rows[0][0]) if rows else 0
