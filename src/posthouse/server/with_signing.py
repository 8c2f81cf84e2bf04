"""DKIM: every worker signs what it sends; the first one looks after the keys."""

from __future__ import annotations

from hashlib import sha256

from posthouse.deliver.signing import MailSigner
from posthouse.manage.dkim_desk import DkimDesk
from posthouse.net.dns import Resolver
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname


def signer(built: Built) -> MailSigner:
    """What signs the mail of this worker."""
    made = MailSigner(
        database=built.database,
        feed=built.feed,
        settings=built.settings,
        resolver=Resolver(built.settings),
        hostname=lambda: current_hostname(built.share.config, built.settings),
    )
    built.stack.callback(made.close)
    return made


async def attach(built: Built) -> None:
    """Look after the keys, in the first worker."""
    if not built.first:
        return
    desk = DkimDesk(
        database=built.database,
        feed=built.feed,
        settings=built.settings,
        resolver=Resolver(built.settings),
        holder=sha256(built.owner.encode()).hexdigest(),
    )
    built.context.dkim = desk
    built.jobs.start(desk.run(), "dkim")
