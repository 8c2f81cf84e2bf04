"""A password hasher that costs nothing and counts what a real one would have cost."""

from __future__ import annotations

from argon2.exceptions import VerifyMismatchError


class CountingHasher:
    """Stands for argon2's PasswordHasher."""

    def __init__(self) -> None:
        self.hashed = 0
        self.verified = 0

    def hash(self, password: str) -> str:
        self.hashed += 1
        return "plain$" + password

    def verify(self, hash: str, password: str) -> bool:
        self.verified += 1
        if hash != "plain$" + password:
            raise VerifyMismatchError
        return True
