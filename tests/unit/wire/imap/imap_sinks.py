"""Sinks that keep message literals in memory, and a reader run over a stream in one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from posthouse.wire.imap.reader import Reader
from posthouse.wire.imap.syntax import Event, ReaderState, SyntaxProblem


class MemorySink:
    """One message literal."""

    def __init__(self, fail_after: int = -1) -> None:
        self.data = b""
        self.abandoned = False
        self.fail_after = fail_after

    def write(self, data: bytes | memoryview) -> None:
        self.data += bytes(data)
        if 0 <= self.fail_after < len(self.data):
            raise OSError("disk full")

    def result(self) -> Any:
        return self.data

    def abandon(self) -> None:
        self.abandoned = True


class MemorySinks:
    """Opens memory sinks; refuses literals above ``limit``."""

    def __init__(self, limit: int = 1 << 20, fail_after: int = -1) -> None:
        self.limit = limit
        self.fail_after = fail_after
        self.opened: list[MemorySink] = []

    def open(self, size: int, binary: bool) -> MemorySink | SyntaxProblem:
        if size > self.limit:
            return SyntaxProblem(b"", "Too big", "TOOBIG", True)
        self.opened.append(MemorySink(self.fail_after))
        return self.opened[-1]


def read(
    data: bytes | Iterable[bytes], sinks: MemorySinks | None = None, state: ReaderState | None = None
) -> list[Event]:
    """All events of a stream, fed whole or in pieces."""
    reader = Reader(state or ReaderState(authenticated=True), sinks or MemorySinks())
    events: list[Event] = []
    for piece in [data] if isinstance(data, bytes) else data:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            events.append(event)
    return events


def read_one(line: bytes, state: ReaderState | None = None) -> Event:
    """The only event of a stream."""
    events = read(line, state=state)
    assert len(events) == 1, events
    return events[0]
