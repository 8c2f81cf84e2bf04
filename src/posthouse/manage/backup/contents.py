"""Reading what a backup holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.manage.backup.manifest import BodyEntry, Manifest, Piece, TablePieces
from posthouse.manage.backup.repository import Repository
from posthouse.manage.backup.sealing import Damaged
from posthouse.manage.backup.tables import content_of, every_table, limit_of, read_entries, read_rows

CACHED = 4
"""Pieces of rows held in memory: mailboxes that lie side by side share them."""

Cells = dict[str, Any]


class Contents:
    """One backup, opened. All methods block."""

    def __init__(self, repository: Repository, manifest: Manifest, *, skip_damaged: bool = False) -> None:
        self.repository = repository
        self.manifest = manifest
        self.skip_damaged = skip_damaged
        self.lost = set(manifest.lost)
        """Bodies that cannot be had: their messages are left out."""
        self.lost_queue: set[int] = set()
        """Queued messages left out for the same reason."""
        self._cache: OrderedDict[bytes, list[list[Any]]] = OrderedDict()

    def check_known(self) -> None:
        """Raise Damaged when a newer program made it: tables or columns we do not know."""
        known = every_table()
        for table in self.manifest.tables:
            columns = {column.name for column in known[table.name].columns} if table.name in known else set()
            strange = [name for name in table.columns if name not in columns]
            if strange or not columns:
                raise Damaged(
                    f"it was made by posthouse {self.manifest.program}, which keeps {table.name} in another form"
                )

    def rows(self, name: str, first: int | None = None, last: int | None = None) -> Iterator[Cells]:
        """The rows of a table, in the order of its key; with ``first`` and ``last`` only those whose first key
        column is in the range."""
        table = self.manifest.table(name)
        if table is None:
            return
        for piece in table.pieces:
            if first is not None and last is not None and (piece.last < first or piece.first > last):
                continue
            for row in self.piece(table, piece):
                if first is None or last is None or first <= row[0] <= last:
                    yield dict(zip(table.columns, row, strict=True))

    def piece(self, table: TablePieces, piece: Piece) -> list[list[Any]]:
        """The rows of one piece. Raises Damaged."""
        found = self._cache.get(piece.digest)
        if found is None:
            content = content_of(self.repository.read("rows", piece.digest, limit_of(piece)))
            found = self._cache[piece.digest] = read_rows(content, piece, len(table.columns))
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return found

    def entries(self, piece: Piece) -> list[BodyEntry]:
        """The bodies of one list. Raises Damaged."""
        return read_entries(content_of(self.repository.read("list", piece.digest, limit_of(piece))), piece)

    def check_rows(self, tell: Callable[[str, int, int], None]) -> None:
        """Read every row and every list once, before anything is changed. Raises Damaged."""
        for table in self.manifest.tables:
            for piece in table.pieces:
                self.piece(table, piece)
                tell("Checking the backup", 0, 0)
        for piece in self.manifest.body_lists:
            self.entries(piece)
            tell("Checking the backup", 0, 0)

    def fetch(self, bodies: FileBodies, digest: bytes, size: int) -> None:
        """Put one body back among the kept ones, durable. Nothing of it stays if it is not what it should be: this
        raises Damaged, or the body is lost where damaged ones are to be skipped."""
        try:
            self._fetch(bodies, digest, size)
        except Damaged as trouble:
            if not self.skip_damaged:
                raise Damaged(f"{self.repository.name('body', digest)}: {trouble}") from trouble
            self.lost.add(digest)

    def _fetch(self, bodies: FileBodies, digest: bytes, size: int) -> None:
        spool = bodies.spool()
        try:
            for part in self.repository.read("body", digest, size):
                spool.write(part)
            body: Body = spool.finish()
            if body.digest != digest.hex() or body.size != size:
                raise Damaged("a message is not what it says")
            bodies.keep(body)
        finally:
            spool.discard()


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong."""

    objects: int
    size: int
    errors: list[str]
    error_count: int


MOST_ERRORS = 1000


def check(
    repository: Repository, manifest: Manifest, tell: Callable[[str, int, int], None], *, mend: bool
) -> Checked:
    """Is every object there and whole? Without the private key by its mark, with it by what it holds. ``mend``
    removes damaged objects, so that the next backup writes them again if the mail store still has them."""
    errors: list[str] = []
    count = objects = size = 0
    contents = Contents(repository, manifest)
    total = sum(len(table.pieces) for table in manifest.tables) + len(manifest.body_lists) + manifest.bodies
    for kind, digest, most in _everything(contents):
        try:
            if repository.keys.private is not None and kind != "list":
                for piece in repository.read(kind, digest, most):
                    size += len(piece)
            else:
                size += repository.check(kind, digest)
        except Damaged as trouble:
            count += 1
            name = repository.name(kind, digest)
            if len(errors) < MOST_ERRORS:
                errors.append(f"{name}: {trouble}")
            if mend:
                repository.place.delete(name)
        objects += 1
        tell("Checking", objects, total)
    return Checked(objects, size, errors, count)


def _everything(contents: Contents) -> Iterable[tuple[Any, bytes, int]]:
    for table in contents.manifest.tables:
        for piece in table.pieces:
            yield "rows", piece.digest, limit_of(piece)
    for piece in contents.manifest.body_lists:
        yield "list", piece.digest, limit_of(piece)
        try:
            entries = contents.entries(piece)
        except Damaged:
            continue  # told for the list itself
        for entry in entries:
            if entry.digest not in contents.lost:
                yield "body", entry.digest, entry.size
