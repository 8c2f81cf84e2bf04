"""SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS forms, server side (RFC 5802, RFC 7677).

The server never sees a password: it holds StoredKey and ServerKey, and checks that the client could compute
the key whose hash is StoredKey. An unknown login runs through the same steps with made-up keys.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from typing import Literal, NamedTuple

from posthouse.wire.sasl.contract import Challenge, Failed, Proven, Step, WantKeys
from posthouse.wire.sasl.text import MAX_RESPONSE, decode

_BINDING = "tls-unique"


class _ClientFirst(NamedTuple):
    """The parts of a client-first-message that the rest of the exchange needs."""

    header: bytes
    bare: bytes
    flag: str
    authzid: str
    login: str
    nonce: bytes


class Scram:
    """One exchange: client-first → WantKeys → ``keys`` → server-first → client-final → Proven or Failed.

    ``channel_binding`` is the tls-unique value where it works, whether or not this is the -PLUS form: a
    client that says "you do not offer -PLUS" (flag ``y``) when it was offered has been tampered with (RFC
    5802 6). ``nonce`` is for tests.
    """

    def __init__(
        self,
        algorithm: Literal["sha256", "sha1"] = "sha256",
        *,
        channel_binding: bytes | None = None,
        plus: bool = False,
        nonce: bytes | None = None,
    ) -> None:
        if plus and not channel_binding:
            raise ValueError("-PLUS needs channel binding data")
        self.algorithm = algorithm
        name = "SCRAM-SHA-256" if algorithm == "sha256" else "SCRAM-SHA-1"
        self.name = f"{name}-PLUS" if plus else name
        self._plus = plus
        self._binding = channel_binding
        self._server_nonce = nonce or secrets.token_urlsafe(18).encode("ascii")
        self._state = "first"
        self._first = _ClientFirst(b"", b"", "", "", "", b"")
        self._server_first = b""
        self._stored_key = b""
        self._server_key = b""

    def start(self, initial: bytes | None) -> Step:
        """Begin; SCRAM is client-first, so without an initial response the challenge is empty."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take the client-first-message, later the client-final-message."""
        state, self._state = self._state, "done"
        if state not in ("first", "final"):
            return self._failed("response out of turn")
        if len(data) > MAX_RESPONSE:
            return self._failed("response too long")
        try:
            return self._client_first(data) if state == "first" else self._client_final(data)
        except ValueError as problem:
            return self._failed(str(problem))

    def keys(self, salt: bytes, iterations: int, stored_key: bytes, server_key: bytes) -> Step:
        """The keys of the login that WantKeys named. Raises RuntimeError when it did not ask."""
        if self._state != "keys":
            raise RuntimeError("keys were not asked for")
        self._state = "final"
        self._stored_key, self._server_key = stored_key, server_key
        nonce = self._first.nonce + self._server_nonce
        self._server_first = b"r=%b,s=%b,i=%d" % (nonce, _base64(salt), iterations)
        return Challenge(self._server_first)

    def _client_first(self, data: bytes) -> Step:
        first = self._first = _parse_client_first(data)
        if self._plus and first.flag != "p":
            return self._failed("no channel binding with -PLUS")
        if not self._plus and first.flag == "p":
            return self._failed("channel binding without -PLUS")
        if first.flag == "y" and self._binding:
            return self._failed("channel binding downgraded", malformed=False)
        if first.authzid not in ("", first.login):
            return self._failed("authorization identity differs from login", malformed=False)
        self._state = "keys"
        return WantKeys(first.login, self.algorithm)

    def _client_final(self, data: bytes) -> Step:
        first = self._first
        without_proof, separator, proof_text = data.rpartition(b",p=")
        fields = without_proof.split(b",")
        if not separator or len(fields) < 2 or fields[0][:2] != b"c=" or fields[1][:2] != b"r=":
            return self._failed("client-final-message is malformed")
        proof = _unbase64(proof_text, "proof")
        binding = _unbase64(fields[0][2:], "channel binding")
        expected = first.header + (self._binding or b"" if self._plus else b"")
        if not hmac.compare_digest(binding, expected):
            return self._failed("channel bindings differ", malformed=False)
        if not hmac.compare_digest(fields[1][2:], first.nonce + self._server_nonce):
            return self._failed("nonces differ", malformed=False)
        if len(proof) != len(self._stored_key):
            return self._failed("proof has the wrong length", malformed=False)
        exchange = b"%b,%b,%b" % (first.bare, self._server_first, without_proof)
        signature = hmac.digest(self._stored_key, exchange, self.algorithm)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(self.algorithm, client_key).digest(), self._stored_key):
            return self._failed("wrong proof", malformed=False)
        return Proven(first.login, b"v=" + _base64(hmac.digest(self._server_key, exchange, self.algorithm)))

    def _failed(self, reason: str, *, malformed: bool = True) -> Failed:
        self._state = "done"
        return Failed(reason, malformed=malformed, login=self._first.login)


def _parse_client_first(data: bytes) -> _ClientFirst:
    """Take a client-first-message apart (RFC 5802 7). Raises ValueError."""
    fields = data.split(b",")
    if len(fields) < 4:
        raise ValueError("client-first-message is malformed")
    flag, authzid, user, nonce = fields[:4]
    if flag not in (b"n", b"y") and not flag.startswith(b"p="):
        raise ValueError("bad channel binding flag")
    if flag.startswith(b"p=") and flag[2:] != _BINDING.encode("ascii"):
        raise ValueError("channel binding type not offered")
    if authzid and authzid[:2] != b"a=":
        raise ValueError("bad authorization identity")
    if user[:2] == b"m=":
        raise ValueError("mandatory extension not known")
    if user[:2] != b"n=" or nonce[:2] != b"r=" or not _is_nonce(nonce[2:]):
        raise ValueError("client-first-message is malformed")
    login = _name(user[2:], "login")
    if not login:
        raise ValueError("empty login")
    header = b"%b,%b," % (flag, authzid)
    return _ClientFirst(
        header=header,
        bare=data[len(header) :],
        flag=flag[:1].decode("ascii"),
        authzid=_name(authzid[2:], "authorization identity"),
        login=login,
        nonce=nonce[2:],
    )


def _is_nonce(nonce: bytes) -> bool:
    """Whether these are printable ASCII characters (the comma is gone already)."""
    return bool(nonce) and all(0x21 <= byte <= 0x7E for byte in nonce)


def _name(data: bytes, what: str) -> str:
    """A saslname decoded: ``=2C`` is a comma, ``=3D`` an equals sign, any other ``=`` an error."""
    text = decode(data, what)
    if text.count("=") != text.count("=2C") + text.count("=3D"):
        raise ValueError(f"bad quoting in the {what}")
    return text.replace("=2C", ",").replace("=3D", "=")


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _unbase64(data: bytes, what: str) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        raise ValueError(f"the {what} is not base64") from None
