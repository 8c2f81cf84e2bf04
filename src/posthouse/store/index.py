"""The search index: which messages may contain a text (FTS5 trigrams, one file for each mailbox).

An aid that nothing depends on. Files are made by the first search of a mailbox that would profit, filled in the
background, asked by the next searches, and made anew when they are damaged. What they answer is only a narrower list
of messages to look into; what goes wrong with them is logged and costs the time of a scan.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from posthouse.bodies.contract import Bodies
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.search import SEARCH_INDEX
from posthouse.store.contract import Mailbox, Message
from posthouse.store.index_file import (
    IndexDamaged,
    IndexFile,
    IndexUnavailable,
    make,
    newest,
    remove,
    remove_old,
)
from posthouse.store.index_fill import IndexFiller, mailbox
from posthouse.store.index_readers import IDLE_SECONDS, IndexReaders
from posthouse.store.index_text import question

log = logger("store.index")

WORTH = 100
"""Messages from which on an index is asked, and messages it must lack before it is filled: fewer are scanned in a few
milliseconds."""

REST_SECONDS = 600.0
"""How long nothing is filled after filling failed."""

SWEEP_SECONDS = 3600.0
"""From so long after the last sweep of this process on it sweeps before it fills: on a node of several, the periodic
job may always run elsewhere."""

MOST_WISHES = 1000
"""Mailboxes waiting to be filled at most; the others wait for their next search."""

_FEW = 0.05
"""Up to this share of the messages, looking each candidate up is quicker than going through all messages."""


def _uid(message: Message) -> int:
    return message.uid


class SearchIndex:
    """The indexes of all mailboxes of this node, in one folder. Processes may share it."""

    def __init__(self, folder: Path, database: Database, bodies: Bodies, settings: CurrentSettings) -> None:
        self._folder = folder
        self._database = database
        self._settings = settings
        self._readers = IndexReaders(folder)
        self._asking = ThreadPoolExecutor(1, "posthouse-index-ask")
        self._writing = ThreadPoolExecutor(1, "posthouse-index-fill")
        self._filler = IndexFiller(folder, database, bodies, settings, self._writing)
        self._wishes: dict[int, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rest_until = 0.0
        self._sweep_at = 0.0
        self._closed = False

    async def close(self) -> None:
        """Stop filling, between two messages, and let go of all files. May be called twice."""
        if self._closed:
            return
        self._closed = self._filler.stopping = True
        self._wishes.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._asking, self._readers.close)
        self._asking.shutdown()
        self._writing.shutdown()

    # asking

    async def candidates(self, box: Mailbox, messages: Sequence[Message], needle: str) -> Sequence[Message]:
        """Those of ``messages`` (of ``box``, ascending by UID) that may contain the folded ``needle``: all that do, all
        that are not indexed yet, and some more. Asks for the mailbox to be filled where that pays."""
        if len(messages) < WORTH or self._closed or not self._settings.now[SEARCH_INDEX]:
            return messages
        expression = question(needle)
        if expression is None:
            return messages
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._asking, self._readers.find, box.id, box.object_id, expression
        )
        if self._closed:
            return messages
        if found is None:
            self._wish(box.id)
            return messages
        if self._timer is None:
            self._timer = loop.call_later(IDLE_SECONDS, self._tidy)
        state, uids = found
        known = bisect_right(messages, state.upto, key=_uid)
        last = messages[known - 1] if known else None
        if state.upto >= box.uidnext or (
            last is not None and last.uid == state.upto and last.body != state.mark
        ):
            self._wish(box.id)  # perhaps the database was restored: the filler looks
            return messages
        if len(messages) - known >= WORTH:
            self._wish(box.id)
        return _among(messages, known, uids)

    def _tidy(self) -> None:
        """Now and then: close what nobody asks."""
        loop = asyncio.get_running_loop()

        def again(ended: asyncio.Future[bool]) -> None:
            self._timer = None
            if not self._closed and not ended.cancelled() and ended.result():
                self._timer = loop.call_later(IDLE_SECONDS, self._tidy)

        closing = loop.run_in_executor(self._asking, lambda: self._readers.close(idle=IDLE_SECONDS))
        closing.add_done_callback(again)

    # filling

    def _wish(self, mailbox_id: int) -> None:
        if len(self._wishes) < MOST_WISHES and monotonic() >= self._rest_until:
            self._wishes[mailbox_id] = None
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._work())

    async def filled(self) -> None:
        """Wait until nothing is being filled any more (for tests and commands)."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._wishes:
            mailbox_id = next(iter(self._wishes))
            try:
                if monotonic() >= self._sweep_at:
                    await self.sweep()
                await self._filler.fill(mailbox_id)
            except IndexDamaged:
                pass  # logged, and replaced by an empty one that the next search fills
            except (IndexUnavailable, DatabaseUnavailable, OSError) as error:
                log.warning("index.unfilled", mailbox=mailbox_id, reason=str(error))
                self._rest()
            except Exception:  # an aid must not fail aloud
                log.exception("index.unfilled", mailbox=mailbox_id)
                self._rest()
            self._wishes.pop(mailbox_id, None)

    def _rest(self) -> None:
        self._wishes.clear()
        self._rest_until = monotonic() + REST_SECONDS

    # removing

    async def forget(self, mailbox_ids: Iterable[int]) -> None:
        """Remove the indexes of mailboxes that are gone."""
        ids = list(mailbox_ids)

        def work() -> None:
            for mailbox_id in ids:
                remove(self._folder / str(mailbox_id))

        if not self._closed and self._folder.exists():
            await asyncio.get_running_loop().run_in_executor(self._writing, work)

    async def sweep(self) -> None:
        """The periodic job: remove indexes of mailboxes that are gone and files that were replaced, replace those that
        mostly know messages that are gone, and remove everything when the setting is off."""
        self._sweep_at = monotonic() + SWEEP_SECONDS
        loop = asyncio.get_running_loop()
        for mailbox_id in await loop.run_in_executor(self._writing, _kept, self._folder):
            folder = self._folder / str(mailbox_id)
            box = await self._database.read(mailbox, mailbox_id)
            if self._closed:
                return
            if box is None or not self._settings.now[SEARCH_INDEX]:
                await loop.run_in_executor(self._writing, remove, folder)
            else:
                await loop.run_in_executor(self._writing, _tidy, folder, box)


def _among(messages: Sequence[Message], known: int, uids: Sequence[int]) -> list[Message]:
    """The first ``known`` messages as far as their UID is among ``uids``, and all others."""
    if len(uids) > known * _FEW:
        wanted = set(uids)
        found = [message for message in messages[:known] if message.uid in wanted]
    else:
        found = []
        for uid in sorted(uids):
            at = bisect_left(messages, uid, hi=known, key=_uid)
            if at < known and messages[at].uid == uid:
                found.append(messages[at])
    found += messages[known:]
    return found


def _kept(folder: Path) -> list[int]:
    """The mailboxes that have an index."""
    try:
        return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
    except OSError:
        return []


def _tidy(folder: Path, box: Mailbox) -> None:
    path = newest(folder)
    try:
        if path is not None:
            file = IndexFile(path, box.object_id, writing=False)
            file.close()
            if file.documents > 2 * box.messages + 1000:
                make(folder, box.object_id)
    except (IndexDamaged, IndexUnavailable):
        pass  # who asks it next will see to it
    remove_old(folder)
