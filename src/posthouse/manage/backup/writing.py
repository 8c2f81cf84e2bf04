"""Making a backup: a picture of all rows, then every body the picture refers to, then the manifest.

Runs in a thread of its own and blocks there; the event loop only hears how far it is. Memory: one piece of rows,
one piece of a body.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import apsw
from sqlalchemy import Table, exists, func, or_, select

from posthouse import __version__
from posthouse.bodies.records import bodies as bodies_table
from posthouse.database import migrations
from posthouse.database.snapshot import Picture, picture
from posthouse.directory.records import accounts, domains
from posthouse.manage.backup.manifest import FORMAT, AccountSummary, BodyEntry, Manifest, Piece, TablePieces
from posthouse.manage.backup.repository import Kind, Repository, new_id
from posthouse.manage.backup.tables import (
    Cutter,
    content_of,
    converters,
    every_table,
    limit_of,
    read_entries,
    select_all,
)
from posthouse.observe import steps
from posthouse.observe.log import logger
from posthouse.queue.records import queue_messages
from posthouse.store.deleted_records import deleted_messages
from posthouse.store.records import mailboxes, messages

log = logger("backup")

_READ = 256 * 1024
LONGEST_REST = 0.05
"""Seconds of rest after one file."""
_LEAST = 80
"""Bytes below which a file in a place cannot be an object."""

_IN_MAIL = exists().where(messages.c.body == bodies_table.c.digest)
_IN_DELETED = exists().where(deleted_messages.c.body == bodies_table.c.digest)
_IN_QUEUE = exists().where(queue_messages.c.body == bodies_table.c.digest)

Tell = Callable[[str, int, int], None]
"""Told what is being written, how many so far, of how many (0: unknown). Raises to end the work."""


class _BodyLost(Exception):
    """A body's file is missing or damaged."""


@dataclass(slots=True)
class Written:
    """What this run added."""

    objects: int = 0
    size: int = 0
    lost: list[bytes] = field(default_factory=list)


class Known:
    """The names of objects that are there already, in a private file of SQLite's: memory does not grow with
    them."""

    def __init__(self) -> None:
        self._names = apsw.Connection("")
        self._names.execute("CREATE TABLE names (name BLOB PRIMARY KEY) WITHOUT ROWID")

    @classmethod
    def of(cls, repository: Repository) -> Known:
        """All that are in the place."""
        made = cls()
        made.add_all(name for name, size in repository.place.names("objects") if size >= _LEAST)
        return made

    def __contains__(self, name: str) -> bool:
        found = self._names.execute("SELECT 1 FROM names WHERE name = ?", (_short(name),)).fetchall()
        return bool(found)

    def add(self, name: str) -> None:
        """Remember one."""
        self._names.execute("INSERT OR IGNORE INTO names VALUES (?)", (_short(name),))

    def add_all(self, names: Iterable[str]) -> None:
        """Remember many."""
        with self._names:
            self._names.executemany(
                "INSERT OR IGNORE INTO names VALUES (?)", ((_short(name),) for name in names)
            )

    def close(self) -> None:
        """Forget all."""
        self._names.close()


def _short(name: str) -> bytes:
    return bytes.fromhex(name[-64:])


