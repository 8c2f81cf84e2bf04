"""SMTP and LMTP, server side, without I/O (RFC 5321, RFC 2033).

:class:`Reader` cuts the stream into command lines, SASL responses and message content; ``command`` parses
the lines; ``states`` says which verb may come when; ``reply`` renders answers; ``content`` and ``data``
deal with the message on its way: dots, chunks, and the rule that CR and LF come only together. The session
that uses them is ``posthouse.receive``.
"""

from __future__ import annotations

from posthouse.wire.smtp.content import LineRule, Normaliser
from posthouse.wire.smtp.reader import Content, Event, Fault, Reader
from posthouse.wire.smtp.reply import refusal_reply, reply
from posthouse.wire.smtp.states import State, out_of_place

__all__ = [
    "Content",
    "Event",
    "Fault",
    "LineRule",
    "Normaliser",
    "Reader",
    "State",
    "out_of_place",
    "refusal_reply",
    "reply",
]
