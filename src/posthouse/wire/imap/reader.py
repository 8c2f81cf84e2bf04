"""The reader: bytes in any pieces become events, one after the other (RFC 9051 2.2, 4.3, RFC 7888).

A command is lines joined by literals. Short literals are kept in memory; the messages of APPEND go to the
session's sinks as they arrive. A command that is refused before its end leaves the stream in step: a
synchronizing literal is refused by not asking for it, a non-synchronizing one is read and thrown away, and
what cannot be thrown away cheaply closes the connection (RFC 7888 4). Lines may end in LF alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from posthouse.wire.imap.cursor import Bad, Cursor
from posthouse.wire.imap.parse import Head, head, parse, tag_of
from posthouse.wire.imap.parse_append import AppendParser
from posthouse.wire.imap.syntax import (
    Command,
    ContinuationWanted,
    Event,
    ReaderState,
    SaslResponse,
    SyntaxProblem,
)

MAX_SKIP = 64 << 20
"""Most octets of a refused command that are read and thrown away; past it the connection is closed."""
MAX_SKIP_STRANGER = 65536
"""The same before sign-in."""

_ANNOUNCEMENT = re.compile(rb"(~?)\{([0-9]{1,19})(\+?)\}$")
_ANNOUNCEMENT_LENGTH = 32
"""How much of a line's end has to be kept to know an announcement when the line itself is thrown away."""


class Sink(Protocol):
    """Takes one message literal of APPEND. OSError from ``write`` or ``result`` refuses the command."""

    def write(self, data: bytes | memoryview) -> None:
        """The next octets."""

    def result(self) -> Any:
        """The literal is complete: what AppendMessage.data shall be."""

    def abandon(self) -> None:
        """The command came to nothing, before or after ``result``. May be called twice."""


class Sinks(Protocol):
    """Opens sinks for the message literals of APPEND, and for nothing else."""

    def open(self, size: int, binary: bool) -> Sink | SyntaxProblem:
        """A sink for ``size`` octets, or why not (its tag is filled in by the reader)."""


