"""Bringing back what was deleted: whole units over ``deleted``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.observe import steps
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.keeping import UNDELETE_DAYS, UNDELETE_SIZE
from posthouse.settings.store import MAX_MAILBOXES
from posthouse.store import deleted, upkeep
from posthouse.store.boxes import CHUNK
from posthouse.store.contract import StoreRefusal
from posthouse.store.deleted_records import SELECT_KEPT_MAILBOX
from posthouse.store.quota import Rooms
from posthouse.store.records import SELECT_MAILBOX

DAY = 86400


@dataclass(slots=True)
class Restored:
    """What came back, by the name of the mailbox it is in now."""

    messages: int = 0
    mailboxes: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, messages: int) -> None:
        """So many more are in this mailbox."""
        self.messages += messages
        self.mailboxes[name] = self.mailboxes.get(name, 0) + messages

    def add(self, more: Restored) -> None:
        """What else came back."""
        for name, count in more.mailboxes.items():
            self.count(name, count)


class DeletedMail:
    """The deleted messages and mailboxes of all accounts. Every method may be called again after it was cut off: what
    came back is not there a second time."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        side: SideRecord | None,
        rooms: Rooms,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._side = side
        self._rooms = rooms
        self._clock = clock

    async def restore(self, account_id: int, ids: Sequence[int]) -> Restored:
        """Put deleted messages back where they were. What is not there any more is passed over. Raises StoreRefusal
        OVERQUOTA, LIMIT; what came back until then stays."""
        done = Restored()
        for start in range(0, len(ids), CHUNK):
            part = list(ids[start : start + CHUNK])
            places = await self._database.scan(deleted.places_in, account_id, part)
            for mailbox_id, some in sorted(places.items()):
                await self._put_back(account_id, mailbox_id, some, done)
        return done

    async def restore_since(self, account_id: int, since: int) -> Restored:
        """Put everything back that was deleted since a moment, deleted mailboxes too."""
        done = Restored()
        for each in await self._database.scan(deleted.mailboxes_in, account_id):
            if each.deleted_at >= since:
                done.add(await self.restore_mailbox(account_id, each.id))
        after = 0
        while ids := await self._database.scan(deleted.ids_since, account_id, since, after):
            after = ids[-1]
            done.add(await self.restore(account_id, ids))
        return done

    async def restore_mailbox(self, account_id: int, mailbox_id: int) -> Restored:
        """Make a deleted mailbox again, with the messages that went with it. Where another has its name by now they go
        there. Raises StoreRefusal NONEXISTENT, OVERQUOTA, LIMIT."""
        found = await self._database.scan(_kept, account_id, mailbox_id)
        if found is None:
            raise StoreRefusal("NONEXISTENT", "There is no such deleted mailbox")
        await upkeep.purge(self._database, mailbox_id)  # what a crash left of its deletion
        done = Restored()
        done.count(await self._database.run(self._home, account_id, mailbox_id), 0)
        while ids := await self._database.scan(deleted.ids_of_mailbox, account_id, mailbox_id):
            await self._put_back(account_id, mailbox_id, ids, done)
        await self._database.run(deleted.set_restored, mailbox_id)
        return done

    async def forget(self, account_id: int, ids: Sequence[int]) -> int:
        """Let deleted messages go for good; returns how many."""
        gone = 0
        for start in range(0, len(ids), CHUNK):
            gone += await self._database.run(deleted.forget_in, account_id, ids[start : start + CHUNK])
        return gone

    async def forget_all(self, account_id: int) -> int:
        """Let everything deleted of an account go for good; returns how many messages."""
        for each in await self._database.scan(deleted.mailboxes_in, account_id):
            await upkeep.purge(self._database, each.id)
        return await deleted.forget_account(self._database, account_id)

    async def upkeep(self) -> None:
        """The periodic job: let go what is too old or too much."""
        now = self._settings.now
        await deleted.expire(self._database, int(self._clock()) - now[UNDELETE_DAYS] * DAY)
        await deleted.trim(self._database, now[UNDELETE_SIZE])

    async def _put_back(self, account_id: int, mailbox_id: int, ids: list[int], done: Restored) -> None:
        fits = await self._rooms.room(account_id)

        def op(tx: Transaction) -> tuple[str, int]:
            name, target = self._home_in(tx, account_id, mailbox_id)
            if fits is not None:
                fits(tx, *deleted.size_in(tx, account_id, ids))
            now = int(self._clock())
            return name, len(deleted.restore_in(tx, account_id, ids, target, self._feed, self._side, now=now))

        name, count = await self._database.run(op)
        steps.step("undelete.restored")
        done.count(name, count)

    def _home(self, tx: Transaction, account_id: int, mailbox_id: int) -> str:
        return self._home_in(tx, account_id, mailbox_id)[0]

    def _home_in(self, tx: Transaction, account_id: int, mailbox_id: int) -> tuple[str, int]:
        now, most = int(self._clock()), self._settings.now[MAX_MAILBOXES]
        found = deleted.home_in(tx, account_id, mailbox_id, most, self._feed, self._side, now=now)
        return tx.execute(SELECT_MAILBOX, {"of_id": found})[0][2], found


def _kept(tx: Transaction, account_id: int, mailbox_id: int) -> str | None:
    rows = tx.execute(SELECT_KEPT_MAILBOX, {"of_id": mailbox_id})
    return rows[0][2] if rows and rows[0][1] == account_id and not rows[0][5] else None
