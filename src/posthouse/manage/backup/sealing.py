"""Encryption of streams, in the manner of age: a random key for each file, wrapped for a public key, and the
content in pieces of 64 KiB whose nonces count and say which piece is the last.

So whoever writes needs only the public key, pieces cannot be reordered, repeated or left out, and a file that was
cut short is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PIECE = 64 * 1024
"""Bytes of content in each piece but the last."""
TAG = 16
WRAPPED = 32 + 32 + TAG
"""Bytes before the first piece of a file sealed for a public key: one-time public key, wrapped file key."""
SALT = 32
"""Bytes before the first piece of a file locked with a shared secret."""

_NO_NONCE = bytes(12)


class Damaged(Exception):
    """What was read is not what was written; the text says how (no sentence)."""


def derive(secret: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """A key of 32 bytes for one purpose."""
    return HKDF(hashes.SHA256(), 32, salt or None, b"posthouse backup 1 " + purpose).derive(secret)


def public_of(private: bytes) -> bytes:
    """The public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal(recipient: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    """The content, readable with the private key of ``recipient`` only."""
    once = X25519PrivateKey.generate()
    shared = once.exchange(X25519PublicKey.from_public_bytes(recipient))
    own = once.public_key().public_bytes_raw()
    key = os.urandom(32)
    wrap = ChaCha20Poly1305(derive(shared, b"wrap", own + recipient))
    yield own + wrap.encrypt(_NO_NONCE, key, None)
    yield from _encrypt(key, content)


def unseal(private: bytes, stored: Iterable[bytes]) -> Iterator[bytes]:
    """The content of what :func:`seal` made. Raises Damaged, also when the key is another one."""
    head, rest = _split(stored, WRAPPED)
    mine = X25519PrivateKey.from_private_bytes(private)
    try:
        shared = mine.exchange(X25519PublicKey.from_public_bytes(head[:32]))
        wrap = ChaCha20Poly1305(derive(shared, b"wrap", head[:32] + public_of(private)))
        key = wrap.decrypt(_NO_NONCE, head[32:], None)
    except (InvalidTag, ValueError):
        raise Damaged("it is damaged, or was made for another key") from None
    yield from _decrypt(key, rest)


def lock(secret: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    """The content, readable with ``secret``."""
    salt = os.urandom(SALT)
    yield salt
    yield from _encrypt(derive(secret, b"lock", salt), content)


def unlock(secret: bytes, stored: Iterable[bytes]) -> Iterator[bytes]:
    """The content of what :func:`lock` made. Raises Damaged."""
    salt, rest = _split(stored, SALT)
    yield from _decrypt(derive(secret, b"lock", salt), rest)


def _encrypt(key: bytes, content: Iterable[bytes]) -> Iterator[bytes]:
    cipher = ChaCha20Poly1305(key)
    count = 0
    waiting = bytearray()
    for part in content:
        waiting += part
        while len(waiting) > PIECE:  # the last piece is known as such only when nothing follows
            yield cipher.encrypt(_nonce(count, False), bytes(waiting[:PIECE]), None)
            del waiting[:PIECE]
            count += 1
    yield cipher.encrypt(_nonce(count, True), bytes(waiting), None)


def _decrypt(key: bytes, stored: Iterable[bytes]) -> Iterator[bytes]:
    cipher = ChaCha20Poly1305(key)
    count = 0
    waiting = bytearray()
    try:
        for part in stored:
            waiting += part
            while len(waiting) > PIECE + TAG:
                yield cipher.decrypt(_nonce(count, False), bytes(waiting[: PIECE + TAG]), None)
                del waiting[: PIECE + TAG]
                count += 1
        if len(waiting) < TAG:
            raise Damaged("it is cut short")
        yield cipher.decrypt(_nonce(count, True), bytes(waiting), None)
    except InvalidTag:
        raise Damaged("it is damaged or cut short") from None


def _nonce(count: int, last: bool) -> bytes:
    return count.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _split(stored: Iterable[bytes], length: int) -> tuple[bytes, Iterator[bytes]]:
    """The first ``length`` bytes, and the rest as a stream."""
    parts = iter(stored)
    head = b""
    while len(head) < length:
        part = next(parts, None)
        if part is None:
            raise Damaged("it is cut short")
        head += part

    def rest() -> Iterator[bytes]:
        yield head[length:]
        yield from parts

    return head[:length], rest()
