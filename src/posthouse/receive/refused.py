"""Refusals in the trace: what was turned away, and why, for the "why?" of an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.cluster.events import Fact, gathered
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.receive.transaction import Transaction

if TYPE_CHECKING:
    from posthouse.receive.session import Session

log = logger("receive.refused")


async def note_refused(
    session: Session, transaction: Transaction | None, stage: str, text: str, code: int
) -> None:
    """Tell the trace and the events, with who it was (nothing else may be noted of this message); a trace that
    cannot be written is no reason to answer otherwise."""
    counters.refused += 1
    origin = transaction.origin if transaction is not None else session.origin(session.trace)
    sender = f"from <{transaction.mail.sender or ''}> " if transaction is not None else ""
    login = f" as {session.login}" if session.login else ""
    told = {
        "trace": origin.trace,
        "stage": stage,
        "code": code,
        "sender": str(transaction.mail.sender or "") if transaction is not None else "",
        "peer": origin.address,
        "text": text,
    }
    gathered.note(Fact("message.refused", told))
    try:
        await session.parts.acceptance.refused(origin, stage, f"{text} ({sender}by {origin.address}{login})")
    except Exception as error:
        log.warning("trace.failed", trace=origin.trace, exc_info=error)
