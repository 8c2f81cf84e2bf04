"""SASL PLAIN (RFC 4616): ``[authzid] NUL authcid NUL password`` in one response."""

from __future__ import annotations

from posthouse.wire.sasl.contract import Challenge, CheckPassword, Failed, Step
from posthouse.wire.sasl.text import MAX_RESPONSE, decode


class Plain:
    """One PLAIN exchange."""

    name = "PLAIN"

    def __init__(self) -> None:
        self._done = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty (RFC 4616 2)."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take the one response."""
        if self._done:
            return Failed("response after the end of the exchange", malformed=True)
        self._done = True
        if len(data) > MAX_RESPONSE:
            return Failed("response too long", malformed=True)
        parts = data.split(b"\0")
        if len(parts) != 3:
            return Failed("not three fields", malformed=True)
        try:
            authzid, login = decode(parts[0], "authorization identity"), decode(parts[1], "login")
            password = decode(parts[2], "password")
        except ValueError as problem:
            return Failed(str(problem), malformed=True)
        if not login or not password:
            return Failed("empty login or password", malformed=True, login=login)
        if authzid.casefold() not in ("", login.casefold()):
            # An administrator may act for somebody else, where that is allowed: the directory judges.
            return CheckPassword(f"{authzid}*{login}", password)
        return CheckPassword(login, password)
