"""Writing and reading the audit. Every change writes its line in the same unit: there is no change without
a line, and no line without the change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage import records
from posthouse.manage.context import Actor
from posthouse.manage.use import Call, use

MASK = "(secret)"
SECRET_WORDS = ("password", "secret", "token", "key", "credentials")
"""A field whose name holds one of these is masked, whoever forgot to do so before."""


def note(
    tx: Transaction,
    actor: Actor,
    use_name: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one audit line in the caller's unit. ``before`` and ``after`` hold what differs; None where
    there is none."""
    tx.execute(
        records.INSERT_AUDIT,
        {
            "at": time.time(),
            "actor": actor.name[:255],
            "source": actor.source[:100],
            "use": use_name,
            "subject": subject[:400],
            "before": _encoded(before),
            "after": _encoded(after),
        },
    )


def _encoded(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return ""
    masked = {
        name: MASK if any(word in name.lower() for word in SECRET_WORDS) else value
        for name, value in values.items()
    }
    return msgspec.json.encode(masked).decode()


class ListAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` newest lines."""

    limit: int = 100


class AuditLine(msgspec.Struct, frozen=True):
    """One line of the audit; see ``records.audit``."""

    id: int
    at: float
    actor: str
    source: str
    use: str
    subject: str
    before: str
    after: str


class AuditLines(msgspec.Struct, frozen=True):
    """Newest first."""

    lines: list[AuditLine]


@use("audit.list", right="view")
async def list_audit(call: Call, wanted: ListAudit) -> AuditLines:
    """List the newest changes: who made them, when, from where, and what was before and after."""

    def op(tx: Transaction) -> list[AuditLine]:
        count = max(1, min(wanted.limit, 1000))
        return [AuditLine(*row) for row in tx.execute(records.SELECT_AUDIT, {"count": count})]

    return AuditLines(await call.context.database.scan(op))
