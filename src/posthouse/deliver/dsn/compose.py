"""A notice put together: multipart/report of text, report and original (RFC 6522)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from posthouse.deliver.dsn.fields import ascii_domain, date, field, lines_safe, shown_address, text_field
from posthouse.deliver.dsn.original import Returned, quoted_printable
from posthouse.deliver.dsn.report import needs_utf8, status_report
from posthouse.deliver.dsn.text import Story, text_of
from posthouse.deliver.dsn.texts import Words
from posthouse.mail.address import Address

_DEFAULT_SUBJECT = "-"


@dataclass(frozen=True, slots=True)
class Draft:
    """Whom it goes to, the address it comes from, its Message-ID."""

    to: Address
    author: str
    message_id: str


def write(story: Story, words: Words, draft: Draft, returned: Returned | None) -> bytes:
    """The finished message with CRLF lines. It is 7-bit but for a recipient's own UTF-8 address in To, and a whole
    original with 8-bit lines."""
    boundary = f"=_{secrets.token_hex(16)}"
    parts = [_text(story, words), _report(story)]
    if returned is not None:
        parts.append(returned.fields.encode("ascii") + b"\r\n" + returned.content)
    mark = f"--{boundary}".encode("ascii")
    body = b"".join(mark + b"\r\n" + _ended(part) for part in parts)
    eight_bit = returned is not None and returned.eight_bit
    header = _header(story, words, draft, boundary, eight_bit=eight_bit)
    return header.encode("utf-8") + b"\r\n" + body + mark + b"--\r\n"


def _ended(part: bytes) -> bytes:
    """A part with the line end that belongs to the boundary after it (RFC 2046 5.1.1)."""
    return part + b"\r\n"


def _header(story: Story, words: Words, draft: Draft, boundary: str, *, eight_bit: bool) -> str:
    subject = words.subject[story.kind].format(subject=story.original.subject or _DEFAULT_SUBJECT)
    local, _, domain = draft.author.rpartition("@")
    author = f"{local}@{ascii_domain(domain)}"
    message_id, _, id_domain = draft.message_id.strip("<>").rpartition("@")
    lines = [
        field("Date", date(story.now)),
        field("From", f"Mail Delivery System <{author}>"),
        f"To: {shown_address(draft.to)}\r\n",
        text_field("Subject", subject, 250),
        field("Message-ID", f"<{message_id}@{ascii_domain(id_domain)}>"),
    ]
    if story.original.message_id:
        lines.append(field("In-Reply-To", story.original.message_id))
        lines.append(field("References", story.original.message_id))
    lines.append(field("Auto-Submitted", "auto-replied"))
    lines.append(field("MIME-Version", "1.0"))
    kind = "global-delivery-status" if needs_utf8(story.told) else "delivery-status"
    lines.append(f'Content-Type: multipart/report; report-type={kind};\r\n\tboundary="{boundary}"\r\n')
    if eight_bit:
        lines.append(field("Content-Transfer-Encoding", "8bit"))
    return "".join(lines)


def _text(story: Story, words: Words) -> bytes:
    text = text_of(story, words)
    content = text.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    languages = words.tag if words.tag == "en" else f"{words.tag}, en"
    head = f"Content-Language: {languages}\r\nContent-Description: Notification\r\n"
    if content.isascii() and lines_safe(content):
        return f"Content-Type: text/plain; charset=us-ascii\r\n{head}\r\n".encode("ascii") + content
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n{head}\r\n"
    return head.encode("ascii") + quoted_printable(content)


def _report(story: Story) -> bytes:
    utf8 = needs_utf8(story.told)
    content = status_report(story.message, story.told, story.our_name, story.now, utf8=utf8).encode(
        "utf-8", "replace"
    )
    head = "Content-Description: Delivery report\r\n"
    if not utf8:
        return f"Content-Type: message/delivery-status\r\n{head}\r\n".encode("ascii") + content
    kind = "message/global-delivery-status"
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n{head}\r\n"
    return head.encode("ascii") + quoted_printable(content)
