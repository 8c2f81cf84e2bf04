"""Trace ids: one for each connection, from its first byte; the messages of a connection number themselves after it."""

from __future__ import annotations

import secrets
import time

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS = 11
_RANDOM_DIGITS = 4

_last = 0


def new_trace() -> str:
    """A new id of 15 letters and digits: microseconds since 1970 and 20 random bits, in base 32.

    Ids sort by time as text. Within a process none occurs twice; two processes would have to agree on a microsecond and
    on the random bits.
    """
    global _last
    _last = max(time.time_ns() // 1000, _last + 1)
    return _base32(_last, _TIME_DIGITS) + _base32(secrets.randbits(5 * _RANDOM_DIGITS), _RANDOM_DIGITS)


def _base32(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        text = _DIGITS[number & 31] + text
        number >>= 5
    return text
