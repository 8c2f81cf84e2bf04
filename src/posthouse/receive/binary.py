"""What came with BODY=BINARYMIME (RFC 3030 3), made fit to be kept.

Messages are kept in lines, without NUL: that is how IMAP and POP3 show them and how other servers take them. So parts
that say they are binary are put into base64 at the door, once, instead of at every reader; nothing of their content
changes.
"""

from __future__ import annotations

import asyncio

from posthouse.mail.refusal import Refusal
from posthouse.mail.unbinary import encoded
from posthouse.receive.contract import Acceptance, Body, Spool
from posthouse.wire.smtp import LineRule


async def in_lines(body: Body, acceptance: Acceptance) -> Body:
    """The same message in lines of text; the caller discards both. Raises Refusal (554) where there is something binary
    outside of the parts that say so, (452) when there is no room."""
    spool = acceptance.spool()
    try:
        await asyncio.to_thread(_write, body, spool)
        return spool.finish()
    except OSError as error:
        raise Refusal(452, "4.3.1", "Not enough storage, please try again later", cause=str(error)) from error
    finally:
        spool.discard()


def _write(body: Body, spool: Spool) -> None:
    rule = LineRule()
    for piece in encoded(body.buffer()):
        rule.check(piece)
        if rule.bare or rule.nul:
            raise _outside()
        spool.write(piece)
    rule.end()
    if rule.bare:
        raise _outside()


def _outside() -> Refusal:
    return Refusal(554, "5.6.1", "Something binary stands outside of the parts that are said to be binary")
