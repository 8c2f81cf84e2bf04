"""Recently verified passwords, so that a mail program's five connections cost one hash.

What is kept is a keyed digest of login, password and stored hash under a key that lives only in this
process: a changed password changes the stored hash, and so the entry is never found again.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict

MAX_ENTRIES = 10_000


class Verified:
    """A bounded set of digests that expire."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def token(self, login: str, password: str, password_hash: str) -> bytes:
        """The digest that stands for this password of this login."""
        parts = (login, password, password_hash)
        text = b"".join(b"%d:%b" % (len(part), part.encode("utf-8", "surrogatepass")) for part in parts)
        return hmac.digest(self._key, text, "sha256")

    def holds(self, token: bytes, now: float) -> bool:
        """Whether this was verified and has not expired."""
        until = self._until.get(token)
        if until is None:
            return False
        if until <= now:
            del self._until[token]
            return False
        return True

    def add(self, token: bytes, until: float) -> None:
        """Remember a success."""
        self._until[token] = until
        self._until.move_to_end(token)
        if len(self._until) > MAX_ENTRIES:
            self._until.popitem(last=False)
