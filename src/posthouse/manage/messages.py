"""One message: what it is, its bytes, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from posthouse.database.contract import Transaction
from posthouse.mail.mime import Part, scan
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.message_names import Copy, find_copies, find_traces
from posthouse.manage.queues import owed_in
from posthouse.manage.use import Call, Piece, use
from posthouse.queue import traces, view
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

FLAG_NAMES = {
    SEEN: "\\Seen",
    ANSWERED: "\\Answered",
    FLAGGED: "\\Flagged",
    DELETED: "\\Deleted",
    DRAFT: "\\Draft",
}
PIECE = 256 * 1024
MAX_HEADER = 64 * 1024
"""Bytes of header shown; ``raw`` gives all."""
MAX_PARTS = 500
MAX_QUEUED = 5
"""Messages of the queue that one trace is followed to."""
MAX_WAITING = 50
"""Waiting recipients told of each of them."""


class MessageName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``ACCOUNT/MAILBOX/UID``, a trace id, or a Message-ID in angle brackets."""

    message: str


class CopyView(msgspec.Struct, frozen=True):
    """One copy. ``size`` in bytes as IMAP tells it, dates in seconds since 1970, ``body`` the SHA-256 of
    its file."""

    account: str
    mailbox: str
    uid: int
    modseq: int
    flags: list[str]
    internal_date: int
    size: int
    body: str
    email_id: str
    thread_id: str


class PartView(msgspec.Struct, frozen=True):
    """One MIME part: ``section`` as in BODY[section], ``size`` of its encoded body in bytes."""

    section: str
    type: str
    encoding: str
    size: int


class MessageView(msgspec.Struct, frozen=True):
    """A message: its copies, its header (as text, of the first copy) and its parts."""

    copies: list[CopyView]
    header: str
    parts: list[PartView]


class RawView(msgspec.Struct, frozen=True):
    """What was sent as pieces."""

    account: str
    mailbox: str
    uid: int
    size: int


class Step(msgspec.Struct, frozen=True):
    """One thing that was noted, at seconds since 1970."""

    at: float
    stage: str
    text: str


class StillOwed(msgspec.Struct, frozen=True):
    """One recipient of a message that still waits as ``queue``: see `queue show`. ``state``: waiting, held, being
    delivered, paused or scheduled; ``next_at``: when it is tried next, ``expires_at``: until when that goes on (seconds
    since 1970); ``reason``: the last reply, word for word."""

    queue: int
    recipient: str
    state: str
    next_at: float
    expires_at: float
    reason: str


class Trace(msgspec.Struct, frozen=True):
    """The story of one trace id, and who still waits for the message."""

    trace: str
    steps: list[Step]
    waiting: list[StillOwed] = []


class Traces(msgspec.Struct, frozen=True):
    """One story for each time the message came in."""

    traces: list[Trace]


@use("message.show", right="read_mail")
async def show(call: Call, wanted: MessageName) -> MessageView:
    """Show where a message is kept, its flags, its header and its parts."""
    context = call.context
    copies = await find_copies(context, wanted.message)
    await _audit(call, "message.show", copies[0])
    first = copies[0].message
    prefix = await context.store.prefix(first)
    buffer = await context.store.buffer(first)
    root = scan(buffer)
    header = (prefix + bytes(buffer[: min(root.body, MAX_HEADER)])).rstrip(b"\r\n")
    parts = [part for part, _ in zip(_parts(root, ""), range(MAX_PARTS), strict=False)]
    return MessageView([_copy(copy) for copy in copies], header.decode("utf-8", "backslashreplace"), parts)


def _copy(copy: Copy) -> CopyView:
    message = copy.message
    flags = [name for bit, name in FLAG_NAMES.items() if message.flags & bit]
    return CopyView(
        copy.account,
        copy.mailbox.name,
        message.uid,
        message.modseq,
        [*flags, *message.keywords],
        message.internal_date,
        message.size,
        message.body,
        message.email_id,
        message.thread_id,
    )


def _parts(part: Part, section: str) -> Iterator[PartView]:
    """The parts by their IMAP section numbers (RFC 9051 6.4.5.1)."""
    yield PartView(section, f"{part.type}/{part.subtype}", part.encoding, part.end - part.body)
    dot = f"{section}." if section else ""
    if part.message is not None:
        inner = part.message
        if inner.children:
            for number, child in enumerate(inner.children, 1):
                yield from _parts(child, f"{dot}{number}")
        else:
            yield from _parts(inner, f"{dot}1")
    for number, child in enumerate(part.children, 1):
        yield from _parts(child, f"{dot}{number}")


@use("message.raw", right="read_mail")
async def raw(call: Call, wanted: MessageName) -> RawView:
    """Give the bytes of a message, just as IMAP would, in pieces."""
    copies = await find_copies(call.context, wanted.message)
    copy = copies[0]
    await _audit(call, "message.raw", copy)
    await _send(call, call.context, copy)
    return RawView(copy.account, copy.mailbox.name, copy.message.uid, copy.message.size)


async def _send(call: Call, context: Context, copy: Copy) -> None:
    for start in range(0, copy.message.size, PIECE):
        piece = await context.store.slice(copy.message, start, PIECE)
        if not piece:
            raise ManageError(
                "failed", f"Body {copy.message.body} is shorter than its row says.", "Run verify."
            )
        await call.emit(Piece(data=piece))


async def _audit(call: Call, name: str, copy: Copy) -> None:
    """Reading somebody's mail changes nothing, but that it was read must be found in the audit."""
    subject = f"{copy.account}/{copy.mailbox.name}/{copy.message.uid}"

    def op(tx: Transaction) -> None:
        note(tx, call.actor, name, subject)

    await call.context.database.run(op)


@use("message.trace", right="view")
async def trace(call: Call, wanted: MessageName) -> Traces:
    """Tell what each stage decided about a message, and why."""
    database = call.context.database
    found = await find_traces(call.context, wanted.message)
    told = []
    for trace_id in found:
        entries = await database.scan(traces.read, trace_id)
        steps = [Step(entry.at, entry.stage, entry.text) for entry in entries]
        ids = dict.fromkeys(entry.queue_id for entry in entries if entry.queue_id)
        waiting = [each for queue_id in [*ids][:MAX_QUEUED] for each in await _still_owed(call, queue_id)]
        told.append(Trace(trace_id, steps, waiting))
    return Traces(told)


async def _still_owed(call: Call, queue_id: int) -> list[StillOwed]:
    """Who still waits for a message of the queue; nobody, where it is delivered."""
    found = await call.context.database.scan(view.show_queue, queue_id)
    if found is None:
        return []
    return [
        StillOwed(
            queue_id, row.recipient, row.state, max(row.due_at, row.down_until), row.expires_at, row.reason
        )
        for row in (await owed_in(call, found.recipients))[:MAX_WAITING]
    ]
