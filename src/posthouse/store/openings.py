"""The mailboxes open in this process, and those closed a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.store import OPEN_CACHE
from posthouse.store.contract import StoreRefusal
from posthouse.store.state import MailboxState
from posthouse.store.view import MailboxView

log = logger("store.openings")


class Openings:
    """One state for each mailbox, however many sessions read it."""

    def __init__(self, database: Database, feed: Feed, settings: CurrentSettings) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._states: dict[int, MailboxState] = {}
        self._subscriptions: dict[int, Callable[[], None]] = {}
        self._idle: dict[int, int] = {}
        """Mailboxes no session has open, the longest idle first, and what each counts against the limit."""
        self._held = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled: set[int] = set()

    async def view(self, mailbox_id: int) -> MailboxView:
        """A new view of a mailbox. Raises StoreRefusal NONEXISTENT."""
        state = self._states.get(mailbox_id)
        if state is None:
            state = self._states[mailbox_id] = MailboxState(self._database, mailbox_id)
            self._subscriptions[mailbox_id] = self._feed.subscribe("mailbox", mailbox_id, self._heard)
        self._awake(mailbox_id)
        state.opening += 1
        try:
            await state.refresh()
            return MailboxView(state, self._closed)
        finally:
            state.opening -= 1
            self._retire_unused(state)

    async def close(self) -> None:
        """End what runs and forget everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in self._subscriptions.values():
            end()
        self._subscriptions.clear()
        self._states.clear()
        self._idle.clear()

    def _heard(self, topic: str, mailbox_id: int, modseq: int) -> None:
        """A notice of the feed: note it; load at once only where somebody waits for it."""
        state = self._states.get(mailbox_id)
        if state is None or modseq <= state.modseq:
            return
        state.stale = True
        if mailbox_id not in self._scheduled and any(view.listens for view in state.views):
            self._scheduled.add(mailbox_id)
            task = asyncio.get_running_loop().create_task(self._load(state))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _load(self, state: MailboxState) -> None:
        self._scheduled.discard(state.mailbox_id)  # a notice from now on wants a load of its own
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
        if state.views or state.opening or self._states.get(state.mailbox_id) is not state:
            return
        if state.gone:
            self._forget(state.mailbox_id)
            return
        state.scratch.clear()
        self._awake(state.mailbox_id)
        size = len(state.uids) + 20  # an empty mailbox costs something too
        self._idle[state.mailbox_id] = size
        self._held += size
        room = self._settings.now[OPEN_CACHE]
        while self._idle and self._held > room:
            self._forget(next(iter(self._idle)))

    def _awake(self, mailbox_id: int) -> None:
        """It is idle no longer."""
        self._held -= self._idle.pop(mailbox_id, 0)

    def _forget(self, mailbox_id: int) -> None:
        self._states.pop(mailbox_id, None)
        self._awake(mailbox_id)
        end = self._subscriptions.pop(mailbox_id, None)
        if end is not None:
            end()
