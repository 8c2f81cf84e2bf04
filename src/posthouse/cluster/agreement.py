"""When somebody who made a change is answered, every worker of this machine acts on it.

The feed tells the other workers of a change a moment after its commit. Whoever is to answer for it waits here until
each of them has said that it acted on all it was told: links keep the order, so a question that follows a notice is
answered after it. A worker that hangs holds nobody up for longer than :data:`SECONDS`; one that is being started is
not waited for, as it opens its doors only after it has heard all that was told until then (:meth:`Agreement.join`).

Other machines that share the database notice a change within a second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.observe.log import logger

log = logger("cluster.agreement")

TOPIC = "changes"

SECONDS = 5.0
"""How long an answer waits for workers at most."""


class Agreement:
    """Of one worker with the others; ``member`` is None where there are none."""

    def __init__(self, feed: LocalFeed, member: Member | None) -> None:
        self._feed = feed
        self._member = member
        self._reached = 0
        if member is not None:
            member.handlers[TOPIC] = self._asked

    @property
    def changes(self) -> int:
        """How many changes were made in this worker; to be given to :meth:`reach` later."""
        return self._feed.changes

    async def reach(self, before: int) -> None:
        """Where changes were made here since there were ``before``: wait until every worker acts on them. Event loop
        only; raises nothing."""
        upto = self._feed.changes
        if upto <= max(before, self._reached):
            return
        await self._here()
        if self._member is not None:
            late = await self._member.consult(TOPIC, None, SECONDS)
            if late:
                log.warning("changes.not_everywhere", workers=late, waited=SECONDS)
        self._reached = max(self._reached, upto)

    async def join(self) -> None:
        """Before the doors open: from here on the others wait for this worker, and what they did not wait for is
        acted on when this returns."""
        await asyncio.sleep(0)  # jobs that were just started begin to follow
        if self._member is not None:
            await self._member.attend()
        await self._here()

    async def _asked(self, asked: Any) -> bool:
        await self._here()
        return True

    async def _here(self) -> None:
        """Until this worker acts on all it was told."""
        try:
            await asyncio.wait_for(self._feed.settled(), SECONDS)
        except TimeoutError:
            log.warning("changes.not_read", waited=SECONDS)
