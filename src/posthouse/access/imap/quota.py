"""The quota of an account as IMAP tells it (RFC 9208): one root for all its mailboxes.

For its owner the root is "". For administrators the root of somebody they look after is the address of the account.
"""

from __future__ import annotations

from typing import Protocol

from posthouse.access.imap.contract import ImapSession, No
from posthouse.store.contract import Quota
from posthouse.wire.imap.response import astring

ROOT = ""
"""The name of the one quota root of the account itself."""

STORAGE, MESSAGE = "STORAGE", "MESSAGE"
RESOURCES = (STORAGE, MESSAGE)
MAX_STORAGE = 2**52
"""Units of 1024 octets."""


class QuotaDeclined(Exception):
    """A quota is not shown or set; args[0] is public text. ``code``: NOPERM, NONEXISTENT, LIMIT."""

    def __init__(self, text: str, code: bytes) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class QuotaDesk(Protocol):
    """Quotas of others, for administrators. Methods raise QuotaDeclined, DatabaseUnavailable."""

    async def governs(self, account_id: int) -> bool:
        """Whether this account may set quotas at all: it is an administrator's."""

    async def show(self, account_id: int, root: str) -> Quota:
        """The quota of the account named ``root``, for somebody."""

    async def set(self, account_id: int, root: str, storage: int, messages: int) -> Quota:
        """Set it, in bytes and messages, 0 for no limit; returns what holds now."""


def quota_line(quota: Quota, root: str = ROOT) -> bytes:
    """``* QUOTA "" (STORAGE used limit)`` in units of 1024 octets (RFC 9208 5.1), use rounded up and limit down, and
    ``MESSAGE used limit``; an empty list when there is no limit."""
    resources = []
    if quota.limit:
        resources.append(b"STORAGE %d %d" % (-(-quota.used // 1024), quota.limit // 1024))
    if quota.message_limit:
        resources.append(b"MESSAGE %d %d" % (quota.messages, quota.message_limit))
    return b"* QUOTA %s (%s)\r\n" % (astring(root.encode("utf-8")), b" ".join(resources))


async def quota_of(session: ImapSession, root: str) -> Quota:
    """The quota of a root. Raises No."""
    if root == ROOT:
        return await session.store.quota(session.user.id)
    desk = session.quotas
    if desk is None or not await desk.governs(session.user.id):
        raise No("There is no such quota root", b"NONEXISTENT")
    try:
        return await desk.show(session.user.id, root)
    except QuotaDeclined as refusal:
        raise No(refusal.text, refusal.code) from None
