"""The quota of an account as IMAP tells it (RFC 9208): one root for all its mailboxes."""

from __future__ import annotations

from posthouse.store.contract import Quota
from posthouse.wire.imap.response import astring

ROOT = ""
"""The name of the one quota root."""


def quota_line(quota: Quota) -> bytes:
    """``* QUOTA "" (STORAGE used limit)`` in units of 1024 octets (RFC 9208 5.1), use rounded up and limit down; an
    empty list when there is no limit."""
    resources = b""
    if quota.limit:
        resources = b"STORAGE %d %d" % (-(-quota.used // 1024), quota.limit // 1024)
    return b"* QUOTA %s (%s)\r\n" % (astring(ROOT.encode("ascii")), resources)
