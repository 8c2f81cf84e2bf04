"""SASL EXTERNAL (RFC 4422 appendix A): the proof is the certificate that the client showed within TLS."""

from __future__ import annotations

from posthouse.wire.sasl.contract import Challenge, CheckCertificate, Failed, Step
from posthouse.wire.sasl.text import MAX_RESPONSE, decode


class External:
    """One EXTERNAL exchange."""

    name = "EXTERNAL"

    def __init__(self) -> None:
        self._done = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take the authorization identity, which may be empty."""
        if self._done:
            return Failed("response after the end of the exchange", malformed=True)
        self._done = True
        if len(data) > MAX_RESPONSE:
            return Failed("response too long", malformed=True)
        try:
            return CheckCertificate(decode(data, "authorization identity"))
        except ValueError as problem:
            return Failed(str(problem), malformed=True)
