"""Bounces of others, read: which recipient, why, and about which message.

First as reports (RFC 3464, RFC 6533), else by the texts that older servers write (``read_text``). Everything here was
written by strangers: sizes, numbers of parts and of recipients are bounded, and nothing raises.
"""

from __future__ import annotations

import re
from dataclasses import replace

from posthouse.deliver.dsn.bounced import (
    MAX_READ,
    MAX_RECIPIENTS,
    BouncedRecipient,
    address_in,
    content_of,
    id_in,
    walk,
)
from posthouse.deliver.dsn.cause import cause_of_words
from posthouse.deliver.dsn.fields import clean
from posthouse.deliver.dsn.read_text import read_text
from posthouse.mail.charsets import decode
from posthouse.mail.headers import header_end, values
from posthouse.mail.mime import Buffer, Part, scan

MAX_PARTS = 50

_GROUPS = re.compile(rb"(?:\r?\n[ \t]*){2,}")
_CODE = re.compile(r"\b([245]\d\d)(?![\d.])")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPORTS = ("delivery-status", "global-delivery-status")
_ORIGINALS = ("rfc822", "global", "rfc822-headers", "global-headers")


def read_bounce(message: Buffer) -> list[BouncedRecipient]:
    """The recipients a bounce tells of; empty where the message is no bounce (an auto-reply, say). Never raises."""
    root = scan(message, max_depth=8, max_parts=MAX_PARTS)
    message_id = _original_id(message, root)
    for part in walk(root):
        if part.type == "message" and part.subtype in _REPORTS:
            found = _read_report(content_of(message, part), message_id)
            if found:
                return found
    return read_text(message, root, message_id)


def _original_id(message: Buffer, root: Part) -> str:
    """The Message-ID of the message a bounce brings back."""
    for part in walk(root):
        if part.subtype in _ORIGINALS and part.type in ("message", "text"):
            content = content_of(message, part)
            return id_in(content[: header_end(content)])
    header = bytes(message[root.start : min(root.body, root.start + MAX_READ)])
    return id_in(header, b"in-reply-to")


def _read_report(content: bytes, message_id: str) -> list[BouncedRecipient]:
    envid = ""
    found: list[BouncedRecipient] = []
    for group in _GROUPS.split(content.strip())[: MAX_RECIPIENTS + 10]:
        fields = values(group + b"\r\n")
        envid = envid or _text(fields, b"original-envelope-id", 255)
        if b"final-recipient" in fields or b"original-recipient" in fields:
            found.append(_read_group(fields, message_id))
        if len(found) >= MAX_RECIPIENTS:
            break
    if not envid:
        return found
    return [replace(each, envid=envid) for each in found]


def _read_group(fields: dict[bytes, list[bytes]], message_id: str) -> BouncedRecipient:
    final = address_in(_text(fields, b"final-recipient", 600))
    original = address_in(_text(fields, b"original-recipient", 600))
    action = (_text(fields, b"action", 40).lower().split() or ["failed"])[0].strip(";,.")
    status = (_STATUS.search(_text(fields, b"status", 60)) or [""])[0]
    diagnostic = _text(fields, b"diagnostic-code", 2000)
    kind, semicolon, words = diagnostic.partition(";")
    said = (words if semicolon and " " not in kind.strip() else diagnostic).strip()
    remote = _text(fields, b"remote-mta", 300).partition(";")[2].strip()
    code = _CODE.search(said[:40])
    inner = _STATUS.search(said[:200])
    return BouncedRecipient(
        recipient=original or final,
        cause=cause_of_words(int(code[1]) if code else 0, inner[0] if inner else status, said),
        action=action,
        status=status,
        said=said,
        final=final,
        remote=remote,
        message_id=message_id,
    )


def _text(fields: dict[bytes, list[bytes]], name: bytes, most: int) -> str:
    found = fields.get(name)
    return clean(decode(found[0][: most * 4]), most) if found else ""
