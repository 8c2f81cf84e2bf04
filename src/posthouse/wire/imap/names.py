"""Mailbox names: modified UTF-7 and UTF-8, one normal form, limits, and the patterns of LIST.

Inside Posthouse a name is Unicode in NFC with ``/`` between its levels, and the inbox is exactly ``INBOX``
(also as the first level of its children). What comes from a client is read so:

* After ``ENABLE UTF8=ACCEPT`` or ``ENABLE IMAP4rev2`` names are UTF-8; ``&`` is an ordinary character (RFC
  6855 3, RFC 9051 5.1).
* Before that they are modified UTF-7 (RFC 3501 5.1.3), read strictly: an ``&`` that begins no well-formed
  shift, a shift that encodes printable ASCII, two shifts in a row or a lone surrogate are refused, because
  two spellings of one name would be two mailboxes. A name that contains octets above 127 cannot be modified
  UTF-7; such clients exist, and the name is taken as UTF-8 as a whole.
"""

from __future__ import annotations

import binascii
import re
import unicodedata

SEPARATOR = "/"
"""Between the levels of a name."""

INBOX = "INBOX"

MAX_OCTETS = 512
"""Longest name, in octets of UTF-8."""
MAX_LEVEL_OCTETS = 255
"""Longest level of a name, in octets of UTF-8 (what file systems take, for exports)."""
MAX_LEVELS = 20
"""Most levels of a name."""

_SHIFT = re.compile(r"&([A-Za-z0-9+,]*)-")
_NEEDS_SHIFT = re.compile(r"[^\x20-\x7e]+|&")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029%*\ufffe\uffff\ud800-\udfff]")


def encode_utf7(name: str) -> bytes:
    """A name in modified UTF-7 (RFC 3501 5.1.3)."""
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    return _NEEDS_SHIFT.sub(_shifted, name).encode("ascii")


def _shifted(match: re.Match[str]) -> str:
    text = match.group()
    if text == "&":
        return "&-"
    packed = binascii.b2a_base64(text.encode("utf-16-be", "surrogatepass"), newline=False)
    return "&" + packed.rstrip(b"=").decode("ascii").replace("/", ",") + "-"


def decode_utf7(data: bytes) -> str:
    """The name that modified UTF-7 stands for. Raises ValueError with a plain reason when it is not well
    formed.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("octets above 127 in modified UTF-7") from None
    if "&" not in text:
        return text
    pieces: list[str] = []
    position = 0
    shifted = False
    while True:
        begin = text.find("&", position)
        if begin < 0:
            pieces.append(text[position:])
            break
        match = _SHIFT.match(text, begin)
        if match is None:
            raise ValueError("an & that begins no modified UTF-7 shift (a plain & is written &-)")
        pieces.append(text[position:begin])
        coded = match.group(1)
        if coded:
            if shifted and begin == position:
                raise ValueError("two modified UTF-7 shifts in a row")
            pieces.append(_unshift(coded))
        else:
            pieces.append("&")
        shifted = bool(coded)
        position = match.end()
    return "".join(pieces)


def _unshift(coded: str) -> str:
    padding = "=" * (-len(coded) % 4)
    try:
        raw = binascii.a2b_base64(coded.replace(",", "/") + padding)
        text = raw.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("a modified UTF-7 shift that is not UTF-16") from None
    if any("\x20" <= character <= "\x7e" for character in text):
        raise ValueError("a modified UTF-7 shift that encodes printable ASCII")
    again = binascii.b2a_base64(raw, newline=False).rstrip(b"=").decode("ascii").replace("/", ",")
    if again != coded:
        raise ValueError("a modified UTF-7 shift with stray bits at its end")
    return text


def decode_name(data: bytes, utf8: bool) -> str:
    """The canonical name for what a client sent. Raises ValueError with a plain reason."""
    if utf8 or not data.isascii():
        try:
            return canonical(data.decode("utf-8"))
        except UnicodeDecodeError:
            raise ValueError("the mailbox name is not UTF-8") from None
    return canonical(decode_utf7(data))


def encode_name(name: str, utf8: bool) -> bytes:
    """A name as this client reads it: UTF-8 once enabled, else modified UTF-7."""
    return name.encode("utf-8", "replace") if utf8 else encode_utf7(name)


def canonical(name: str) -> str:
    """NFC, and INBOX (alone or as the first level) in upper case."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name[:5].upper() == INBOX and name[5:6] in ("", SEPARATOR):
        return INBOX + name[5:]
    return name


def complaint(name: str) -> str:
    """Why a mailbox cannot be created under this (canonical) name; "" when it can.

    Refused: empty names and levels, ``%`` and ``*`` (they could not be listed), control characters, line and
    paragraph separators (RFC 9051 5.1), names that begin with ``#`` (namespaces), and what is past the
    limits above.
    """
    if not name:
        return "The mailbox name is empty"
    if _FORBIDDEN.search(name):
        return "The mailbox name contains a control character or a wildcard"
    if name.startswith("#"):
        return "Names that begin with # are reserved for namespaces"
    levels = name.split(SEPARATOR)
    if len(levels) > MAX_LEVELS:
        return f"The mailbox name has more than {MAX_LEVELS} levels"
    if len(name.encode("utf-8")) > MAX_OCTETS:
        return f"The mailbox name is longer than {MAX_OCTETS} octets"
    for level in levels:
        if not level:
            return "The mailbox name has an empty level"
        if len(level.encode("utf-8")) > MAX_LEVEL_OCTETS:
            return f"A level of the mailbox name is longer than {MAX_LEVEL_OCTETS} octets"
    return ""


class Pattern:
    """A LIST pattern: ``*`` stands for anything, ``%`` for anything within one level (RFC 9051 6.3.9).

    Matching runs all possibilities side by side as the bits of one number, so that a hostile pattern costs
    no more than pattern length times name length.
    """

    __slots__ = ("_any", "_exact", "_final", "_level", "_upper", "text")

    def __init__(self, text: str) -> None:
        self.text = canonical(text)
        self._any = 0
        self._level = 0
        self._exact: dict[str, int] = {}
        self._upper: dict[str, int] = {}
        bit = 1
        for character in self.text:
            if character == "*":
                self._any |= bit
            elif character == "%":
                self._level |= bit
            else:
                self._exact[character] = self._exact.get(character, 0) | bit
                upper = character.upper()
                self._upper[upper] = self._upper.get(upper, 0) | bit
                bit <<= 1
        self._final = bit

    def match(self, name: str) -> bool:
        """Whether the whole of a canonical name matches. INBOX matches in any case."""
        return self._run(name, self._upper if name == INBOX else self._exact)

    def _run(self, name: str, letters: dict[str, int]) -> bool:
        states = 1
        anything = self._any
        within = self._any | self._level
        for character in name:
            stay = anything if character == SEPARATOR else within
            states = (states & stay) | ((states & letters.get(character, 0)) << 1)
            if not states:
                return False
        return bool(states & self._final)
