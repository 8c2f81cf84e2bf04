"""SASL LOGIN: user name and password in two responses.

Never standardised (draft-murchison-sasl-login), still the only mechanism some clients speak.
"""

from __future__ import annotations

from posthouse.wire.sasl.contract import Challenge, CheckPassword, Failed, Step
from posthouse.wire.sasl.text import MAX_RESPONSE, decode


class Login:
    """One LOGIN exchange."""

    name = "LOGIN"

    def __init__(self) -> None:
        self._login = ""
        self._done = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; an initial response is the user name."""
        return Challenge(b"Username:") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take the user name, then the password."""
        if self._done:
            return Failed("response after the end of the exchange", malformed=True)
        if len(data) > MAX_RESPONSE:
            return self._failed("response too long")
        what = "password" if self._login else "login"
        try:
            text = decode(data, what)
        except ValueError as problem:
            return self._failed(str(problem))
        if not text:
            return self._failed(f"empty {what}")
        if not self._login:
            self._login = text
            return Challenge(b"Password:")
        self._done = True
        return CheckPassword(self._login, text)

    def _failed(self, reason: str) -> Failed:
        self._done = True
        return Failed(reason, malformed=True, login=self._login)
