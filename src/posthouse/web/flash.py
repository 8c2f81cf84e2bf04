"""A text that the next page shows once: in a cookie that nobody but us can have written for this session."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec
from starlette.requests import Request
from starlette.responses import Response

NAME = "posthouse-flash"
SECONDS = 60
MAX_TEXT = 600
KINDS = ("good", "note", "warning", "bad")


class Flash(msgspec.Struct, frozen=True):
    """``kind`` is one of KINDS."""

    kind: str
    text: str


def _mac(secret: str, body: str) -> str:
    return hmac.new(secret.encode(), b"flash:" + body.encode(), hashlib.sha256).hexdigest()


def put(answer: Response, secret: str, text: str, kind: str, *, secure: bool) -> None:
    """Let the next page of the session with this secret show the text."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(Flash(kind, text[:MAX_TEXT]))).decode()
    answer.set_cookie(
        NAME,
        f"{body}.{_mac(secret, body)}",
        max_age=SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def take(request: Request, secret: str) -> Flash | None:
    """The text that waits for this session, or None."""
    body, _, mac = request.cookies.get(NAME, "").partition(".")
    if not body or not hmac.compare_digest(mac.encode(), _mac(secret, body).encode()):
        return None
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(body), type=Flash)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    return found if found.kind in KINDS else None


def clear(answer: Response) -> None:
    """It was shown."""
    answer.delete_cookie(NAME, httponly=True, samesite="lax")
