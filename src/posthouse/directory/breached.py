"""Whether a password is in a list of breached ones: a sorted file of SHA-1 hashes, searched by halves.

The file is the one that haveibeenpwned.com offers (``HASH:COUNT``, one on each line, ordered by hash). It has tens of
gigabytes: nothing of it is loaded, a question reads about forty times some hundred bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

_DIGITS = 40
_LONGEST_LINE = 256


class NoList(Exception):
    """The file cannot be read, or is no such list."""


def is_breached(path: Path, password: str) -> bool:
    """Whether the password's hash is in the file. Blocks; raises NoList."""
    digest = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    wanted = digest.hexdigest().upper().encode("ascii")
    try:
        with path.open("rb") as file:
            return _search(file, wanted)
    except OSError as problem:
        raise NoList(f"{path}: {problem.strerror or problem}") from None


def _search(file: BinaryIO, wanted: bytes) -> bool:
    low, high = 0, file.seek(0, 2)
    while low < high:
        middle = (low + high) // 2
        begin, line = _line_from(file, middle)
        if not line or begin >= high:
            high = middle
            continue
        found = _hash_of(line)
        if found == wanted:
            return True
        if found < wanted:
            low = begin + len(line)
        else:
            high = middle
    return False


def _line_from(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """The first line that begins at ``place`` or after it, and where it begins."""
    if place:
        file.seek(place - 1)
        rest = file.readline(_LONGEST_LINE)
        if rest and not rest.endswith(b"\n"):
            raise NoList("a line is longer than any of such a list")
        place = place - 1 + len(rest)
    file.seek(place)
    return place, file.readline(_LONGEST_LINE)


def _hash_of(line: bytes) -> bytes:
    found = line[:_DIGITS].upper()
    if len(found) != _DIGITS or not all(byte in b"0123456789ABCDEF" for byte in found):
        raise NoList("a line does not begin with a SHA-1 hash")
    return found
