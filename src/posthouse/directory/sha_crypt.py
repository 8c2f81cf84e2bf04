"""SHA-256 and SHA-512 of crypt(3) (``$5$``, ``$6$``; Ulrich Drepper's specification of 2007), to verify imported
hashes: Python has no crypt module any more."""

from __future__ import annotations

import hashlib
import re

MOST_ROUNDS = 1_000_000
_PARTS = re.compile(
    r"\$([56])\$(?:rounds=([0-9]{1,9})\$)?([A-Za-z0-9./]{0,16})\$([A-Za-z0-9./]{43}|[A-Za-z0-9./]{86})"
)
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NAMES = {"5": "sha256", "6": "sha512"}
_ORDER = {
    "sha256": [(0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17),
               (18, 28, 8), (9, 19, 29), (31, 30)],
    "sha512": [(0, 21, 42), (22, 43, 1), (44, 2, 23), (3, 24, 45), (25, 46, 4), (47, 5, 26), (6, 27, 48), (28, 49, 7),
               (50, 8, 29), (9, 30, 51), (31, 52, 10), (53, 11, 32), (12, 33, 54), (34, 55, 13), (56, 14, 35),
               (15, 36, 57), (37, 58, 16), (59, 17, 38), (18, 39, 60), (40, 61, 19), (62, 20, 41), (63,)],
}  # fmt: skip


def parse(text: str) -> tuple[str, int, str, str]:
    """Algorithm, rounds, salt and digest of a stored hash. Raises ValueError."""
    match = _PARTS.fullmatch(text)
    if match is None:
        raise ValueError("of crypt only $5$ and $6$ are known")
    algorithm = _NAMES[match[1]]
    rounds = int(match[2] or 5000)
    if not 1000 <= rounds <= MOST_ROUNDS:
        raise ValueError(f"the rounds must be between 1000 and {MOST_ROUNDS}")
    if len(match[4]) != (43 if algorithm == "sha256" else 86):
        raise ValueError("the hash has the wrong length")
    return algorithm, rounds, match[3], match[4]


def digest(algorithm: str, password: bytes, salt: bytes, rounds: int) -> str:
    """The last part of the hash, in crypt's base64."""

    def of(data: bytes) -> bytes:
        return hashlib.new(algorithm, data).digest()

    def repeated(block: bytes, length: int) -> bytes:
        return (block * (length // len(block) + 1))[:length]

    size = len(password)
    other = of(password + salt + password)
    mixed = password + salt + repeated(other, size)
    bits = size
    while bits:
        mixed += other if bits & 1 else password
        bits >>= 1
    state = of(mixed)
    p = repeated(of(password * size), size) if size else b""
    s = repeated(of(salt * (16 + state[0])), len(salt)) if salt else b""
    for number in range(rounds):
        data = p if number & 1 else state
        if number % 3:
            data += s
        if number % 7:
            data += p
        data += state if number & 1 else p
        state = of(data)
    return _encoded(algorithm, state)


def _encoded(algorithm: str, state: bytes) -> str:
    text = []
    for places in _ORDER[algorithm]:
        number = 0
        for place in places:
            number = number << 8 | state[place]
        for _ in range({3: 4, 2: 3, 1: 2}[len(places)]):
            text.append(_ALPHABET[number & 63])
            number >>= 6
    return "".join(text)
