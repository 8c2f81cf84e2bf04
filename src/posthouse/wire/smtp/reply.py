"""Replies as bytes (RFC 5321 4.2), with enhanced status codes (RFC 2034, RFC 3463)."""

from __future__ import annotations

from posthouse.mail.refusal import Refusal

_WIDTH = 450
"""Text of one reply line: a line with code and CRLF may have 512 octets (RFC 5321 4.5.3.1.5)."""


def reply(code: int, enhanced: str, *texts: str) -> bytes:
    """One reply, a line per text. ``enhanced`` "" leaves the status code out (greeting, 354, EHLO).

    Whatever the texts hold, the reply is one reply: control characters become spaces, characters outside
    ASCII question marks, and long texts are continued on further lines.
    """
    lines = [piece for text in texts or ("",) for piece in _pieces(text)]
    prefix = f"{enhanced} " if enhanced else ""
    last = len(lines) - 1
    return "".join(
        f"{code}{'-' if index < last else ' '}{prefix}{line}\r\n" for index, line in enumerate(lines)
    ).encode("ascii", "replace")


def refusal_reply(refusal: Refusal) -> bytes:
    """A refusal as its reply."""
    return reply(refusal.code, refusal.enhanced, refusal.text)


def _pieces(text: str) -> list[str]:
    """``text`` in lines that fit, cut between words where there are some."""
    if not text.isprintable():
        text = "".join(ch if ch.isprintable() else " " for ch in text)
    pieces = []
    while len(text) > _WIDTH:
        cut = text.rfind(" ", 1, _WIDTH)
        cut = _WIDTH if cut < 0 else cut
        pieces.append(text[:cut])
        text = text[cut:].lstrip(" ")
    pieces.append(text)
    return pieces
