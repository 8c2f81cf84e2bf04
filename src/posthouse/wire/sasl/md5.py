"""MD5 (RFC 1321) that can stop between two blocks and go on from there, which hashlib's cannot.

Only CRAM-MD5 needs it: of a password it keeps the two states of HMAC behind the key (RFC 2104 4), not the password. It
also works where the system's library refuses MD5.
"""

from __future__ import annotations

import struct
from math import floor, sin

BLOCK = 64
"""Bytes of a block."""
START = struct.pack("<4I", 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
"""The state before the first block (RFC 1321 3.3)."""

_MASK = 0xFFFFFFFF
_SINES = tuple(floor(abs(sin(step + 1)) * 2**32) for step in range(64))
_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_STEPS = tuple(
    (
        step // 16,
        (step, 5 * step + 1, 3 * step + 5, 7 * step)[step // 16] % 16,
        _SINES[step],
        _SHIFTS[step // 16][step % 4],
    )
    for step in range(64)
)
"""Of each step: its round, the word it takes, what it adds, how far it turns."""


def absorb(state: bytes, blocks: bytes) -> bytes:
    """The state (16 bytes) after some whole blocks."""
    a, b, c, d = struct.unpack("<4I", state)
    for words in struct.iter_unpack("<16I", blocks):
        was = a, b, c, d
        for turn, word, sine, shift in _STEPS:
            if turn == 0:
                mixed = (b & c) | (~b & d)
            elif turn == 1:
                mixed = (d & b) | (~d & c)
            elif turn == 2:
                mixed = b ^ c ^ d
            else:
                mixed = c ^ (b | (~d & _MASK))
            added = (a + mixed + sine + words[word]) & _MASK
            turned = (added << shift) | (added >> (32 - shift))
            a, b, c, d = d, (b + turned) & _MASK, b, c
        a, b, c, d = ((old + new) & _MASK for old, new in zip(was, (a, b, c, d), strict=True))
    return struct.pack("<4I", a, b, c, d)


def finish(state: bytes, before: int, rest: bytes) -> bytes:
    """The digest of a text whose first ``before`` bytes (whole blocks) led to this state, and whose others are
    ``rest``."""
    size = before + len(rest)
    padding = b"\x80" + bytes((55 - size) % BLOCK)
    return absorb(state, rest + padding + struct.pack("<Q", size * 8 % 2**64))
