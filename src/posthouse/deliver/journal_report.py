"""A message as it goes into a journal: as a report of its envelope with the message in it, as Exchange writes them, or
as the message itself below a field of ours.

Both are streams of bytes: the message is never held in memory whole.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from posthouse.deliver.dsn.fields import clean, date, field, shown_address, text_field
from posthouse.mail.address import Address
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import header_end
from posthouse.mail.mime import Buffer
from posthouse.mail.signature_leaf import quoted_printable

MARK = "X-Posthouse-Journal"
"""The field that tells a copy for a journal: of which trace, and a code only we can make."""

MOST_MARKS = 20
_PIECE = 256 * 1024

Fields = Mapping[bytes, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report tells: of the envelope, and how the message came."""

    trace: str
    sender: str
    recipients: tuple[str, ...]
    source: str
    received_at: float


def mark(secret: bytes, trace: str) -> str:
    """The value of our field for a message."""
    return f"{trace} {hmac.digest(secret, b'journal:' + trace.encode(), 'sha256').hex()[:40]}"


def is_ours(secret: bytes, fields: Fields) -> bool:
    """Whether a message is a copy that was made here (or holds one), and came back."""
    for value in fields.get(MARK.lower().encode(), ())[: MOST_MARKS * 2]:
        text = value.decode("latin-1").strip()
        trace = text.partition(" ")[0]
        if trace and hmac.compare_digest(text.encode(), mark(secret, trace).encode()):
            return True
    return False


def copy(buffer: Buffer, marked: str) -> Iterator[bytes]:
    """The message itself, below our field."""
    yield field(MARK, marked).encode()
    yield from _slices(buffer)


def report(
    buffer: Buffer,
    fields: Fields,
    facts: Facts,
    to: Address,
    *,
    author: str,
    message_id: str,
    marked: str,
    now: float,
) -> Iterator[bytes]:
    """A report with the message in it."""
    subject = clean(decode_words(b"".join(fields.get(b"subject", ())[:1])[:4096]), 300)
    own_id = clean(b"".join(fields.get(b"message-id", ())[:1]).decode("latin-1"), 500)
    boundary = f"=_journal_{facts.trace}_{hmac.digest(b'boundary', message_id.encode(), 'sha256').hex()[:24]}"
    ascii_only = _is_ascii(buffer)
    yield "".join(
        (
            field("Date", date(now)),
            field("From", f"Mail Journal <{author}>"),
            f"To: {shown_address(to)}\r\n",
            text_field("Subject", subject or "(no subject)", 300),
            field("Message-ID", message_id),
            field("Auto-Submitted", "auto-generated"),
            "X-MS-Journal-Report:\r\n",
            field(MARK, marked),
            *_older(fields),
            field("MIME-Version", "1.0"),
            f'Content-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n',
            "" if ascii_only else "Content-Transfer-Encoding: 8bit\r\n",
            "\r\n",
        )
    ).encode("utf-8", "replace")
    lines = [
        f"Sender: {facts.sender or '<>'}",
        f"Subject: {subject}",
        f"Message-Id: {own_id}",
        *(f"Recipient: {each}" for each in facts.recipients),
        f"Received: {date(facts.received_at)}",
        f"Source: {clean(facts.source)}",
        f"Trace: {facts.trace}",
    ]
    head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    text = quoted_printable(("\r\n".join(clean(line) for line in lines) + "\r\n").encode("utf-8", "replace"))
    yield f"--{boundary}\r\n{head}".encode() + text
    # RFC 2046 5.2.1: the message is as it is, 7bit or 8bit.
    kind = "message/rfc822" if ascii_only or not _header_8bit(buffer) else "message/global"
    encoding = "" if ascii_only else "Content-Transfer-Encoding: 8bit\r\n"
    yield f"--{boundary}\r\nContent-Type: {kind}\r\n{encoding}\r\n".encode()
    yield from _slices(buffer)
    end = b"" if buffer[-2:] == b"\r\n" else b"\r\n"
    yield end + f"--{boundary}--\r\n".encode()


def _older(fields: Fields) -> list[str]:
    """Marks of others stay on the outside, so that two servers that keep journals of each other come to an end."""
    return [
        field(MARK, clean(value.decode("latin-1"), 200).encode("ascii", "replace").decode())
        for value in fields.get(MARK.lower().encode(), ())[:MOST_MARKS]
    ]


def _slices(buffer: Buffer) -> Iterator[bytes]:
    for at in range(0, len(buffer), _PIECE):
        yield bytes(buffer[at : at + _PIECE])


def _is_ascii(buffer: Buffer) -> bool:
    return all(piece.isascii() for piece in _slices(buffer))


def _header_8bit(buffer: Buffer) -> bool:
    return not bytes(buffer[: header_end(buffer)]).isascii()
