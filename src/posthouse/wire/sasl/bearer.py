"""OAUTHBEARER (RFC 7628) and XOAUTH2 (as Google and Microsoft have it): an access token instead of a password."""

from __future__ import annotations

import re
from typing import Literal

from posthouse.wire.sasl.contract import Challenge, CheckToken, Failed, Step
from posthouse.wire.sasl.text import MAX_RESPONSE, decode

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
"""A bearer token (RFC 6750 2.1)."""


class Bearer:
    """One exchange of either mechanism. What the server says of a token it refuses, and the client's answer to that,
    is the session's to carry."""

    def __init__(self, name: Literal["OAUTHBEARER", "XOAUTH2"]) -> None:
        self.name: str = name
        self._kind = name
        self._done = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty."""
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, data: bytes) -> Step:
        """Take the one response."""
        if self._done:
            return Failed("response after the end of the exchange", malformed=True)
        self._done = True
        if len(data) > MAX_RESPONSE:
            return Failed("response too long", malformed=True)
        try:
            login, fields = _oauthbearer(data) if self._kind == "OAUTHBEARER" else _xoauth2(data)
            return CheckToken(self._kind, _token(fields), login)
        except ValueError as problem:
            return Failed(str(problem), malformed=True)


def _oauthbearer(data: bytes) -> tuple[str, dict[str, str]]:
    """The authorization identity and the fields of RFC 7628 3.1. Raises ValueError."""
    head, *fields = _parts(data)
    flag, comma, rest = head.partition(",")
    if not comma or (flag not in ("n", "y") and not flag.startswith("p=")):
        raise ValueError("no header of GS2")
    if flag.startswith("p="):
        raise ValueError("channel binding is not part of this mechanism")
    authzid, comma, rest = rest.partition(",")
    if not comma or rest:
        raise ValueError("no header of GS2")
    if authzid and (not authzid.startswith("a=") or authzid == "a="):
        raise ValueError("no authorization identity")
    return _saslname(authzid[2:]), _fields(fields)


def _xoauth2(data: bytes) -> tuple[str, dict[str, str]]:
    """The user and the fields. Raises ValueError."""
    fields = _fields(_parts(data))
    login = fields.pop("user", "")
    if not login:
        raise ValueError("no user")
    return login, fields


def _parts(data: bytes) -> list[str]:
    """What stands between the control-A of which two end the response. Raises ValueError."""
    if not data.endswith(b"\x01\x01"):
        raise ValueError("the response does not end with two control-A")
    return [decode(part, "response") for part in data[:-2].split(b"\x01")]


def _fields(parts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign or not name.isascii() or not name.isalpha() or name in found:
            raise ValueError("a field is no name with a value, or there twice")
        found[name] = value
    return found


def _token(fields: dict[str, str]) -> str:
    scheme, _, token = fields.get("auth", "").partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token.strip(" ")):
        raise ValueError("no bearer token")
    return token.strip(" ")


def _saslname(text: str) -> str:
    """A name with its commas and equal signs written out (RFC 5801 4). Raises ValueError."""
    if re.search(r"=(?!2C|3D)", text):
        raise ValueError("the authorization identity is not escaped well")
    return text.replace("=2C", ",").replace("=3D", "=")
