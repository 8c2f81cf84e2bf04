"""The two ways a message travels: DATA with its dots (RFC 5321 4.5.2), and BDAT's counted chunks (RFC
3030)."""

from __future__ import annotations

_END = b"\r\n.\r\n"


class DataDecoder:
    """Takes the stream after 354 apart: removes the stuffed dots, finds the end.

    The end is CRLF.CRLF and nothing else. The CRLF before the dot belongs to the message; for an empty
    message it is the one that ended the DATA command.
    """

    __slots__ = ("_held", "_lead", "rest")

    def __init__(self) -> None:
        self._held = b"\r\n"
        self._lead = 2
        self.rest: bytes | None = None
        """What follows the end, once that was seen; None before."""

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the message, decoded. At most four bytes are held back for the next call."""
        if self._held:
            data = self._held + data
        end = data.find(_END)
        if end >= 0:
            self.rest = data[end + 5 :]
            self._held = b""
            text = data[: end + 2]
        else:
            held = _beginning_of_end(data)
            self._held = data[len(data) - held :] if held else b""
            text = data[: len(data) - held] if held else data
        # rfind takes half the time of "in" here, and which one is found does not matter.
        if text.rfind(b"\r\n.") >= 0:
            text = text.replace(b"\r\n.", b"\r\n")
        if self._lead and text:
            # The CRLF of the DATA command stood in for the beginning of the first line.
            text = text[self._lead :]
            self._lead = 0
        return text


def _beginning_of_end(data: bytes) -> int:
    """How many bytes at the end of ``data`` may be the beginning of CRLF.CRLF."""
    for length in (4, 3, 2, 1):
        if data.endswith(_END[:length]):
            return length
    return 0


class ChunkDecoder:
    """Counts off one BDAT chunk."""

    __slots__ = ("left", "rest")

    def __init__(self, size: int) -> None:
        self.left = size
        self.rest: bytes | None = b"" if size == 0 else None
        """What follows the chunk, once it is complete; None before."""

    def feed(self, data: bytes) -> bytes:
        """The chunk's next bytes."""
        left = self.left
        if len(data) < left:
            self.left = left - len(data)
            return data
        self.left = 0
        self.rest = data[left:]
        return data[:left] if self.rest else data
