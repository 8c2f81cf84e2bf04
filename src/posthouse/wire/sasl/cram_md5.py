"""CRAM-MD5, server side (RFC 2195): the client answers a challenge with its name and an HMAC-MD5 of the challenge.

The server needs no password for that, only what HMAC makes of one before any text (RFC 2104 4): two states of MD5, 32
bytes. They are no password, but as good as one for whoever wants to sign in by CRAM-MD5, and a fast guess tells whether
a password belongs to them.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time

from posthouse.wire.sasl.contract import Challenge, CheckDigest, Failed, Step
from posthouse.wire.sasl.md5 import BLOCK, START, absorb, finish
from posthouse.wire.sasl.text import MAX_RESPONSE, decode

KEY_SIZE = 32
"""Bytes of a key: the states of the inner and the outer hash."""

_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")


class CramMd5:
    """One CRAM-MD5 exchange. ``host`` is our name in the challenge; ``challenge`` is for tests."""

    name = "CRAM-MD5"

    def __init__(self, host: str, *, challenge: bytes = b"") -> None:
        self._challenge = challenge or new_challenge(host)
        self._state = "begin"

    def start(self, initial: bytes | None) -> Step:
        """Send the challenge. The server speaks first, so an initial response is an error (RFC 4954 4, RFC 4959 3)."""
        if self._state != "begin" or initial is not None:
            return self._failed("initial response, where the server speaks first")
        self._state = "answer"
        return Challenge(self._challenge)

    def respond(self, data: bytes) -> Step:
        """Take the name and the digest, in hexadecimal, with a space between. A name may have spaces of its own."""
        if self._state != "answer":
            return self._failed("response out of turn")
        self._state = "done"
        if len(data) > MAX_RESPONSE:
            return self._failed("response too long")
        try:
            login, _, digest = decode(data, "response").rpartition(" ")
        except ValueError as problem:
            return self._failed(str(problem))
        if not login or not _DIGEST.fullmatch(digest):
            return self._failed("not a name and a digest")
        return CheckDigest(login, self._challenge, bytes.fromhex(digest))

    def _failed(self, reason: str) -> Failed:
        self._state = "done"
        return Failed(reason, malformed=True)


def new_challenge(host: str) -> bytes:
    """What nobody can foresee, the time and our name, in the form of a Message-ID (RFC 2195 2)."""
    name = host if _NAME.fullmatch(host) else "localhost"
    return f"<{secrets.randbits(128)}.{int(time.time())}@{name}>".encode("ascii")


def key_of(password: bytes) -> bytes:
    """What is kept of a password."""
    secret = password if len(password) <= BLOCK else finish(START, 0, password)
    padded = secret.ljust(BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
    return absorb(START, inner) + absorb(START, outer)


def answer(key: bytes, challenge: bytes) -> bytes:
    """The digest of a challenge (16 bytes) that whoever knows the password of this key sends."""
    inner = finish(key[:16], BLOCK, challenge)
    return finish(key[16:], BLOCK, inner)


def is_right(key: bytes, shown: CheckDigest) -> bool:
    """Whether the client's digest is the one of this key, in a time that does not depend on the digest."""
    return hmac.compare_digest(answer(key, shown.challenge), shown.digest)
