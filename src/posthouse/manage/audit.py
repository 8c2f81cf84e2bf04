"""Writing and reading the audit. Every change writes its line in the same unit: there is no change without
a line, and no line without the change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from posthouse.cluster import events
from posthouse.database.contract import Transaction
from posthouse.directory.listing import escaped
from posthouse.manage import event_kinds, records
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, narrows, use

MASK = "(secret)"
SECRET_WORDS = ("password", "secret", "token", "key", "credentials")
"""A field whose name holds one of these is masked, whoever forgot to do so before."""

FIRST = 2**62
"""Above the id of every line."""


def note(
    tx: Transaction,
    actor: Actor,
    use_name: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one audit line in the caller's unit, and its event. ``before`` and ``after`` hold what differs; None
    where there is none."""
    values = {
        "at": time.time(),
        "actor": actor.name[:255],
        "source": actor.source[:100],
        "use": use_name,
        "subject": subject[:400],
        "before": _encoded(before),
        "after": _encoded(after),
    }
    line = tx.insert(records.INSERT_AUDIT, values)
    events.write(tx, [event_kinds.of_audit(line, values)])
    places = _places(actor, use_name, subject)
    tx.execute_many(records.INSERT_AUDIT_PLACE, [{"place": place, "audit_id": line} for place in places])


def _places(actor: Actor, use_name: str, subject: str) -> list[str]:
    """Whom a line concerns: the domain or address that its subject is or begins with, and who asked."""
    named = subject[:400].partition("/")[0]
    places = {actor.account}
    if "@" in named:
        places |= {named, named.rpartition("@")[2]}
    elif use_name.startswith("domain."):
        places.add(named)
    return sorted(place for place in places if 0 < len(place) <= 320)


def _encoded(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return ""
    masked = {
        name: MASK if any(word in name.lower() for word in SECRET_WORDS) else value
        for name, value in values.items()
    }
    return msgspec.json.encode(masked).decode()


class ListAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` lines, newest first, older than the line ``after``. ``actor`` and ``subject`` are pieces of
    those, ``use`` the beginning of a use's name; ``since`` and ``until`` in seconds since 1970."""

    limit: int = 100
    after: str = ""
    actor: str = ""
    use: str = ""
    subject: str = ""
    since: float = 0.0
    until: float = 0.0


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
    """Newest first. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all up
    to ten thousand."""

    lines: list[AuditLine]
    next: str = ""
    total: int = 0


@use("audit.list", right="view", open_to="user", about=narrows)
async def list_audit(call: Call, wanted: ListAudit) -> AuditLines:
    """List the newest changes: who made them, when, from where, and what was before and after."""
    if wanted.after and not (wanted.after.isascii() and wanted.after.isdecimal() and len(wanted.after) < 19):
        raise ManageError("invalid", f"{wanted.after!r} is no place in the audit.", "Give a page's `next`.")
    actor = call.actor
    limit = page_size(wanted.limit)
    asked: dict[str, Any] = {
        "since": wanted.since,
        "until": wanted.until,
        "actor": wanted.actor and f"%{escaped(wanted.actor)}%",
        "use": wanted.use and f"{escaped(wanted.use)}%",
        "subject": wanted.subject and f"%{escaped(wanted.subject)}%",
    }
    values = {name: value for name, value in asked.items() if value}
    if actor.role != "server":
        own = {actor.account} | (actor.domains if actor.role == "domain" else frozenset())
        values["places"] = sorted(own)

    def op(tx: Transaction) -> AuditLines:
        below = int(wanted.after) if wanted.after else FIRST
        which = frozenset(values)
        rows = tx.execute(records.select_audit(which), {**values, "below": below, "count": limit})
        total = int(tx.execute(records.count_audit(which), values or None)[0][0])
        return AuditLines(
            [AuditLine(*row) for row in rows], str(rows[-1][0]) if len(rows) == limit else "", total
        )

    return await call.context.database.scan(op)