class Writer:
    """Writes one backup. ``body_path`` says where a body's file is; ``gentle``: it rests after each file as long as
    that took."""

    def __init__(
        self,
        repository: Repository,
        body_path: Callable[[str], str],
        hostname: str,
        tell: Tell,
        *,
        gentle: bool = False,
    ) -> None:
        self._gentle = gentle
        self._repository = repository
        self._body_path = body_path
        self._hostname = hostname
        self._tell = tell
        self._written = Written()
        self._known = Known.of(repository)

    def run(self, url: str, scratch: Path) -> Manifest:
        """Write the backup. Raises PlaceError, DatabaseUnavailable, OSError, and what ``tell`` raises."""
        earlier = self._repository.backups()
        started = time.time()
        identity = new_id(started)
        try:
            self._tell("Copying the database", 0, 0)
            with picture(url, scratch, lambda: self._tell("Copying the database", 0, 0)) as rows:
                steps.step("backup.pictured")
                tables = [self._table(rows, table) for table in every_table().values()]
                names, people = _summary(rows)
                lists, count, size = self._lists(rows)
            steps.step("backup.rows")
            self._bodies(lists, count)
        finally:
            self._known.close()
        steps.step("backup.bodies")
        made = Manifest(
            format=FORMAT,
            id=identity,
            started=started,
            finished=time.time(),
            parent=earlier[-1] if earlier else "",
            program=__version__,
            schema=migrations.HEAD,
            hostname=self._hostname,
            domains=names,
            accounts=people,
            tables=tables,
            body_lists=lists,
            bodies=count,
            body_bytes=size,
            lost=self._written.lost,
            new_objects=self._written.objects,
            new_bytes=self._written.size,
        )
        self._repository.write_manifest(made)
        return made

    def _keep(self, kind: Kind, digest: bytes, content: Iterator[bytes]) -> None:
        name = self._repository.name(kind, digest)
        if name in self._known:
            return
        begun = time.monotonic()
        self._written.size += self._repository.put(kind, digest, content)
        self._written.objects += 1
        if self._gentle:
            # Each file is flushed: on a disk they share, mail would wait for one flush after the other.
            time.sleep(min(time.monotonic() - begun, LONGEST_REST))
        self._known.add(name)
        steps.step("backup.object")

    def _table(self, rows: Picture, table: Table) -> TablePieces:
        columns = list(table.columns)
        convert = converters(columns)
        places = [columns.index(column) for column in table.primary_key.columns]
        cutter = Cutter(lambda digest, content: self._keep("rows", digest, iter([content])))
        for row in rows.rows(select_all(table)):
            values = [make(value) for make, value in zip(convert, row, strict=True)]
            cutter.add(values, tuple(values[place] for place in places))
            if cutter.rows % 500 == 0:
                self._tell(f"Rows of {table.name}", cutter.rows, 0)
        cutter.end()
        self._tell(f"Rows of {table.name}", cutter.rows, 0)
        last = rows.last_id(table)
        return TablePieces(
            str(table.name), [str(column.name) for column in columns], cutter.rows, last, cutter.pieces
        )

    def _lists(self, rows: Picture) -> tuple[list[Piece], int, int]:
        """The lists of all bodies that are not on their way out, their number and bytes: oldest first, so that new
        ones come at the end. A condemned one that something refers to stays: on a server database a unit may refer
        to a body while another condemns it, until the removal job sees that and revives it."""
        cutter = Cutter(lambda digest, content: self._keep("list", digest, iter([content])), rows=1024)
        of = bodies_table.c
        wanted = (
            select(of.digest, of.size, of.created_at)
            .where(or_(of.condemned_at.is_(None), _IN_MAIL, _IN_DELETED, _IN_QUEUE))
            .order_by(of.created_at, of.digest)
        )
        size = 0
        for digest, length, created_at in rows.rows(wanted):
            size += int(length)
            cutter.add(BodyEntry(bytes(digest), int(length), int(created_at)), (bytes(digest),))
            if cutter.rows % 500 == 0:
                self._tell("Listing messages", cutter.rows, 0)
        cutter.end()
        return cutter.pieces, cutter.rows, size

    def _bodies(self, lists: list[Piece], count: int) -> None:
        done = 0
        for piece in lists:
            for entry in entries_in(self._repository, piece):
                try:
                    self._keep("body", entry.digest, self._body(entry))
                except _BodyLost as trouble:
                    log.error("backup.body_lost", body=entry.digest.hex(), reason=str(trouble))
                    self._written.lost.append(entry.digest)
                done += 1
                self._tell("Messages", done, count)

    def _body(self, entry: BodyEntry) -> Iterator[bytes]:
        """A body's file; raises at its end if it is not what its name says, so that it is not kept as such."""
        found = hashlib.sha256()
        try:
            with open(self._body_path(entry.digest.hex()), "rb") as file:
                while piece := file.read(_READ):
                    found.update(piece)
                    yield piece
        except FileNotFoundError:
            raise _BodyLost("its file is missing") from None
        except OSError as error:
            raise _BodyLost(f"its file cannot be read ({error.strerror or error})") from error
        if found.digest() != entry.digest:
            raise _BodyLost("its file's content has another hash")


def entries_in(repository: Repository, piece: Piece) -> list[BodyEntry]:
    """The bodies of one list. Raises Damaged."""
    return read_entries(content_of(repository.read("list", piece.digest, limit_of(piece))), piece)


def _summary(rows: Picture) -> tuple[list[str], list[AccountSummary]]:
    names = [str(row[0]) for row in rows.rows(select(domains.c.name).order_by(domains.c.name))]
    held = {
        int(row[0]): (int(row[1]), int(row[2] or 0), int(row[3] or 0))
        for row in rows.rows(
            select(
                mailboxes.c.account_id,
                func.count(),
                func.sum(mailboxes.c.messages),
                func.sum(mailboxes.c.size),
            ).group_by(mailboxes.c.account_id)
        )
    }
    people = [
        AccountSummary(str(row[1]), *held.get(int(row[0]), (0, 0, 0)))
        for row in rows.rows(select(accounts.c.id, accounts.c.address).order_by(accounts.c.address))
    ]
    return names, people
