"""APPEND (RFC 9051 6.3.12), with MULTIAPPEND (RFC 3502), BINARY (RFC 3516) and UTF8 (RFC 6855).

The octets are kept as they came: no line ending is touched, so that what is fetched is what was appended. Only a
NUL cannot stay, since BODY[] could not show it: parts that were sent as ``binary`` are then kept as base64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand, No
from posthouse.access.imap.flags import KEYWORDS, mask_of, parse_flags
from posthouse.access.imap.mailboxes import append_limit, locate, reader_of
from posthouse.access.imap.unbinary import without_nul
from posthouse.access.imap.upload import Upload
from posthouse.bodies.contract import Body
from posthouse.observe.steps import step
from posthouse.store.contract import Mailbox, NewMessage
from posthouse.wire.imap.response import number_set
from posthouse.wire.imap.syntax import Append, AppendMessage, Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Keep all of the messages, or none. The spools are let go of by whoever called, in any case."""
    arguments = command.arguments
    assert isinstance(arguments, Append)
    place = await locate(session, arguments.mailbox, "i", b"TRYCREATE")
    mailbox = place.mailbox
    await _check_sizes(session, mailbox, arguments.messages)
    made: list[Body] = []
    try:
        messages = [
            await _message(session, message, made, mask_of(place.rights)) for message in arguments.messages
        ]
        kept = await session.store.append(mailbox.id, messages, reader_of(session, mailbox))
    finally:
        for body in made:
            body.discard()
    if session.view is not None and session.view.mailbox.id == mailbox.id:
        await session.refresh()
    step("append.reply")
    uids = number_set(one.uid for one in kept)
    session.ok(command, "APPEND completed", b"APPENDUID %d %s" % (kept[0].uidvalidity, uids))


async def _check_sizes(session: Session, mailbox: Mailbox, messages: Sequence[AppendMessage]) -> None:
    """NO [TOOBIG] (RFC 4469 4.2) for a message larger than this mailbox takes. The literal has been read by then: which
    mailbox it is for, and whose that is, is looked up when the command is complete."""
    limit = await append_limit(session, mailbox)
    for message in messages:
        upload = message.data
        assert isinstance(upload, Upload)
        assert upload.body is not None
        if upload.body.size > limit:
            raise No(f"The message is larger than this mailbox takes ({limit} octets)", b"TOOBIG")


async def _message(session: Session, message: AppendMessage, made: list[Body], mask: int) -> NewMessage:
    if message.utf8 and not session.state.utf8:
        raise BadCommand("UTF8 was not enabled")
    flags, keywords = parse_flags(word for word in message.flags if word.lower() != "\\recent")
    flags &= mask
    if not mask & KEYWORDS:
        keywords = ()
    date, zone = message.date if message.date is not None else (None, 0)
    upload = message.data
    assert isinstance(upload, Upload)
    assert upload.body is not None
    body = upload.body
    if upload.has_nul:
        body = await _fit(session, message, upload)
        made.append(body)
    return NewMessage(body, flags=flags, keywords=keywords, internal_date=date, zone=zone)


async def _fit(session: Session, message: AppendMessage, upload: Upload) -> Body:
    """A body without NUL that means the same."""
    if not message.binary:
        raise No("The message contains NUL characters")
    assert upload.body is not None
    spool = session.service.spool()
    try:
        await without_nul(upload.body.buffer(), spool)
        return spool.finish()
    except ValueError as problem:
        spool.discard()
        raise No(str(problem), b"UNKNOWN-CTE") from None
    except BaseException:
        spool.discard()
        raise
