"""The bounces that came back to addresses here, and how many of them for which cause."""

from __future__ import annotations

import time
from typing import get_args

import msgspec

from posthouse.deliver.dsn import bounces
from posthouse.deliver.dsn.cause import HARD, Cause
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, use

CAUSES: tuple[str, ...] = get_args(Cause)
MAX_DAYS = 36_600
_DAY = 86_400.0


class BouncePage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With ``search`` in sender, recipient or words, of one ``cause``, of mail from ``sender``, that came within
    ``days`` (0: ever); ``limit`` of them after the mark ``after``."""

    search: str = ""
    cause: str = ""
    sender: str = ""
    days: int = 0
    limit: int = 200
    after: str = ""


class BounceDays(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far back is counted; 0: as far as bounces are kept."""

    days: int = 30


class ReceivedBounce(msgspec.Struct, frozen=True):
    """What a bounce told of one recipient. ``at`` in seconds since 1970; ``sender``: whose mail came back, from
    ``recipient`` ("" where it does not tell). ``action``: of RFC 3464 2.3.3 (``failed``, ``delayed``). ``status``:
    the enhanced status code, ``said`` the words with it. ``certain``: nobody made it up. ``hard``: the next message
    would come back too. ``message_id``: of the message that came back."""

    at: float
    sender: str
    recipient: str
    cause: str
    action: str = "failed"
    status: str = ""
    said: str = ""
    certain: bool = False
    hard: bool = False
    message_id: str = ""


class BounceList(msgspec.Struct, frozen=True):
    """The newest first. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    bounces: list[ReceivedBounce]
    next: str = ""
    total: int = 0


class BounceCause(msgspec.Struct, frozen=True):
    """How many came back for a cause. ``hard``: the next message to these addresses would come back too."""

    cause: str
    bounces: int
    hard: bool = False


class BounceCauses(msgspec.Struct, frozen=True):
    """The most frequent first; ``total`` is their sum."""

    causes: list[BounceCause]
    total: int = 0


@use("bounce.list", right="view")
async def list_all(call: Call, wanted: BouncePage) -> BounceList:
    """List the bounces that came back to addresses here."""
    if wanted.cause and wanted.cause not in CAUSES:
        raise ManageError(
            "invalid", f"cause: {wanted.cause[:40]} is none.", f"Give one of {', '.join(CAUSES)}."
        )
    if wanted.after and not (wanted.after.isascii() and wanted.after.isdigit() and len(wanted.after) < 19):
        raise ManageError(
            "invalid", "after: this is no mark of a page.", "Give the `next` of the page before."
        )
    limit, below = page_size(wanted.limit), int(wanted.after or 2**62)
    asked = bounces.Wanted(wanted.search, wanted.cause, wanted.sender.strip().lower(), _since(wanted.days))
    rows, total = await call.context.database.scan(bounces.page, asked, limit, below)
    return BounceList(
        [_view(at, bounce) for _, at, bounce in rows], str(rows[-1][0]) if len(rows) == limit else "", total
    )


@use("bounce.causes", right="view")
async def causes(call: Call, wanted: BounceDays) -> BounceCauses:
    """Count the bounces that came back, by cause."""
    found = await call.context.database.scan(bounces.causes_since, _since(wanted.days))
    counts = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return BounceCauses(
        [BounceCause(cause, count, cause in HARD) for cause, count in counts], sum(found.values())
    )


def _since(days: int) -> float:
    if not 0 <= days <= MAX_DAYS:
        raise ManageError("invalid", f"days: {days} is out of range.", f"Give 0 (ever) to {MAX_DAYS}.")
    return time.time() - days * _DAY if days else 0.0


def _view(at: float, bounce: bounces.Bounce) -> ReceivedBounce:
    about = bounce.about
    return ReceivedBounce(
        at,
        bounce.sender,
        about.recipient,
        about.cause,
        about.action,
        about.status,
        about.said,
        bounce.certain,
        about.hard,
        about.message_id,
    )
