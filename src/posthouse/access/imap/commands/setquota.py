"""SETQUOTA (RFC 9208 4.1): quotas are the administrators' to set."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.quota import (
    MAX_STORAGE,
    MESSAGE,
    RESOURCES,
    ROOT,
    STORAGE,
    QuotaDeclined,
    quota_line,
)
from posthouse.wire.imap.syntax import Command, SetQuota


async def run(session: ImapSession, command: Command) -> None:
    """Set the limits of a root; those that are not named are lifted, as the RFC has it."""
    arguments = command.arguments
    assert isinstance(arguments, SetQuota)
    desk = session.quotas
    if desk is None or not await desk.governs(session.user.id):
        raise No("Quotas are set by the administrator", b"NOPERM")
    limits = {name.upper(): limit for name, limit in arguments.limits}
    for name, limit in limits.items():
        if name not in RESOURCES:
            raise No("Only STORAGE and MESSAGE are limited here", b"CANNOT")
        if limit > MAX_STORAGE:
            raise No("The limit is too large", b"LIMIT")
    root = session.user.address if arguments.root == ROOT else arguments.root
    storage, messages = limits.get(STORAGE), limits.get(MESSAGE)
    if storage == 0 or messages == 0:
        raise No("A limit of nothing cannot be set", b"LIMIT")  # (0 means no limit everywhere else)
    try:
        quota = await desk.set(session.user.id, root, (storage or 0) * 1024, messages or 0)
    except QuotaDeclined as refusal:
        raise No(refusal.text, refusal.code) from None
    session.write(quota_line(quota, arguments.root))
    session.ok(command, "SETQUOTA completed")
