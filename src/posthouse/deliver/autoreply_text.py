"""An automatic reply as a message (RFC 3834 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formataddr
from html import escape

from posthouse.deliver.dsn.fields import clean, date, field, shown_address, text_field
from posthouse.directory.autoreply import AutoReply
from posthouse.directory.signatures import Person
from posthouse.mail.address import Address
from posthouse.mail.encoded import decode_words
from posthouse.mail.signature_leaf import quoted_printable
from posthouse.mail.signature_words import fill, to_plain
from posthouse.mail.threads import message_ids

MOST_REFERENCES = 20


@dataclass(frozen=True, slots=True)
class Answered:
    """The message that is answered: its subject, and the ids of its thread, its own last."""

    subject: str
    own_id: str
    references: tuple[str, ...]


def answered(fields: Mapping[bytes, Sequence[bytes]]) -> Answered:
    """What a reply needs to know of a message."""
    subject = clean(decode_words(b"".join(fields.get(b"subject", ())[:1])[:4096]), 300)
    own = message_ids(b"".join(fields.get(b"message-id", ())[:1]))[:1]
    before = message_ids(b"".join(fields.get(b"references", ())[:1])) or message_ids(
        b"".join(fields.get(b"in-reply-to", ())[:1])
    )
    thread = [each for each in [*before[-MOST_REFERENCES:], *own] if len(each) < 500 and each.isascii()]
    return Answered(subject, own[0] if own and own[0] in thread else "", tuple(dict.fromkeys(thread)))


def compose(
    reply: AutoReply,
    person: Person,
    author: Address,
    to: Address,
    original: Answered,
    names: Mapping[str, str],
    *,
    message_id: str,
    now: float,
) -> bytes:
    """A whole message with CRLF lines."""
    subject = (
        _with_subject(fill(reply.subject, names), original.subject) or f"Auto: {original.subject}".strip()
    )
    name = clean(names.get("user.displayname", ""), 120)
    name = "" if "@" in name else name
    shown = shown_address(author)
    head = [
        field("Date", date(now)),
        f"From: {formataddr((name, shown)) if shown.isascii() else shown}\r\n",
        f"To: {shown_address(to)}\r\n",
        text_field("Subject", subject, 300),
        field("Message-ID", message_id),
        field("In-Reply-To", original.own_id) if original.own_id else "",
        field("References", " ".join(original.references)) if original.references else "",
        field("Auto-Submitted", "auto-replied"),
        field("X-Auto-Response-Suppress", "All"),
        field("MIME-Version", "1.0"),
    ]
    plain = _with_subject(fill(reply.plain, names), original.subject)
    html = _with_subject(fill(reply.html, names, html=True), escape(original.subject))
    return "".join(head).encode("utf-8", "replace") + _body(plain, html, message_id)


def _with_subject(text: str, subject: str) -> str:
    for variable in ("%SUBJECT%", "%Subject%", "%subject%"):
        text = text.replace(variable, subject)
    return text


def _body(plain: str, html: str, message_id: str) -> bytes:
    if not html.strip():
        return _text("plain", plain)
    boundary = "=_" + "".join(each for each in message_id if each.isalnum())[:40]
    parts = (_text("plain", plain if plain.strip() else to_plain(html)), _text("html", html))
    pieces = [f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()]
    pieces += [b"--" + boundary.encode() + b"\r\n" + part for part in parts]
    return b"".join(pieces) + b"--" + boundary.encode() + b"--\r\n"


def _text(kind: str, text: str) -> bytes:
    lines = "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")) + "\r\n"
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + quoted_printable(lines.encode("utf-8", "replace"))
