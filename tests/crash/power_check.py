"""A data folder after a power cut, looked at in this process as an offline use would: is all there that was said?"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import apsw
from power_expected import QUEUE, Expected, Key, fits

from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import replay
from posthouse.database.contract import Database
from posthouse.database.sqlite import SqliteDatabase
from posthouse.queue import view
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from posthouse.store.verify import verify

Copies = dict[Key, dict[str, list[tuple[int, frozenset[str]]]]]

_BITS = {SEEN: "\\Seen", ANSWERED: "\\Answered", FLAGGED: "\\Flagged", DELETED: "\\Deleted", DRAFT: "\\Draft"}
_SUBJECT = re.compile(rb"^Subject: (\w+)\r$", re.M)
_MESSAGES = """
    SELECT accounts.address, mailboxes.name, messages.id & 4294967295, messages.flags, messages.keywords, messages.body
    FROM messages
    JOIN mailboxes ON mailboxes.id = messages.mailbox_id JOIN accounts ON accounts.id = mailboxes.account_id
"""
_MAILBOXES = """
    SELECT accounts.address, mailboxes.name, mailboxes.uidnext, mailboxes.uidvalidity
    FROM mailboxes JOIN accounts ON accounts.id = mailboxes.account_id
"""
_QUEUED = """
    SELECT queue_recipients.destination, queue_recipients.recipient, queue_messages.body
    FROM queue_recipients JOIN queue_messages ON queue_messages.id = queue_recipients.message_id
"""


class Checker:
    """Looks at one folder after the other. ``sent``: token → SHA-256 of the text of every message there ever was."""

    def __init__(self, sent: dict[str, str]) -> None:
        self._sent = sent
        self._runner = asyncio.Runner()
        self._tokens: dict[bytes, str] = {}
        self._validity: dict[tuple[str, str], int] = {}
        self.replayed: Counter[str] = Counter()
        """What the journals gave back."""

    def close(self) -> None:
        """The last was looked at."""
        self._runner.close()

    def look(self, data: Path, expected: Expected) -> list[tuple[str, str]]:
        """What is wrong with it: kind and words. It is a data folder that nobody uses."""
        try:
            return self._runner.run(self._look(data, expected))
        except Exception as error:
            return [("start", f"the folder cannot be opened: {type(error).__name__}: {error}")]

    async def _look(self, data: Path, expected: Expected) -> list[tuple[str, str]]:
        path = data / "posthouse.db"
        database: Database = SqliteDatabase(str(path), 1)
        bodies = FileBodies(data, cache=0)
        try:
            done = replay(data, bodies)
            self.replayed.update(bodies=done.bodies, written=done.written, damaged=done.damaged)
            report = await verify(database, bodies)
            findings = [("verify", line) for line in report.errors]
            findings += [("verify", line) for line in await _queue_without_bodies(database, bodies)]
            try:
                with contextlib.closing(apsw.Connection(str(path))) as connection:
                    findings += [("database", line) for line in _integrity(connection)]
                    found, wrong = self._copies(connection, data)
                    findings += [*wrong, *self._uids(connection, expected)]
            except apsw.Error as error:
                return [*findings, ("database", str(error))]
        finally:
            bodies.close()
            await database.close()
        return [*findings, *_compare(found, expected)]

    def _copies(self, connection: apsw.Connection, data: Path) -> tuple[Copies, list[tuple[str, str]]]:
        found: Copies = defaultdict(lambda: defaultdict(list))
        wrong: list[tuple[str, str]] = []
        for address, name, uid, bits, keywords, digest in connection.execute(_MESSAGES):
            token = self._token(data, bytes(digest))
            if token is None:
                wrong.append(("damaged", f"UID {uid} of {name} of {address}: its body is not what was sent"))
                continue
            flags = {word for bit, word in _BITS.items() if bits & bit} | set(keywords.split())
            found[address, token][name].append((uid, frozenset(flags)))
        for destination, recipient, digest in connection.execute(_QUEUED):
            token = self._token(data, bytes(digest))
            if token is None:
                wrong.append(("damaged", f"queued for {recipient}: its body is not what was sent"))
                continue
            address = recipient if destination == "local" else ""
            found[address, token][QUEUE].append((0, frozenset()))
        return found, wrong

    def _token(self, data: Path, digest: bytes) -> str | None:
        """Which message a body is; None unless it is one as it was sent, whole."""
        name = digest.hex()
        try:
            content = (data / "messages" / name[:2] / f"{name}.eml").read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).digest() != digest:
            return None
        if digest not in self._tokens:
            header, _, text = content.partition(b"\r\n\r\n")
            subject = _SUBJECT.search(header + b"\r\n")
            token = subject[1].decode() if subject else "?"
            if self._sent.get(token) != hashlib.sha256(text).hexdigest():
                return None
            self._tokens[digest] = token
        return self._tokens[digest]

    def _uids(self, connection: apsw.Connection, expected: Expected) -> Iterator[tuple[str, str]]:
        rows = {(row[0], row[1]): row[2:] for row in connection.execute(_MAILBOXES)}
        for (address, name), highest in expected.seen.items():
            row = rows.get((address, name))
            if row is None:
                yield "lost", f"mailbox {name} of {address}"
            elif row[0] <= highest:
                yield "uid", f"{name} of {address} will give UID {row[0]} again: {highest} was seen"
            elif self._validity.setdefault((address, name), row[1]) != row[1]:
                yield "uid", f"{name} of {address} has another UIDVALIDITY"


def _compare(found: Copies, expected: Expected) -> Iterator[tuple[str, str]]:
    allowed = expected.allowed()
    for key, options in allowed.items():
        copies = found.get(key, {})
        if any(fits(copies, place) for place in options):
            continue
        words = f"{key[1]} of {key[0] or 'those sent on'}: found {dict(copies)}, promised {options}"
        if not copies:
            yield "lost", words
        elif any(len(each) > 1 for each in copies.values()):
            yield "twice", words
        elif not any(options):
            yield "back", words
        else:
            yield "changed", words
    for key in found.keys() - allowed.keys():
        yield "strange", f"{key[1]} of {key[0]}: found {dict(found[key])}, which nobody was sending"


def _integrity(connection: apsw.Connection) -> Iterator[str]:
    for row in connection.execute("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield str(row[0])
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {row[0]} refers to one of {row[2]} that is not there"


async def _queue_without_bodies(database: Database, bodies: FileBodies) -> list[str]:
    after, found = 0, []
    while page := await database.scan(view.list_bodies, after):
        after = page[-1][0]
        found += [
            f"queued {number} has no body"
            for number, digest in page
            if not Path(bodies.path(digest)).exists()
        ]
    return found
