"""The mailboxes open in this process, and those closed a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.store import OPEN_CACHE
from posthouse.store.compact import WEIGHT, Compact
from posthouse.store.contract import StoreRefusal
from posthouse.store.state import MailboxState
from posthouse.store.view import MailboxView

log = logger("store.openings")

KEPT_SECONDS = 300.0
"""How long the mailbox that was closed last is kept, however large."""

Key = tuple[int, int]
"""A mailbox and for whose eyes (0: for everybody's)."""


class Openings:
    """One state for each mailbox, however many sessions read it; one for each reader where each has their own
    \\Seen."""

    def __init__(self, database: Database, feed: Feed, settings: CurrentSettings) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._states: dict[Key, MailboxState] = {}
        self._subscriptions: dict[Key, Callable[[], None]] = {}
        self._idle: dict[Key, int] = {}
        """Mailboxes no session has open, the longest idle first, and what each counts against the limit."""
        self._held = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled: set[Key] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def view(self, mailbox_id: int, reader: int = 0) -> MailboxView:
        """A new view of a mailbox; with the \\Seen of ``reader`` where each reader has their own. Raises StoreRefusal
        NONEXISTENT."""
        key = (mailbox_id, reader)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = MailboxState(self._database, mailbox_id, reader)
            self._subscriptions[key] = self._feed.subscribe(
                "mailbox", mailbox_id, partial(self._heard, state)
            )
        self._awake(key)
        state.opening += 1
        try:
            await state.refresh()
            return MailboxView(state, self._closed)
        finally:
            state.opening -= 1
            self._retire_unused(state)

    async def close(self) -> None:
        """End what runs and forget everything."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in self._subscriptions.values():
            end()
        self._subscriptions.clear()
        self._states.clear()
        self._idle.clear()

    def _heard(self, state: MailboxState, topic: str, mailbox_id: int, modseq: int) -> None:
        """A notice of the feed: note it; load at once only where somebody waits for it."""
        if modseq <= state.modseq:
            return
        state.stale = True
        if state.key not in self._scheduled and any(view.listens for view in state.views):
            self._scheduled.add(state.key)
            task = asyncio.get_running_loop().create_task(self._load(state))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _load(self, state: MailboxState) -> None:
        self._scheduled.discard(state.key)  # a notice from now on wants a load of its own
        try:
            await state.refresh()
        except StoreRefusal:
            pass  # gone: the views were told, and find out when they refresh
        except DatabaseUnavailable as error:
            log.warning("refresh.failed", mailbox=state.mailbox_id, reason=str(error))

    def _closed(self, state: MailboxState, view: MailboxView) -> None:
        self._retire_unused(state)

    def _retire_unused(self, state: MailboxState) -> None:
        """If nobody reads it any more, nor is about to: keep it a while, within the limit."""
        if state.views or state.opening or self._states.get(state.key) is not state:
            return
        if state.gone:
            self._forget(state.key)
            return
        state.scratch.clear()
        self._awake(state.key)
        size = 20 + len(state.uids) // (
            WEIGHT if isinstance(state.rows, Compact) else 1
        )  # empty ones cost, too
        self._idle[state.key] = size
        self._held += size
        self._make_room(1 if self._settings.now[OPEN_CACHE] else 0)
        if self._timer is None and self._held > self._settings.now[OPEN_CACHE]:
            self._timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._late)

    def _make_room(self, least: int) -> None:
        """Forget the longest idle until the rest is within the limit; ``least`` of them stay in any case: a client that
        selects a large mailbox again should not wait for it again."""
        room = self._settings.now[OPEN_CACHE]
        while len(self._idle) > least and self._held > room:
            self._forget(next(iter(self._idle)))

    def _late(self) -> None:
        self._timer = None
        self._make_room(0)

    def _awake(self, key: Key) -> None:
        """It is idle no longer."""
        self._held -= self._idle.pop(key, 0)

    def _forget(self, key: Key) -> None:
        self._states.pop(key, None)
        self._awake(key)
        end = self._subscriptions.pop(key, None)
        if end is not None:
            end()
