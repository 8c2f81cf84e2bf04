"""Refreshing a list: get it, understand it, keep it as the good copy. What fails leaves the good copy as it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database
from posthouse.deliver.webhook_address import Resolve, system_resolve
from posthouse.directory import network_lists as lists
from posthouse.directory.network_lists import Kept, ListState
from posthouse.manage.network_lists_fetch import Unfetched, fetch
from posthouse.net.networks import Networks
from posthouse.net.networks_text import BadList, Parsed, parse
from posthouse.observe.log import logger
from posthouse.settings import blocklists as settings_blocklists
from posthouse.settings.contract import CurrentSettings

log = logger("manage.network_lists")


@dataclass(frozen=True, slots=True)
class Refresher:
    """Refreshes lists, in any process; whoever settles last wins."""

    database: Database
    settings: CurrentSettings
    feed: Feed | None
    resolve: Resolve = system_resolve

    async def refresh(self, name: str, *, anew: bool = False) -> None:
        """Refresh one list; ``anew``: get it also where it has not changed. How it went stands in its state. Raises
        DirectoryError where there is no such list, and DatabaseUnavailable."""
        kept = await self.database.read(lists.find, name)
        place, state = kept.config.place, kept.state
        known = bool(state.generation) and state.place == place and not anew
        etag, modified = (state.etag, state.modified) if known else ("", "")
        settings = self.settings.now
        try:
            found = await fetch(place, etag, modified, settings, self.resolve)
            if found.data is None:
                await self.database.run(lists.note_unchanged, name, place, time.time())
                log.info("network_list.unchanged", list=name)
                return
            parsed, packed = await asyncio.to_thread(
                _understood, found.data, settings[settings_blocklists.ENTRIES]
            )
        except (Unfetched, BadList) as problem:
            await self.database.run(lists.note_failure, name, place, str(problem), time.time())
            log.warning("network_list.failed", list=name, place=lists.shown_place(place), reason=str(problem))
            return
        now = time.time()
        new = ListState(
            place=place,
            generation=lists.new_generation(),
            etag=found.etag,
            modified=found.modified,
            entries=len(parsed.spans),
            skipped=parsed.skipped,
            size=len(found.data),
            good_at=now,
            tried_at=now,
        )
        if await self._keep(name, new, packed):
            log.info("network_list.refreshed", list=name, entries=new.entries, skipped=new.skipped)
        await self.tidy(name)

    async def _keep(self, name: str, state: ListState, packed: bytes) -> bool:
        count = 0
        for first, parts in lists.in_parts(packed):
            await self.database.run(lists.write_parts, name, state.generation, first, parts)
            count += len(parts)
        return await self.database.run(lists.settle, name, state, count, self.feed)

    async def refresh_due(self) -> None:
        """Refresh what is due, one after the other, and forget what is left of lists that are gone."""
        now = time.time()
        for kept in await self.database.scan(lists.every):
            if kept.due(now):
                await self.refresh(kept.config.name)
        for name in await self.database.scan(lists.orphans):
            await self.tidy(name)

    async def tidy(self, name: str) -> None:
        """Forget copies that are of no use any more."""
        while await self.database.run(lists.sweep, name):
            pass


async def networks_of(database: Database, kept: Kept) -> Networks:
    """The good copy of a list; none where there is none. Raises ValueError where it was replaced meanwhile."""
    state = kept.state
    if not state.generation:
        return Networks()
    parts: list[bytes] = []
    while True:
        more = await database.scan(lists.read_parts, kept.config.name, state.generation, len(parts))
        parts += more
        if len(more) < lists.PARTS_AT_ONCE:
            return Networks.unpack(b"".join(parts))


def _understood(data: bytes, most: int) -> tuple[Parsed, bytes]:
    """Work for a thread."""
    parsed = parse(data, most)
    return parsed, Networks(parsed.spans).pack()
