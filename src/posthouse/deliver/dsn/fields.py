"""Header fields of a notice: whatever stands in them came from strangers, so everything is cut, cleaned, encoded and
folded here. What comes out is 7-bit, in lines of at most 78 characters where there are blanks, never over 998 (RFC
5322 2.1.1)."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime

from posthouse.mail.address import Address

MAX_VALUE = 900
"""Characters of a field's value."""

_WIDTH = 76
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORD_BYTES = 42  # =?utf-8?B?…?= stays within 75 characters (RFC 2047 2)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


def clean(text: str, most: int = MAX_VALUE) -> str:
    """One line without control characters and without blanks at its ends, cut to ``most`` characters."""
    text = _CONTROL.sub(" ", text[: most * 4]).strip()
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def plain(text: str, most: int = MAX_VALUE) -> str:
    """:func:`clean`, in ASCII: other characters as ``\\x{FC}`` (as RFC 6533 3 writes them in addresses)."""
    text = clean(text, most)
    if text.isascii():
        return text
    text = text.replace("…", "...")
    return "".join(each if each.isascii() else f"\\x{{{ord(each):02X}}}" for each in text)


def field(name: str, value: str) -> str:
    """A field whose value is structured ASCII text, folded at blanks."""
    lines, line = [], f"{name}:"
    for word in _pieces(value):
        if len(line) + 1 + len(word) > _WIDTH and line.strip() and not line.endswith(":"):
            lines.append(line)
            line = f" {word}"
        else:
            line += f" {word}"
    return "\r\n".join([*lines, line]) + "\r\n"


def _pieces(value: str) -> list[str]:
    """The words of a value; one that no line can hold is cut up."""
    words: list[str] = []
    for word in value.split():
        words += [word[at : at + MAX_VALUE] for at in range(0, len(word), MAX_VALUE)]
    return words


def utf8_field(name: str, value: str) -> str:
    """A field of message/global-delivery-status: UTF-8 as it is (RFC 6533 4)."""
    return f"{name}: {clean(value)}\r\n"


def text_field(name: str, text: str, most: int = 200) -> str:
    """A field of free text, as encoded words where ASCII does not do (RFC 2047)."""
    text = " ".join(clean(text, most).split())
    if text.isascii() and "=?" not in text and all(len(word) < _WIDTH for word in text.split(" ")):
        return field(name, text)
    return field(name, " ".join(_encoded_words(text)))


def _encoded_words(text: str) -> list[str]:
    words, piece = [], b""
    for letter in text:
        code = letter.encode("utf-8", "replace")
        if len(piece) + len(code) > _WORD_BYTES:
            words.append(piece)
            piece = b""
        piece += code
    return [f"=?utf-8?B?{b64encode(each).decode()}?=" for each in (*words, piece)]


def ascii_domain(domain: str) -> str:
    """A domain in its ASCII form (RFC 5890); as it is where it has none."""
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return domain


def shown_address(address: Address) -> str:
    """An address for a header field: the domain in ASCII wherever the local part is."""
    if address.local.isascii():
        return str(Address(address.local, ascii_domain(address.domain)))
    return str(address)


def from_xtext(text: str) -> str:
    """What stands in xtext (RFC 3461 4): ``+3D`` is an equals sign."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def from_orcpt(orcpt: str) -> tuple[str, str]:
    """Type and address of an ORCPT, decoded (RFC 3461 4.2, RFC 6533 3)."""
    kind, _, address = orcpt.partition(";")
    kind = kind.lower()
    if kind == "utf-8":
        return kind, _UNITEXT.sub(_letter, address)
    return kind, from_xtext(address)


def _letter(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return found[0]
    return chr(number)


def date(moment: float) -> str:
    """A moment as a date-time (RFC 5322 3.3), in UTC."""
    return format_datetime(datetime.fromtimestamp(max(0, int(moment)), UTC))


def lines_safe(data: bytes) -> bool:
    """Whether every line ends in CRLF, is short enough for SMTP and holds no NUL."""
    if b"\0" in data:
        return False
    lines = data.split(b"\r\n")
    return all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines)
