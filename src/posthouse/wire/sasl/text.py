"""Checks that every mechanism makes on what a client sent."""

from __future__ import annotations

MAX_RESPONSE = 8192
"""The longest response looked at, in bytes; longer ones are malformed whatever they hold."""


def decode(data: bytes, what: str) -> str:
    """``data`` as UTF-8 text without NUL or other control characters. Raises ValueError naming ``what``,
    never showing it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the {what} is not UTF-8") from None
    if any(ch < " " or ch == "\x7f" for ch in text):
        raise ValueError(f"the {what} has control characters")
    return text
