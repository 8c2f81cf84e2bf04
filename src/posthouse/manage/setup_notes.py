"""What set-up remembers, as units of work: the answers so far, when it ended, what is left to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select

from posthouse.database.contract import Transaction
from posthouse.directory.people_records import account_roles
from posthouse.manage.diagnostics import Finding
from posthouse.manage.setup_records import SELECT_NOTE, setup_notes

_MOST = 100

_COUNT_ADMINISTRATORS = select(account_roles.c.account_id).where(account_roles.c.role == "server").limit(1)


class Draft(msgspec.Struct, frozen=True):
    """The answers so far. ``named``: name and addresses were answered, not only proposed."""

    address: str = ""
    domain: str = ""
    hostname: str = ""
    addresses: str = ""
    named: bool = False


class Todo(msgspec.Struct, frozen=True):
    """One thing left to do: what is the matter and how to mend it. ``state`` is ``bad`` or ``warn``. ``order``: host
    names for which a certificate can be ordered to mend it."""

    name: str
    subject: str
    state: str
    text: str
    mend: str
    order: tuple[str, ...] = ()


class Dismissed(msgspec.Struct, frozen=True):
    """What somebody does not want to be reminded of: as bad as it was then, not when it gets worse."""

    name: str
    subject: str
    state: str


class SentOut(msgspec.Struct, frozen=True):
    """The outward test: whom it went to, the trace of the message, when it was sent (seconds since 1970)."""

    address: str
    trace: str
    at: float


class _Kept(msgspec.Struct, frozen=True):
    at: float
    todo: list[Todo]


def is_needed(tx: Transaction) -> bool:
    """Whether nobody administers the server yet."""
    return not tx.execute(_COUNT_ADMINISTRATORS)


def draft(tx: Transaction) -> Draft:
    """The answers so far; empty ones before the first."""
    return _get(tx, "draft", Draft) or Draft()


def put_draft(tx: Transaction, answers: Draft) -> None:
    """Keep the answers."""
    _put(tx, "draft", answers)


def done_at(tx: Transaction) -> float:
    """When set-up ended, in seconds since 1970; 0 if it did not."""
    return _get(tx, "done", float) or 0.0


def put_done(tx: Transaction, at: float) -> None:
    """Set-up ended at this time."""
    _put(tx, "done", at)


def outward(tx: Transaction) -> SentOut | None:
    """The test message that was sent out last."""
    found: SentOut | None = _get(tx, "outward", SentOut)
    return found


def put_outward(tx: Transaction, sent: SentOut) -> None:
    """Remember it."""
    _put(tx, "outward", sent)


def todo(tx: Transaction) -> list[Todo]:
    """What is left, dismissed things too."""
    kept = _get(tx, "todo", _Kept)
    return kept.todo if kept else []


def dismissed(tx: Transaction) -> list[Dismissed]:
    """What nobody wants to be reminded of."""
    return _get(tx, "dismissed", list[Dismissed]) or []


def is_dismissed(item: Todo, among: Sequence[Dismissed]) -> bool:
    """Whether it is one of those."""
    return Dismissed(item.name, item.subject, item.state) in among


def put_dismissed(tx: Transaction, those: Sequence[Dismissed]) -> None:
    """Keep them."""
    _put(tx, "dismissed", list(those)[:_MOST])


def checked_at(tx: Transaction) -> float:
    """When what is left was found out; 0 for never."""
    kept = _get(tx, "todo", _Kept)
    return kept.at if kept else 0.0


def put_todo(tx: Transaction, findings: Sequence[Finding]) -> None:
    """Keep what these findings say is wrong, the worst first. What was dismissed and is mended is forgotten: if it
    comes back, it is told again."""
    left = [
        Todo(each.name, each.subject, each.state, each.text, each.mend, each.order)
        for each in sorted(findings, key=lambda each: (each.state, each.name))
        if each.state in ("bad", "warn")
    ]
    _put(tx, "todo", _Kept(time.time(), left[:_MOST]))
    there = {(each.name, each.subject) for each in left}
    put_dismissed(tx, [each for each in dismissed(tx) if (each.name, each.subject) in there])


def _get(tx: Transaction, name: str, kind: Any) -> Any:
    rows = tx.execute(SELECT_NOTE, {"name": name})
    return msgspec.json.decode(rows[0][0], type=kind) if rows else None


def _put(tx: Transaction, name: str, value: Any) -> None:
    tx.upsert(setup_notes, {"name": name}, {"value": msgspec.json.encode(value).decode()})
