"""DKIM: the first worker looks after the keys with which every worker signs."""

from __future__ import annotations

from hashlib import sha256

from posthouse.manage.dkim_desk import DkimDesk
from posthouse.server.built import Built


async def attach(built: Built) -> None:
    """Look after the keys, in the first worker."""
    if not built.first:
        return
    desk = DkimDesk(
        database=built.database,
        feed=built.feed,
        settings=built.settings,
        resolver=built.sending.resolver,
        holder=sha256(built.owner.encode()).hexdigest(),
    )
    built.context.dkim = desk
    built.jobs.start(desk.run(), "dkim")
