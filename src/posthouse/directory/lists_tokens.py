"""What proves that somebody may leave a list, or meant to join it: keyed hashes, so that nothing has to be kept.

A token of a link is for one member of one list and holds for as long as the list does (RFC 8058: it stands in every
message and needs no sign-in). The word in a confirmation is for one address, one wish and :data:`DAYS` days.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

Wish = Literal["subscribe", "unsubscribe"]

KEY_NAME = "lists"
"""The name of the key (``own_secrets``)."""
DAYS = 3
MAX_TOKEN = 700
"""Characters of a link's token."""

_MARK = 16
_LETTERS = 20


def token(key: bytes, list_id: int, address: str) -> str:
    """The token with which the member of this address (key form) leaves a list."""
    said = f"{list_id}:{address}".encode()
    return urlsafe_b64encode(_mac(key, b"leave\0" + said)[:_MARK] + said).decode().rstrip("=")


def read_token(key: bytes, text: str) -> tuple[int, str] | None:
    """List and address of a token; None for one that we did not make."""
    if len(text) > MAX_TOKEN or not text.isascii():
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    mark, said = data[:_MARK], data[_MARK:]
    if not hmac.compare_digest(mark, _mac(key, b"leave\0" + said)[:_MARK]):
        return None
    list_id, _, address = said.decode().partition(":")
    return int(list_id), address


def confirmation(key: bytes, list_id: int, address: str, wish: Wish, now: float) -> str:
    """The word that stands for a wish, in letters and digits that stand before an @."""
    return _word(key, list_id, address, wish, int(now // 86400))


def confirmed(key: bytes, list_id: int, address: str, word: str, now: float) -> Wish | None:
    """What this address confirms with a word; None where it is wrong or too old."""
    wishes: tuple[Wish, ...] = ("subscribe", "unsubscribe")
    for wish in wishes:
        for day in range(int(now // 86400), int(now // 86400) - DAYS - 1, -1):
            made = _word(key, list_id, address, wish, day)
            if hmac.compare_digest(made.encode(), word.lower().encode("utf-8", "replace")):
                return wish
    return None


def _word(key: bytes, list_id: int, address: str, wish: Wish, day: int) -> str:
    digest = _mac(key, f"{wish}\0{list_id}\0{address}\0{day}".encode())
    return b32encode(digest).decode("ascii").lower()[:_LETTERS]


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()
