"""Passwords: Argon2id for plain verification, SCRAM-SHA-256 keys beside it (RFC 5802, RFC 7677).

A hash takes about a tenth of a second and 64 MiB, so hashing runs on a small pool of threads of its own: its
size bounds memory and cores, and waiting for a turn is all that a flood of sign-ins costs the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from posthouse.directory import foreign_hashes
from posthouse.directory.contract import ScramKeys
from posthouse.directory.foreign_hashes import Foreign
from posthouse.directory.saslprep import prepare
from posthouse.wire.sasl.cram_md5 import key_of

SCRAM_ITERATIONS = 15000
"""What RFC 7677 section 4 asks for."""

ScramHash = Literal["sha256", "sha1"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored of a password: nothing it could be read back from."""

    password_hash: str = field(repr=False)
    scram: ScramKeys | None
    scram_sha1: ScramKeys | None = None
    """None where the password is not known yet: an imported hash."""
    cram_md5: bytes | None = field(default=None, repr=False)
    """As good as the password for one mechanism: kept only where it is wanted (``cram_md5.replace``)."""


class Hasher(Protocol):
    """The part of argon2's PasswordHasher that is used; tests count its calls."""

    def hash(self, password: str) -> str: ...
    def verify(self, hash: str, password: str) -> bool: ...


def scram_keys(
    prepared: str, salt: bytes, iterations: int = SCRAM_ITERATIONS, algorithm: ScramHash = "sha256"
) -> ScramKeys:
    """The keys of a prepared password (RFC 5802 3)."""
    salted = hashlib.pbkdf2_hmac(algorithm, prepared.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", algorithm)
    return ScramKeys(
        salt=salt,
        iterations=iterations,
        stored_key=hashlib.new(algorithm, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", algorithm),
    )


class Passwords:
    """Makes and verifies password hashes off the event loop, at most ``at_once`` at a time."""

    def __init__(self, at_once: int = 2, hasher: Hasher | None = None) -> None:
        self._hasher: Hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._nobody = ""

    async def make(self, password: str) -> Credentials:
        """The credentials to store for a new password. Raises ValueError with a plain reason (see
        ``prepare``)."""
        return await self._run(lambda: self.make_now(password))

    def make_now(self, password: str) -> Credentials:
        """As :meth:`make`, in the calling thread."""
        prepared = prepare(password)
        return Credentials(
            self._hasher.hash(prepared),
            scram_keys(prepared, os.urandom(16)),
            scram_keys(prepared, os.urandom(16), algorithm="sha1"),
            key_of(prepared.encode()),
        )

    async def take_over(self, foreign: Foreign) -> Credentials:
        """The credentials to store for a hash of another server. Raises ValueError."""
        return await self._run(lambda: self._take_over(foreign))

    def _take_over(self, foreign: Foreign) -> Credentials:
        if foreign.scheme == "" and not foreign.whole:
            return self.make_now(foreign.password)
        stored = foreign_hashes.stored_form(foreign, self._hasher.hash)
        if not foreign.password:
            return Credentials(stored, None)
        return replace(self.make_now(foreign.password), password_hash=stored)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash. With None (no such account) one hash is verified
        all the same and the answer is False, so that the time tells nothing."""
        return await self._run(lambda: self._verify(password_hash, password))

    def close(self) -> None:
        """End the threads; hashes under way finish unheard."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            prepared = prepare(password)
        except ValueError:
            # Nobody can have this password; burn the time and say no.
            prepared, password_hash = "-", None
        if not password_hash:  # nobody, or somebody without a password
            self._matches(self._dummy(), prepared)
            return False
        if foreign_hashes.is_foreign(password_hash):
            return self._matches_foreign(password_hash, password)
        return self._matches(password_hash, prepared)

    def _matches_foreign(self, password_hash: str, password: str) -> bool:
        try:
            argon2, texts = foreign_hashes.candidates(password_hash, password)
        except ValueError:
            argon2, texts = self._dummy(), ["-"]
        found = [self._matches(argon2, text) for text in texts]  # all of them: the time tells nothing
        return any(found)

    def _matches(self, password_hash: str, prepared: str) -> bool:
        try:
            return self._hasher.verify(password_hash, prepared)
        except (Argon2Error, InvalidHashError):
            return False

    def _dummy(self) -> str:
        """The hash of a password nobody knows."""
        if not self._nobody:
            self._nobody = self._hasher.hash(os.urandom(16).hex())
        return self._nobody
