"""Verify: does everything that is kept agree with everything else?"""

from __future__ import annotations

import asyncio

import msgspec

from posthouse.bodies.contract import BodyMissing
from posthouse.manage.use import Call, Nothing, Progress, use
from posthouse.queue import view
from posthouse.settings.store import VERIFY_RATE
from posthouse.store.verify import Report, verify

TELL_SECONDS = 0.5
"""How often progress is told: also what tells us that the asker has gone, and ends the work."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and found. ``deleted`` are messages that were deleted and may come back. ``errors`` and
    ``warnings`` hold the first thousand lines each, the counts all. Warnings are what a crash leaves and the removal
    job clears away."""

    bodies: int
    files: int
    mailboxes: int
    messages: int
    deleted: int
    queued: int
    errors: list[str]
    error_count: int
    warnings: list[str]
    warning_count: int


@use("verify", right="view")
async def verify_all(call: Call, wanted: Nothing) -> Verified:
    """Check the hash of every body, every row, every file and every counter. Changes nothing."""
    context = call.context
    now = Progress(text="Starting")

    def progress(what: str, count: int) -> None:
        nonlocal now
        now = Progress(text=f"Checking {what}:", done=count)

    async def tell() -> None:
        told = now
        while True:
            await asyncio.sleep(TELL_SECONDS)
            if now is not told:
                told = now
                await call.emit(told)

    teller = asyncio.ensure_future(tell())
    work = asyncio.ensure_future(
        verify(
            context.database,
            context.bodies,
            progress=progress,
            rate=lambda: context.settings.now[VERIFY_RATE],
        )
    )
    try:
        await asyncio.wait((teller, work), return_when=asyncio.FIRST_COMPLETED)
        if teller.done():
            teller.result()  # nobody listens any more: raises, and the work is ended below
        report = work.result()
        queued = await _verify_queue(call, report)
    finally:
        for task in (teller, work):
            task.cancel()
        await asyncio.gather(teller, work, return_exceptions=True)
    return Verified(
        bodies=report.bodies,
        files=report.files,
        mailboxes=report.mailboxes,
        messages=report.messages,
        deleted=report.deleted,
        queued=queued,
        errors=report.errors,
        error_count=report.error_count,
        warnings=report.warnings,
        warning_count=report.warning_count,
    )


async def _verify_queue(call: Call, report: Report) -> int:
    """Every waiting message has its body; returns how many wait."""
    context = call.context
    queued = after = 0
    while page := await context.database.scan(view.list_bodies, after):
        after = page[-1][0]
        missing = await asyncio.to_thread(_without_body, call, page)
        for queue_id, digest in missing:
            if await context.database.scan(view.show_queue, queue_id) is not None:  # not delivered meanwhile
                report.error(
                    f"message {queue_id} of the queue refers to body {digest}, whose file is missing"
                )
        queued += len(page)
    return queued


def _without_body(call: Call, page: list[tuple[int, str]]) -> list[tuple[int, str]]:
    missing = []
    for queue_id, digest in page:
        try:
            call.context.bodies.read_range(digest, 0, 1)
        except BodyMissing:
            missing.append((queue_id, digest))
    return missing
