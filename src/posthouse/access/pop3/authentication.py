"""One SASL exchange (RFC 5034), between the mechanism and the directory."""

from __future__ import annotations

from typing import Literal

from posthouse.directory.contract import Account, Directory, SignIn
from posthouse.wire import sasl
from posthouse.wire.pop3.lines import MAX_RESPONSE
from posthouse.wire.sasl.contract import (
    Challenge,
    CheckCertificate,
    CheckDigest,
    CheckPassword,
    CheckTicket,
    CheckToken,
    Failed,
    Mechanism,
    Proven,
    Step,
    WantKeys,
    Work,
)

PROTOCOL = "pop3"


_LONGEST_TICKET = 65536
"""The longest line with Kerberos: tickets of people who are in very many groups are long."""


class Malformed(Exception):
    """The client's response is none of this mechanism; it counts as an error, not as a failed sign-in."""


class Exchange:
    """Feed it the client's responses until it answers with a SignIn. Raises DatabaseUnavailable or
    Malformed."""

    __slots__ = (
        "_account",
        "_asked",
        "_certificate",
        "_directory",
        "_mechanism",
        "_peer",
        "_proven",
        "_refused",
    )

    def __init__(
        self, mechanism: Mechanism, directory: Directory, peer: str, certificate: bytes = b""
    ) -> None:
        self._mechanism = mechanism
        self._directory = directory
        self._peer = peer
        self._certificate = certificate
        self._asked = ""
        self._account: Account | None = None
        self._proven = False
        self._refused: SignIn | None = None

    async def start(self, initial: bytes | None) -> bytes | SignIn:
        """Begin; the next challenge, or the outcome."""
        return await self._follow(self._mechanism.start(initial))

    async def respond(self, data: bytes) -> bytes | SignIn:
        """The client's next response; the next challenge, or the outcome."""
        if self._refused is not None:
            return self._refused
        if self._proven:
            # RFC 5802 5: the server's signature went out as a last challenge, this is the empty answer to it.
            return await self._directory.record_scram(
                self._asked, self._account, self._account is not None, peer=self._peer, protocol=PROTOCOL
            )
        return await self._follow(self._mechanism.respond(data))

    async def _follow(self, step: Step) -> bytes | SignIn:
        while True:
            match step:
                case Challenge(data):
                    return data
                case CheckPassword(login, password):
                    return await self._directory.sign_in(login, password, peer=self._peer, protocol=PROTOCOL)
                case CheckCertificate(authzid):
                    return await self._directory.sign_in_certificate(
                        self._certificate, authzid, peer=self._peer, protocol=PROTOCOL
                    )
                case CheckDigest():
                    return await self._directory.sign_in_digest(step, peer=self._peer, protocol=PROTOCOL)
                case CheckToken(kind, token, login):
                    return await self._token(kind, token, login)
                case CheckTicket():
                    return await self._directory.sign_in_ticket(step, peer=self._peer, protocol=PROTOCOL)
                case Work():
                    step = await self._directory.carry(step)
                case WantKeys():
                    step = await self._keys(step)
                case Proven(_, data):
                    self._proven = True
                    return data
                case Failed():
                    return await self._failed(step)

    @property
    def longest(self) -> int:
        """The longest line that the client may answer with, in bytes with its end."""
        return _LONGEST_TICKET if self._mechanism.name == "GSSAPI" else MAX_RESPONSE

    @property
    def refused(self) -> bool:
        """Whether a token was refused and only the answer to the reason is missing: whatever it is (RFC 7628 3.2.3)."""
        return self._refused is not None

    async def _token(self, kind: Literal["OAUTHBEARER", "XOAUTH2"], token: str, login: str) -> bytes | SignIn:
        result, challenge = await self._directory.sign_in_token(
            kind, token, login, peer=self._peer, protocol=PROTOCOL
        )
        if result.account is not None or not challenge:
            return result
        self._refused = result
        return challenge

    async def _keys(self, step: WantKeys) -> Step:
        self._asked = step.login
        directory = self._directory
        ask = directory.scram_keys if step.algorithm == "sha256" else directory.scram_sha1_keys
        self._account, keys = await ask(step.login)
        assert isinstance(self._mechanism, sasl.Scram)
        return self._mechanism.keys(keys.salt, keys.iterations, keys.stored_key, keys.server_key)

    async def _failed(self, step: Failed) -> SignIn:
        if step.malformed:
            raise Malformed(step.reason)
        if not self._asked:
            return SignIn(None, step.reason)
        return await self._directory.record_scram(
            self._asked, self._account, False, peer=self._peer, protocol=PROTOCOL
        )
