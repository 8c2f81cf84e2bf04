"""Encoded words (RFC 2047) as text. Never raises."""

from __future__ import annotations

import re
from binascii import a2b_qp

from posthouse.mail.charsets import decode
from posthouse.mail.transfer import decode_base64

_WORD = re.compile(rb"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?\r\n]*+)\?=")


def decode_words(value: bytes) -> str:
    """An unstructured field's text: encoded words decoded, blanks between two of them dropped (RFC 2047 6.2), raw 8-bit
    read as UTF-8 or, failing that, as Western letters."""
    if b"=?" not in value:
        return decode(value)
    text: list[str] = []
    held: list[bytes] = []  # neighbouring words of one charset: senders cut characters in two
    charset = ""
    at = 0
    for found in _WORD.finditer(value):
        between = value[at : found.start()]
        name = found[1].decode("latin-1").lower()
        if held and (between.strip() or name != charset):
            text.append(decode(b"".join(held), charset))
            held = []
            if between.strip():
                text.append(decode(between))
        elif not held and (at == 0 or between.strip()):
            text.append(decode(between))
        charset = name
        held.append(_word_bytes(found[2], found[3]))
        at = found.end()
    if held:
        text.append(decode(b"".join(held), charset))
    text.append(decode(value[at:]))
    return "".join(text)


def _word_bytes(encoding: bytes, data: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(data)
    return a2b_qp(data, header=True)
