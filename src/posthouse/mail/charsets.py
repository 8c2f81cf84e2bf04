"""Bytes to text, whatever the charset is called. Never raises: what cannot be decoded becomes U+FFFD or is guessed."""

from __future__ import annotations

import codecs
from functools import lru_cache

_ALIASES = {
    "ansi": "cp1252",
    "ascii": "ascii",
    "cp-850": "cp850",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-2022-cn": "gb18030",
    "iso-8859-6-e": "iso8859_6",
    "iso-8859-6-i": "iso8859_6",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-8-i": "iso8859_8",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "utf-8mb4": "utf-8",
    "visual": "iso8859_8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "x-sjis": "cp932",
    "x-user-defined": "latin-1",
    "x-windows-949": "cp949",
}
"""Names that Python does not know, or knows only as a smaller charset than what is really sent under that name."""

_NEVER = frozenset(
    {
        "idna",
        "punycode",
        "unicode-escape",
        "raw-unicode-escape",
        "undefined",
        "mbcs",
        "oem",
        "unicode-internal",
    }
)
"""Python's text codecs that are no charsets of mail."""


@lru_cache(maxsize=256)
def codec(charset: str) -> str | None:
    """Python's codec for a charset name of mail (any case, odd spellings); None when there is none."""
    name = charset.strip().strip("'\"").lower()[:60]
    if not name or not name.isascii():
        return None
    try:
        found = codecs.lookup(_ALIASES.get(name, name))
    except (LookupError, ValueError):
        return None
    if not getattr(found, "_is_text_encoding", True) or found.name.replace("_", "-") in _NEVER:
        return None
    return found.name


def decode(data: bytes, charset: str = "") -> str:
    """Text of ``data``. Without a usable charset, and for 8-bit data that claims to be US-ASCII: UTF-8 if it is
    valid, else Windows-1252's Western letters. NUL becomes U+FFFD."""
    name = codec(charset) if charset else None
    if name is None or name == "ascii":
        text = _guess(data)
    else:
        try:
            text = str(data, name, "replace")
        except (UnicodeError, ValueError, RuntimeError):  # some multibyte codecs give up even with "replace"
            text = _guess(data)
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _guess(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:  # five of its bytes mean nothing
        return data.decode("latin-1")
