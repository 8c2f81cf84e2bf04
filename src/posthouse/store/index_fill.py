"""Filling a mailbox's search index: a small chunk, a rest as long, the next chunk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from time import monotonic
from typing import NamedTuple, TypeVar

from posthouse.bodies.contract import Bodies, BodyMissing
from posthouse.database.contract import Database, Transaction
from posthouse.mail.mime import Buffer
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.limits import FREE_SPACE
from posthouse.settings.search import SEARCH_INDEX
from posthouse.store.contract import Mailbox
from posthouse.store.index_file import IndexDamaged, IndexFile, IndexState, IndexUnavailable, make, newest
from posthouse.store.index_readers import replace
from posthouse.store.index_text import document
from posthouse.store.records import (
    SELECT_FACTS,
    SELECT_IDS,
    SELECT_MAILBOX,
    SELECT_WHOLE,
    UID_BITS,
    message_id,
)
from posthouse.store.rows import StoredMessage, mailbox_from

log = logger("store.index")

T = TypeVar("T")

CHUNK = 50
"""Messages read for one transaction."""

CHUNK_SECONDS = 0.25
"""How long one transaction goes on adding messages."""

MERGE_FROM = 1000
"""From so many new messages on the file's segments are merged, which makes questions a little quicker."""

RESERVE = 256 << 20
"""Bytes that must be free on the disk beyond ``limits.free_space``."""

_UID = (1 << UID_BITS) - 1


class _Source(NamedTuple):
    """A message on its way into the index."""

    uid: int
    digest: str
    prefix: bytes
    facts: bytes | None
    buffer: Buffer | None


class IndexFiller:
    """Fills one mailbox at a time. ``executor`` has one thread, the only one that writes index files."""

    def __init__(
        self, folder: Path, database: Database, bodies: Bodies, settings: CurrentSettings, executor: Executor
    ) -> None:
        self._folder = folder
        self._database = database
        self._bodies = bodies
        self._settings = settings
        self._executor = executor
        self._name = f"{os.getpid()}-{os.urandom(6).hex()}"
        self.stopping = False

    async def fill(self, mailbox_id: int) -> None:
        """Add what the index of a mailbox lacks. Raises IndexUnavailable, IndexDamaged (the file was replaced: try
        again) and what the database raises."""
        box = await self._database.read(mailbox, mailbox_id)
        if box is None:
            return
        file = await self._call(self._open, box)
        try:
            state = await self._call(file.claim, self._name)
            if state is None:
                return  # another process is at it
            try:
                if await self._outdated(box, state):
                    raise IndexDamaged("it knows messages the mailbox has not: the database was restored")
                await self._advance(box, file, state)
            finally:
                await self._call(file.release, self._name)
        except IndexUnavailable:
            if newest(file.path.parent) == file.path:
                raise
            # removed with its mailbox, or replaced: not ours to fill any more
        except IndexDamaged as error:
            await self._call(replace, file.path.parent, file.path, box.object_id, str(error))
            raise
        finally:
            await self._call(file.close)

    def _open(self, box: Mailbox) -> IndexFile:
        folder = self._folder / str(box.id)
        path = newest(folder) or make(folder, box.object_id)
        try:
            return IndexFile(path, box.object_id, writing=True)
        except IndexDamaged as error:
            replace(folder, path, box.object_id, str(error))
            raise

    async def _outdated(self, box: Mailbox, state: IndexState) -> bool:
        """Whether the index is ahead of the mailbox, or saw another message under the last UID."""
        if state.upto >= box.uidnext:
            return True
        found = await self._database.scan(_next, box.id, state.upto - 1, 1) if state.upto else []
        return any(source.uid == state.upto and source.digest != state.mark for source in found)

    async def _advance(self, box: Mailbox, file: IndexFile, state: IndexState) -> None:
        after, begun = state.upto, monotonic()
        while self._goes_on(file):
            started = monotonic()
            sources = await self._database.scan(_next, box.id, after, CHUNK)
            if not sources:
                break
            ready = [await self._read(source) for source in sources]
            upto = await self._call(file.add, self._name, self._documents(box.id, ready))
            if upto is None:
                return
            after = upto
            await asyncio.sleep(monotonic() - started)
        else:
            return
        added = (await self._call(file.state)).documents - state.documents
        if added >= MERGE_FROM:
            await self._merge(file)
        log.info("index.filled", mailbox=box.id, messages=added, seconds=round(monotonic() - begun, 1))

    async def _merge(self, file: IndexFile) -> None:
        first = more = True
        while more and self._goes_on(file):
            started = monotonic()
            more = await self._call(file.merge, first)
            first = False
            await asyncio.sleep(monotonic() - started)

    def _goes_on(self, file: IndexFile) -> bool:
        """Whether to take another step. Raises IndexUnavailable when the disk is nearly full."""
        if self.stopping or not self._settings.now[SEARCH_INDEX] or newest(file.path.parent) != file.path:
            return False
        if shutil.disk_usage(file.path.parent).free < self._settings.now[FREE_SPACE] + RESERVE:
            raise IndexUnavailable("the disk is nearly full")
        return True

    async def _read(self, source: _Source) -> _Source:
        await asyncio.sleep(0)  # a file may have to come from the disk: never two of them in a row
        try:
            return source._replace(buffer=self._bodies.read(source.digest))
        except (BodyMissing, OSError):
            return source

    def _documents(self, mailbox_id: int, sources: list[_Source]) -> Iterator[tuple[int, str, str | None]]:
        """The documents of some messages, as many as there is time for. In the thread that writes."""
        until = monotonic() + CHUNK_SECONDS
        for source in sources:
            text = None
            if source.buffer is not None and source.facts is not None:
                try:
                    text = document(source.buffer, source.facts, source.prefix)
                except (
                    Exception
                ):  # whatever is wrong with one message must not keep the others from being found
                    log.exception("index.message", mailbox=mailbox_id, uid=source.uid)
            yield source.uid, source.digest, text
            if self.stopping or monotonic() > until:
                return

    async def _call(self, call: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *values)


def mailbox(tx: Transaction, mailbox_id: int) -> Mailbox | None:
    """A mailbox that is not being deleted."""
    rows = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    return mailbox_from(rows[0]) if rows and rows[0][1] >= 0 else None


def _next(tx: Transaction, mailbox_id: int, after: int, count: int) -> list[_Source]:
    span = {"after": message_id(mailbox_id, after), "last": message_id(mailbox_id, _UID)}
    ids = [row[0] for row in tx.execute(SELECT_IDS, {**span, "count": count})]
    if not ids:
        return []
    rows = tx.execute(SELECT_WHOLE, {"ids": ids})
    found = [(StoredMessage(row), bytes(row[-1])) for row in rows]
    digests = list({bytes.fromhex(message.body) for message, _ in found})
    facts = {bytes(row[0]).hex(): bytes(row[1]) for row in tx.execute(SELECT_FACTS, {"digests": digests})}
    return [
        _Source(message.uid, message.body, prefix, facts.get(message.body), None) for message, prefix in found
    ]
