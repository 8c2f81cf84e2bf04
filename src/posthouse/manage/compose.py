"""Making a message (RFC 5322, MIME) from its parts, and taking one that is complete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import getaddresses

import msgspec

from posthouse.mail.address import Address, parse_address
from posthouse.manage.errors import ManageError

_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
_OWN_FIELDS = frozenset(
    {"from", "to", "cc", "bcc", "subject", "reply-to", "date", "sender", "message-id", "mime-version"}
    | {"return-path", "received", "delivered-to"}
)
"""Fields that have their own parameter, or that only a server writes."""
_NAMED = re.compile(r'\s*(?:"?(?P<name>[^"<>\r\n]*?)"?\s*<(?P<address>[^<>\r\n]+)>|(?P<bare>\S+))\s*')
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Attachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that goes along. ``content`` in base64, ``type`` its media type."""

    name: str
    content: bytes
    type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message is made of."""

    sender: str
    to: Sequence[str]
    cc: Sequence[str]
    bcc: Sequence[str]
    reply_to: str
    subject: str
    text: str
    html: str
    attachments: Sequence[Attachment]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished message with CRLF lines, and its envelope: each recipient once."""

    sender: Address
    recipients: tuple[Address, ...]
    message: bytes


def compose(parts: Parts) -> Composed:
    """Build the message. Raises ManageError naming the part that is wrong."""
    sender, sender_field = _one(parts.sender, "from")
    named = {field: [_one(text, field) for text in getattr(parts, field)] for field in ("to", "cc", "bcc")}
    recipients = _once([address for field in named.values() for address, _ in field])
    ascii_only = all(str(address).isascii() for address in (sender, *recipients))
    message = EmailMessage(policy=policy.SMTP if ascii_only else policy.SMTPUTF8)
    message["From"] = sender_field
    for field in ("to", "cc"):
        if named[field]:
            message[field.capitalize()] = [shown for _, shown in named[field]]
    if parts.reply_to:
        message["Reply-To"] = _one(parts.reply_to, "reply_to")[1]
    _set(message, "Subject", parts.subject, "subject")
    _content(message, parts)
    for name, value in parts.headers.items():
        if (
            not _FIELD_NAME.fullmatch(name)
            or name.lower() in _OWN_FIELDS
            or name.lower().startswith("content-")
        ):
            raise _wrong("headers", f"{name[:60]!r} cannot be set here", "Leave it out.")
        _set(message, name, value, "headers")
    try:
        return Composed(sender, recipients, message.as_bytes())
    except (ValueError, LookupError) as error:
        raise ManageError("invalid", f"The message cannot be written: {error}.", "Change it.") from None


def take_raw(raw: bytes, sender: str, recipients: Sequence[str]) -> Composed:
    """A complete message. Who is not named comes from its header; Bcc fields are taken out."""
    raw = _LINE_END.sub(b"\r\n", raw)
    head, empty, body = raw.partition(b"\r\n\r\n")
    try:
        found = BytesHeaderParser(policy=policy.compat32).parsebytes(head + empty)
        authors = getaddresses([str(value) for value in found.get_all("From", [])])
        fields = [str(v) for name in ("To", "Cc", "Bcc") for v in found.get_all(name, [])]
        named = [address for _, address in getaddresses(fields) if address]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _wrong("raw", "the header cannot be read", "Correct it.") from None
    if not sender and len(authors) != 1:
        raise _wrong("raw", "the header does not name one author", "Give from.")
    who = _one(sender or authors[0][1], "from")[0]
    to = _once([_one(text, "to")[0] for text in recipients or named])
    return Composed(who, to, _without_bcc(head) + empty + body)


def _without_bcc(head: bytes) -> bytes:
    """The header without its Bcc fields and their continuation lines."""
    return re.sub(rb"(?im)^bcc[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|\Z)", b"", head)


def _content(message: EmailMessage, parts: Parts) -> None:
    try:
        if parts.text or not parts.html:
            message.set_content(_lines(parts.text))
            if parts.html:
                message.add_alternative(_lines(parts.html), subtype="html")
        else:
            message.set_content(_lines(parts.html), subtype="html")
    except ValueError as error:
        raise _wrong("text", str(error), "Change it.") from None
    for attachment in parts.attachments:
        if not _TYPE.fullmatch(attachment.type) or attachment.type.lower().startswith(
            ("multipart/", "message/")
        ):
            raise _wrong(
                "attachments", f"{attachment.type[:60]!r} is no type of a file", "Try application/pdf."
            )
        if not attachment.name or any(ord(letter) < 32 for letter in attachment.name):
            raise _wrong("attachments", "a file has no proper name", "Give it one like report.pdf.")
        main, _, sub = attachment.type.lower().partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name[:200])


def _lines(text: str) -> str:
    if "\0" in text:
        raise ValueError("the text has a NUL character")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _set(message: EmailMessage, name: str, value: str, field: str) -> None:
    # Other controls than a line break would be written as they are.
    if any(ord(letter) < 32 and letter != "\t" for letter in value):
        raise _wrong(field, f"{name} may not hold line breaks or control characters", "Take them out.")
    try:
        message[name] = value
    except (ValueError, LookupError) as error:
        raise _wrong(field, str(error), "Change it.") from None


def _one(text: str, field: str) -> tuple[Address, HeaderAddress]:
    """``anna@example.org`` or ``Anna <anna@example.org>``: the address, and how a header shows it."""
    if not text:
        raise _wrong(field, "it is empty", "Give an address.")
    found = _NAMED.fullmatch(text)
    if found is None:
        raise _wrong(field, f"{text[:80]!r} is no address", "Write it like Anna <anna@example.org>.")
    try:
        address = parse_address(found["bare"] or found["address"].strip())
        if not address.domain:
            raise ValueError("address without a domain")
        _, _, domain = str(address).rpartition("@")
        name = found["name"] or ""
        if any(ord(letter) < 32 for letter in name):
            raise ValueError("control characters in the name")
        shown = HeaderAddress(name, username=address.local, domain=domain)
    except (ValueError, LookupError) as error:
        raise _wrong(field, f"{text[:80]!r}: {error}", "Write it like Anna <anna@example.org>.") from None
    return address, shown


def _once(addresses: Sequence[Address]) -> tuple[Address, ...]:
    return tuple({address.key: address for address in addresses}.values())


def _wrong(field: str, what: str, mend: str) -> ManageError:
    return ManageError("invalid", f"{field}: {what.rstrip('.')}.", mend)