class Reader:
    """The stream of one client. Never raises on what a client sends."""

    __slots__ = (
        "_append",
        "_buffer",
        "_dead",
        "_fragment",
        "_head",
        "_held",
        "_literals",
        "_problem",
        "_scanned",
        "_sink",
        "_sink_binary",
        "_sinks",
        "_skip",
        "_skip_left",
        "_tail",
        "_text",
        "_wanted",
        "_writing",
        "heard",
        "state",
    )

    def __init__(self, state: ReaderState, sinks: Sinks) -> None:
        self.state = state
        self.heard: Callable[[bytes, bool, bool], None] | None = None
        """Called with each line of a command: the line, whether it is the first, whether it is a response
        of SASL."""
        self._sinks = sinks
        self._buffer = bytearray()
        self._dead = False
        self._reset()

    def _reset(self) -> None:
        """Ready for the next command."""
        self._scanned = 0
        self._head: Head | None = None
        self._text = b""
        self._literals: list[bytes] = []
        self._held = 0
        self._append: AppendParser | None = None
        self._wanted = -1
        self._sink: Sink | None = None
        self._sink_binary = False
        self._writing: list[Sink] = []
        self._problem: SyntaxProblem | None = None
        self._skip = 0
        self._skip_left = 0
        self._tail = b""

    @property
    def buffered(self) -> int:
        """Octets held: not read yet, and of the command in progress."""
        return len(self._buffer) + self._held

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self._dead:
            return
        if self._sink is not None and not self._buffer and self._wanted >= len(data):
            self._write(data)
            return
        if self._problem is not None and not self._buffer and self._skip >= len(data):
            self._skip -= len(data)
            return
        self._buffer += data

    def clear(self) -> None:
        """Drop all that was received and not yet returned (STARTTLS), and the command in progress."""
        self.abandon()
        self._buffer.clear()
        self._reset()

    def abandon(self) -> None:
        """The connection is gone: let go of half-read messages. May be called twice."""
        writing, self._writing = self._writing, []
        for sink in writing:
            sink.abandon()

    def next_event(self) -> Event | None:
        """The next event, or None when more bytes are needed. A ``close`` problem is the last event."""
        while not self._dead:
            if self._problem is not None:
                if not self._skipped():
                    return None
                problem = self._problem
                self._reset()
                return problem
            if self._wanted >= 0:
                if not self._literal():
                    return None
                continue
            line = self._line()
            if line is None:
                if self._problem is not None:
                    continue
                return None
            if isinstance(line, SyntaxProblem):
                return line
            event = self._take_line(line)
            if event is not None:
                return event
        return None

    # lines

    def _line(self) -> bytes | SyntaxProblem | None:
        end = self._buffer.find(b"\n", self._scanned)
        limit = self.state.max_line
        if end < 0 or end > limit:
            self._scanned = len(self._buffer)
            if (end if end >= 0 else self._scanned) <= limit:
                return None
            return self._refuse_long_line()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._scanned = 0
        return line[:-1] if line.endswith(b"\r") else line

    def _refuse_long_line(self) -> SyntaxProblem | None:
        # The octets that any chunking has brought by now: what is told may not depend on more.
        sure = min(130, self.state.max_line + 1)
        tag = self._head.tag if self._head else tag_of(bytes(self._buffer[:sure]))
        problem = SyntaxProblem(tag, f"The line is longer than {self.state.max_line} octets")
        if self.state.raw_lines or not self.state.authenticated:
            return self._die(problem)
        self._begin_skipping(problem, 0)
        return None

    def _take_line(self, line: bytes) -> Event | None:
        if self.heard is not None:
            self.heard(line, self._head is None, self.state.raw_lines and self._head is None)
        if self.state.raw_lines and self._head is None:
            return SaslResponse(line)
        start = self._head
        if start is None:
            found = head(line)
            if isinstance(found, SyntaxProblem):
                return self._refuse_line(found, line)
            self._head = start = found
            if start.name == b"APPEND":
                self._append = AppendParser()
                line = line[start.position :]
        self._held += len(line)
        if self._held > self.state.max_command:
            return self._refuse_line(
                SyntaxProblem(start.tag, "The command is too long", "TOOBIG", True), line
            )
        if line.endswith(b"}"):
            announcement = _ANNOUNCEMENT.search(line, max(0, len(line) - _ANNOUNCEMENT_LENGTH))
            if announcement is not None:
                return self._take_announcement(start, line, announcement)
        return self._complete(start, self._text + line if self._text else line)

    def _refuse_line(self, problem: SyntaxProblem, line: bytes) -> SyntaxProblem | None:
        """Refuse because of this line, which may announce a literal."""
        announcement = _ANNOUNCEMENT.search(line, max(0, len(line) - _ANNOUNCEMENT_LENGTH))
        if announcement is None or not announcement.group(3):
            self.abandon()
            self._reset()
            return problem
        return self._begin_skipping(problem, int(announcement.group(2)))

    def _complete(self, start: Head, text: bytes) -> Command | SyntaxProblem:
        event: Command | SyntaxProblem
        if self._append is None:
            event = parse(start, text, self._literals, self.state)
        else:
            try:
                arguments = self._append.finish(Cursor(text, self._literals, self.state))
                event = Command(start.tag, "APPEND", arguments)
            except Bad as problem:
                event = SyntaxProblem(start.tag, problem.text, problem.code, problem.no)
                self.abandon()
        self._reset()
        return event

    # literals

    def _take_announcement(
        self, start: Head, line: bytes, announcement: re.Match[bytes]
    ) -> ContinuationWanted | SyntaxProblem | None:
        binary = announcement.group(1) == b"~"
        size = int(announcement.group(2))
        waits = not announcement.group(3)
        problem = self._open_literal(start, line, announcement.start(), size, binary)
        if problem is not None:
            if waits:
                self.abandon()
                self._reset()
                return problem
            return self._begin_skipping(problem, size)
        self._wanted = size
        return ContinuationWanted(size) if waits else None

    def _open_literal(
        self, start: Head, line: bytes, cut: int, size: int, binary: bool
    ) -> SyntaxProblem | None:
        """Make ready for a literal: a sink for a message, else room in memory."""
        if self._append is not None:
            if not self.state.authenticated:
                return SyntaxProblem(start.tag, "Sign in before APPEND")
            try:
                cursor = Cursor(self._text + line[:cut], self._literals, self.state)
                message = self._append.before_literal(cursor, binary)
            except Bad as problem:
                return SyntaxProblem(start.tag, problem.text, problem.code, problem.no)
            if message:
                return self._open_sink(start, size, binary)
        if binary:
            return SyntaxProblem(start.tag, "A literal8 is for messages only")
        limit = self.state.max_command if self.state.authenticated else self.state.max_literal
        if self._held + size > limit:
            return SyntaxProblem(start.tag, f"The literals are longer than {limit} octets", "TOOBIG", True)
        self._text += line + b"\r\n"
        return None

    def _open_sink(self, start: Head, size: int, binary: bool) -> SyntaxProblem | None:
        sink = self._sinks.open(size, binary)
        if isinstance(sink, SyntaxProblem):
            return replace(sink, tag=start.tag)
        self._sink = sink
        self._sink_binary = binary
        self._writing.append(sink)
        self._text = b""
        self._literals = []
        return None

    def _literal(self) -> bool:
        """Go on with the literal; True when it is complete or was refused."""
        wanted = self._wanted
        if self._sink is not None:
            if wanted and self._buffer:
                with memoryview(self._buffer) as view, view[:wanted] as piece:
                    taken = len(piece)
                    failed = self._try_write(piece)
                del self._buffer[:taken]
                self._wanted = wanted - taken
                if failed:
                    self._sink_failed()
                    return True
            if self._wanted:
                return False
            return self._end_sink()
        if len(self._buffer) < wanted:
            return False
        self._literals.append(bytes(self._buffer[:wanted]))
        del self._buffer[:wanted]
        self._held += wanted
        self._wanted = -1
        return True

    def _write(self, data: bytes) -> None:
        """The short way of a message: from the socket to the sink."""
        failed = self._try_write(data)
        self._wanted -= len(data)
        if failed:
            self._sink_failed()

    def _try_write(self, data: bytes | memoryview) -> bool:
        assert self._sink is not None
        try:
            self._sink.write(data)
        except OSError:
            return True
        return False

    def _end_sink(self) -> bool:
        assert self._sink is not None
        assert self._append is not None
        try:
            result = self._sink.result()
        except OSError:
            self._sink_failed()
            return True
        self._append.message(result, self._sink_binary)
        self._sink = None
        self._wanted = -1
        return True

    def _sink_failed(self) -> None:
        """The disk said no: the rest of the command is read and thrown away."""
        assert self._head is not None
        problem = SyntaxProblem(self._head.tag, "The message cannot be stored now", "UNAVAILABLE", True)
        self._begin_skipping(problem, max(self._wanted, 0))

    # what is thrown away

    def _begin_skipping(self, problem: SyntaxProblem, size: int) -> SyntaxProblem | None:
        """Throw away ``size`` octets and the rest of the command, then answer; now, if that closes."""
        self.abandon()
        allowed = MAX_SKIP if self.state.authenticated else MAX_SKIP_STRANGER
        self._reset()
        if size > allowed:
            return self._die(problem)
        self._problem = problem
        self._skip = size
        self._skip_left = allowed - size
        return None

    def _die(self, problem: SyntaxProblem) -> SyntaxProblem:
        self.abandon()
        self._buffer.clear()
        self._reset()
        self._dead = True
        return replace(problem, close=True)

    def _skipped(self) -> bool:
        """Throw away what is there; True when the refused command has ended."""
        while True:
            if self._skip:
                taken = min(self._skip, len(self._buffer))
                del self._buffer[:taken]
                self._skip -= taken
                if self._skip:
                    return False
            end = self._buffer.find(b"\n")
            taken = len(self._buffer) if end < 0 else end + 1
            line = bytes(self._buffer[max(0, taken - _ANNOUNCEMENT_LENGTH) : taken])
            self._tail = (self._tail + line)[-_ANNOUNCEMENT_LENGTH - 2 :]
            del self._buffer[:taken]
            self._skip_left -= taken
            if end < 0:
                return self._skipped_too_much()
            announcement = _ANNOUNCEMENT.search(self._tail.rstrip(b"\r\n"))
            self._tail = b""
            if announcement is None or not announcement.group(3):
                return True
            self._skip = int(announcement.group(2))
            self._skip_left -= self._skip
            if self._skipped_too_much():
                return True

    def _skipped_too_much(self) -> bool:
        if self._skip_left >= 0:
            return False
        assert self._problem is not None
        problem = self._problem
        self._die(problem)
        self._problem = replace(problem, close=True)
        return True
