"""How hard a password is to guess, in bits, as a person with a list of habits would guess it.

The estimate is rough and errs to the low side. The password is cut into pieces a guesser tries first: words and habits
that everybody has, parts of the address, years and dates, runs along the keyboard or the alphabet, repeated characters.
Each costs what trying that habit costs; what is left costs its characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_WORDS = """
    password passwort passwd secret geheim letmein welcome willkommen hello hallo admin administrator root
    user guest test testing default changeme master login monkey dragon football baseball soccer iloveyou
    sunshine princess shadow superman batman qwerty qwertz azerty asdf zxcv trustno access mustang michael
    jordan hunter charlie thomas daniel summer winter spring autumn sommer herbst fruehling january february
    march april june july august september october november december januar februar juni juli oktober dezember
    monday tuesday friday sunday computer internet server mail email office home family love freedom ninja
    flower cheese cookie pepper ginger tigger killer jessica
"""
_COMMON = tuple(_WORDS.split())
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
)
_LEET = str.maketrans("@4301!5$7", "aaeoliss" + "t")
_WORD_BITS = 9.0
_ADDRESS_BITS = 2.0
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DATE = re.compile(r"[0-3]?[0-9][./-][01]?[0-9][./-](?:[0-9]{4}|[0-9]{2})")
_LONGEST = 128
"""Characters looked at: whoever types more has enough."""


def bits(password: str, address: str = "") -> float:
    """The estimate for a password of the account with this address."""
    text = password[:_LONGEST]
    lower = text.lower().translate(_LEET)
    parts = [part for part in re.split(r"[^\w]+", address.lower()) if len(part) >= 3]
    total, at = 0.0, 0
    seen: set[str] = set()
    while at < len(text):
        size, cost = _piece(text, lower, at, parts)
        piece = lower[at : at + size]
        if size > 1 and piece in seen:
            cost = 1.0  # the same again
        seen.add(piece)
        if size > 1 and text[at : at + size] != text[at : at + size].lower():
            cost += 1.0
        total += cost
        at += size
    return total


def _piece(text: str, lower: str, at: int, parts: Iterable[str]) -> tuple[int, float]:
    """The piece that begins here: its length, and what it costs."""
    for words, cost in ((parts, _ADDRESS_BITS), (_COMMON, _WORD_BITS)):
        found = max((len(word) for word in words if lower.startswith(word, at)), default=0)
        if found:
            return found, cost
    for pattern, cost in ((_DATE, 12.0), (_YEAR, 6.0)):
        match = pattern.match(text, at)
        if match:
            return match.end() - at, cost
    size = _run(text.lower(), at)
    if size >= 3:
        return size, 4.0 + math.log2(size)
    return 1, _alphabet(text[at])


def _run(text: str, at: int) -> int:
    """How many characters from here repeat the first, or follow a row of the keyboard or the alphabet either way."""
    same = 1
    while at + same < len(text) and text[at + same] == text[at]:
        same += 1
    return max([same, *(_along(text, at, row) for each in _ROWS for row in (each, each[::-1]))])


def _along(text: str, at: int, row: str) -> int:
    place = row.find(text[at])
    if place < 0:
        return 1
    size = 1
    while at + size < len(text) and row[place + size : place + size + 1] == text[at + size]:
        size += 1
    return size


def _alphabet(char: str) -> float:
    """Bits of a character that no habit explains. Letters are not random even then: words are made of them."""
    if char.isdigit():
        return 3.0
    if char.isalpha():
        return 2.5 if char.isascii() and char.islower() else 3.5
    return 4.0
