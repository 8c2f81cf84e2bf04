"""Preparing passwords for comparison (SASLprep, RFC 4013), so that the same password typed on two keyboards
is one.

Unassigned code points of Unicode 3.2 are let through (today's emoji are among them) and normalised by
today's tables: clients do the same, and refusing them would only lock people out.
"""

from __future__ import annotations

import stringprep
from unicodedata import normalize

MAX_PASSWORD = 1024
"""Octets of a password in UTF-8; longer ones are refused before any hashing."""

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepare(password: str) -> str:
    """The form of a password that is hashed. Raises ValueError with a plain reason that does not show it."""
    if password.isascii():
        prepared = password
        if not password.isprintable():
            raise ValueError("the password contains control characters")
    else:
        prepared = _prepare_unicode(password)
    if not prepared:
        raise ValueError("the password is empty")
    if len(prepared) > MAX_PASSWORD or len(prepared.encode()) > MAX_PASSWORD:
        raise ValueError(f"the password is longer than {MAX_PASSWORD} bytes")
    return prepared


def _prepare_unicode(password: str) -> str:
    if len(password) > MAX_PASSWORD:
        raise ValueError(f"the password is longer than {MAX_PASSWORD} bytes")
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    prepared = normalize("NFKC", mapped)
    for char in prepared:
        if any(prohibited(char) for prohibited in _PROHIBITED):
            raise ValueError("the password contains characters that cannot be typed reliably")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """RFC 3454 6: text with right-to-left characters begins and ends with one and has no left-to-right
    ones."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return
    if (
        any(stringprep.in_table_d2(char) for char in text)
        or not stringprep.in_table_d1(text[0])
        or not stringprep.in_table_d1(text[-1])
    ):
        raise ValueError("the password mixes writing directions")
