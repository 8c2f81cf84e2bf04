"""What a message looks like, computed once when it is stored, and how that is kept (see
``store.contract.Facts``)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec

from posthouse.mail.addresses import Mailbox, parse_addresses
from posthouse.mail.casemap import fold
from posthouse.mail.charsets import decode as decode_text
from posthouse.mail.dates import parse_date
from posthouse.mail.encoded import decode_words
from posthouse.mail.headers import values
from posthouse.mail.mime import Buffer, Part, scan
from posthouse.mail.subject import base_subject
from posthouse.mail.threads import message_ids
from posthouse.store.contract import Facts
from posthouse.wire.imap.structure import envelope, render

MAX_REFERENCES = 200
"""Message ids of a References field that are kept, the newest ones; threads are found by the last few."""

MAX_SORT_KEY = 500
"""Characters of a sort key that are kept."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_NONE: list[bytes] = []
_FIELDS = tuple(field.name for field in fields(Facts))
_PARAMS, _DISPOSITION_PARAMS, _CHILDREN, _MESSAGE = 6, 12, 15, 16
"""Places of the compound fields in a packed part."""
_REFERENCES_AT = _FIELDS.index("references")


def compute(buffer: Buffer) -> Facts:
    """The facts of a raw message. Never raises on its content."""
    part = scan(buffer)
    header = values(buffer[: part.body])
    body, structure = render(buffer, part)
    moment = parse_date(_first(header, b"date"))
    subject, is_reply = base_subject(_first(header, b"subject"))
    sort_from, display_from = _sort_keys(header.get(b"from", _NONE))
    sort_to, display_to = _sort_keys(header.get(b"to", _NONE))
    own_ids = message_ids(_first(header, b"message-id"))
    return Facts(
        envelope=envelope(header),
        body_structure=structure,
        body=body,
        parts=encode_parts(part),
        header_size=part.body,
        sent_date=None if moment is None else moment[0],
        sent_zone=0 if moment is None else moment[1],
        base_subject=fold(subject)[:MAX_SORT_KEY],
        is_reply=is_reply,
        sort_from=sort_from,
        sort_to=sort_to,
        sort_cc=_sort_keys(header.get(b"cc", _NONE))[0],
        display_from=display_from,
        display_to=display_to,
        message_id=own_ids[0] if own_ids else "",
        references=_references(header),
    )


def _first(header: dict[bytes, list[bytes]], name: bytes) -> bytes:
    found = header.get(name)
    return found[0] if found else b""


def _references(header: dict[bytes, list[bytes]]) -> tuple[str, ...]:
    """The ids of References, or the first one of In-Reply-To (RFC 5256 3, REFERENCES, step 1)."""
    found = message_ids(b" ".join(header.get(b"references", _NONE)))
    if not found:
        found = message_ids(_first(header, b"in-reply-to"))[:1]
    return tuple(found[-MAX_REFERENCES:])


def _sort_keys(found: list[bytes]) -> tuple[str, str]:
    """For the first address: the folded local part (RFC 5256 3, FROM) and the folded display text (RFC 5957
    3)."""
    if not found:
        return "", ""
    for entry in parse_addresses(found[0]):
        if entry.mailbox is not None:
            local = decode_text(entry.mailbox)
            return fold(local)[:MAX_SORT_KEY], fold(_display(entry, local))[:MAX_SORT_KEY]
    return "", ""


def _display(entry: Mailbox, local: str) -> str:
    if entry.name:
        name = decode_words(entry.name).strip()
        if name:
            return name
    return f"{local}@{decode_text(entry.host)}" if entry.host else local


def encode_parts(part: Part) -> bytes:
    """A part tree as compact bytes."""
    return _encode(_pack(part))


def decode_parts(data: bytes) -> Part:
    """The part tree of :func:`encode_parts`' bytes."""
    return _unpack(_decode(data))


def _pack(part: Part) -> list[Any]:
    """A part as a list in the order of its fields, without the defaults at its end."""
    packed: list[Any] = [
        part.start,
        part.body,
        part.end,
        part.lines,
        part.type,
        part.subtype,
        part.params,
        part.encoding,
        part.content_id,
        part.description,
        part.md5,
        part.disposition,
        part.disposition_params,
        part.language,
        part.location,
        [_pack(child) for child in part.children],
        None if part.message is None else _pack(part.message),
    ]
    while not packed[-1]:
        packed.pop()
    return packed


def _unpack(packed: list[Any]) -> Part:
    size = len(packed)
    if size > _PARAMS:
        packed[_PARAMS] = [(name, value) for name, value in packed[_PARAMS]]
    if size > _DISPOSITION_PARAMS:
        packed[_DISPOSITION_PARAMS] = [(name, value) for name, value in packed[_DISPOSITION_PARAMS]]
    if size > _CHILDREN:
        packed[_CHILDREN] = [_unpack(child) for child in packed[_CHILDREN]]
    if size > _MESSAGE:
        packed[_MESSAGE] = _unpack(packed[_MESSAGE])
    return Part(*packed)


def encode(facts: Facts) -> bytes:
    """Facts as bytes for the table. Fields are kept in the order of the class, so new ones go to its end."""
    return _encode([getattr(facts, name) for name in _FIELDS])


def decode(data: bytes) -> Facts:
    """The facts of :func:`encode`'s bytes, also of those written before the newest fields existed."""
    packed = _decode(data)
    packed[_REFERENCES_AT] = tuple(packed[_REFERENCES_AT])
    return Facts(*packed)
