"""The fields of a message that searches ask most, read from its ENVELOPE and folded for comparing.

FROM, TO, CC, BCC and SUBJECT look into "the envelope structure's" fields (RFC 9051 6.4.4), so the finished ENVELOPE is
their source: addresses become ``name <local@domain>``, encoded words are decoded.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from posthouse.mail.casemap import fold
from posthouse.mail.dates import local_date
from posthouse.mail.encoded import decode_words
from posthouse.store.contract import Facts

_EPOCH_ORDINAL = 719163
_TOKEN = re.compile(rb'[()]|NIL|"((?:[^"\\]|\\.)*+)"|\{([0-9]+)\}\r\n', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)

Node: TypeAlias = "bytes | list[Node] | None"

FIELDS = {"SUBJECT": 0, "FROM": 1, "TO": 2, "CC": 3, "BCC": 4}
"""Where the search keys of these names look."""

HEADERS = {"MESSAGE-ID": 5, "IN-REPLY-TO": 6}
"""Header fields whose value the envelope holds as it stands."""


class Summary(NamedTuple):
    """Folded texts, None where the message has no such field; ``sent_day`` is the Date's calendar day in its own zone,
    as days since 1970."""

    subject: str | None
    sender: str | None
    to: str | None
    cc: str | None
    bcc: str | None
    message_id: str | None
    in_reply_to: str | None
    sent_day: int | None

    @property
    def size(self) -> int:
        """Characters held."""
        return sum(len(text) for text in self[:7] if text)


def summarize(facts: Facts) -> Summary:
    """The summary of a message."""
    (_, subject, sender, _, _, to, cc, bcc, in_reply_to, message_id) = _parse(facts.envelope)
    day = None
    if facts.sent_date is not None:
        day = local_date(facts.sent_date, facts.sent_zone).toordinal() - _EPOCH_ORDINAL
    return Summary(
        _text(subject),
        _addresses(sender),
        _addresses(to),
        _addresses(cc),
        _addresses(bcc),
        _text(message_id),
        _text(in_reply_to),
        day,
    )


def _text(node: Node) -> str | None:
    return fold(decode_words(node)) if isinstance(node, bytes) else None


def _addresses(node: Node) -> str | None:
    if not isinstance(node, list):
        return None
    shown: list[str] = []
    for entry in node:
        if isinstance(entry, list) and len(entry) == 4:
            name, _, local, host = (decode_words(part) if isinstance(part, bytes) else None for part in entry)
            if host is None:  # a group begins (its name is the local part) or ends
                if local:
                    shown.append(f"{local}:")
                continue
            address = f"{local or ''}@{host}"
            shown.append(f"{name} <{address}>" if name else address)
    return fold(", ".join(shown))


def _parse(envelope: bytes) -> list[Node]:
    """The ten elements of an ENVELOPE that we wrote ourselves."""
    stack: list[list[Node]] = [[]]
    at = 0
    while at < len(envelope):
        found = _TOKEN.match(envelope, at)
        if found is None:
            at += 1  # the blank between two elements
            continue
        at = found.end()
        first = envelope[found.start()]
        if first == 0x28:  # (
            stack.append([])
        elif first == 0x29:  # )
            done = stack.pop()
            stack[-1].append(done)
        elif first == 0x22:  # "
            quoted = found[1]
            stack[-1].append(_ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted)
        elif first == 0x7B:  # {
            size = int(found[2])
            stack[-1].append(envelope[at : at + size])
            at += size
        else:
            stack[-1].append(None)
    (whole,) = stack[0]
    assert isinstance(whole, list)
    return whole
