"""What the server says: status lines, multi-line answers, and messages byte-stuffed (RFC 1939 3)."""

from __future__ import annotations

from collections.abc import Iterable

TERMINATOR = b".\r\n"


def ok(text: str = "") -> bytes:
    """A positive reply. ``text`` is ours and ASCII."""
    return f"+OK {text}\r\n".encode() if text else b"+OK\r\n"


def err(text: str, code: str = "") -> bytes:
    """A negative reply, with an extended response code (RFC 2449 8, RFC 3206) such as ``SYS/TEMP``."""
    return f"-ERR [{code}] {text}\r\n".encode() if code else f"-ERR {text}\r\n".encode()


def multi_line(text: str, lines: Iterable[str]) -> bytes:
    """A positive reply with lines of our own making (none of them begins with a dot)."""
    return ok(text) + "".join(f"{line}\r\n" for line in lines).encode() + TERMINATOR


class Stuffer:
    """Turns a message, piece by piece, into a multi-line answer: dots at line starts doubled, every line
    ended by CRLF.

    A line feed without carriage return becomes CRLF: to a client that takes LF as a line end, a stored ``LF .
    CRLF`` would otherwise look like the end of the answer.
    """

    __slots__ = ("_at_line_start", "_held")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece as it goes out. A carriage return at its end is held back until what follows is
        known."""
        if self._held:
            piece = self._held + piece
            self._held = b""
        if piece.endswith(b"\r"):
            self._held = b"\r"
            piece = piece[:-1]
        if not piece:
            return b""
        if piece.count(b"\n") != piece.count(b"\r\n"):
            piece = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if b"\r\n." in piece:
            piece = piece.replace(b"\r\n.", b"\r\n..")
        if self._at_line_start and piece.startswith(b"."):
            piece = b"." + piece
        self._at_line_start = piece.endswith(b"\n")
        return piece

    def finish(self) -> bytes:
        """What ends the answer. A last line without line end is given one (and a lone CR at the end
        stays)."""
        rest, self._held = self._held, b""
        if rest or not self._at_line_start:
            return rest + b"\r\n" + TERMINATOR
        return TERMINATOR


def stuffed(message: bytes) -> bytes:
    """A whole message as the body of a multi-line answer, terminator included."""
    stuffer = Stuffer()
    return stuffer.feed(message) + stuffer.finish()


class Top:
    """Cuts a message, piece by piece, behind its header, the blank line and the first ``lines`` lines of its
    body. ``done``: that place was reached."""

    __slots__ = ("_in_header", "_left", "_tail", "done")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._in_header = True
        self._tail = b"\n"
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """What of the next piece belongs to the top."""
        place = 0
        if self._in_header:
            place = self._blank_line(piece)
            if place < 0:
                return piece
            self._in_header = False
        while self._left:
            place = piece.find(b"\n", place) + 1
            if place == 0:
                return piece
            self._left -= 1
        self.done = True
        return piece[:place]

    def _blank_line(self, piece: bytes) -> int:
        """Where the line after the header's blank line begins; -1 when it is not in this piece."""
        joined = self._tail + piece
        ends = [found + len(blank) for blank in (b"\n\n", b"\n\r\n") if (found := joined.find(blank)) >= 0]
        if ends:
            return min(ends) - len(self._tail)
        self._tail = joined[-2:]
        return -1
