"""Refusals in the trace: what was turned away, and why, for the "why?" of an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.observe.log import logger
from posthouse.receive.transaction import Transaction

if TYPE_CHECKING:
    from posthouse.receive.session import Session

log = logger("receive.refused")


async def note_refused(session: Session, transaction: Transaction | None, stage: str, text: str) -> None:
    """Tell the trace; a trace that cannot be written is no reason to answer otherwise."""
    origin = transaction.origin if transaction is not None else session.origin(session.trace)
    try:
        await session.parts.acceptance.refused(origin, stage, text)
    except Exception as error:
        log.warning("trace.failed", trace=origin.trace, exc_info=error)
