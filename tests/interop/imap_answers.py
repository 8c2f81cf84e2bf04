"""An IMAP client that asks and reads values: no opinion about them, no hurry, one answer like another.

Made for asking two servers the same. Answers are read by the strict reader of ``imap_values``, so that an answer a
client could not read fails here too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from imap_values import Value, read_value_at

_LITERAL_AT_END = re.compile(rb"\{(\d+)\}\r\n\Z")
_LABEL = re.compile(rb"[A-Z0-9.]+(?:\[[^\]]*\](?:<\d+>)?)?")
_FETCH = re.compile(rb"\* (\d+) FETCH \(")
Fetched = dict[int, dict[str, Value]]
"""Values by sequence number and by label, as in ``BODY[1.MIME]<0>``."""


@dataclass(slots=True)
class Answer:
    """What one command brought: its tagged line without tag, and the untagged responses, literals included."""

    status: str
    responses: list[bytes] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.status.startswith("OK")

    def fetched(self) -> Fetched:
        """All FETCH responses."""
        found: Fetched = {}
        for response in self.responses:
            begin = _FETCH.match(response)
            if begin is not None:
                found.setdefault(int(begin[1]), {}).update(_items(response, begin.end()))
        return found

    def numbers(self, word: str) -> list[int]:
        """The numbers of the one SEARCH or SORT response."""
        (line,) = [each for each in self.responses if each.startswith(b"* " + word.encode())]
        return [int(number) for number in line.split()[2:]]

    def thread(self) -> Value:
        """The one THREAD response, as nested lists."""
        (line,) = [each for each in self.responses if each.startswith(b"* THREAD")]
        value, _ = read_value_at(b"(" + line[len(b"* THREAD") :].strip() + b")", 0)
        return value


def _items(response: bytes, at: int) -> dict[str, Value]:
    """The items of a FETCH response from behind its opening parenthesis."""
    items: dict[str, Value] = {}
    while True:
        label = _LABEL.match(response, at)
        if label is None:
            raise ValueError(f"no item at {at}: {response[at : at + 40]!r}")
        value, at = read_value_at(response, label.end() + 1)
        items[label[0].decode().upper()] = value  # field names come back as asked or in upper case
        if response[at : at + 1] == b")":
            if response[at:] != b")\r\n":
                raise ValueError(f"something follows: {response[at : at + 40]!r}")
            return items
        at += 1


class Asker:
    """A signed-in connection. Used as a context manager.

    Commands go out one after the other: a server may answer pipelined ones in any order (RFC 9051 5.5), and then it
    could not be said which response belongs to which.
    """

    def __init__(self, port: int, user: str, password: str) -> None:
        self._port = port
        self._sign_in = f'LOGIN "{user}" "{password}"'
        self._mailbox = ""
        self._tag = 0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 16)
        self._line()
        self.must(self._sign_in)
        if self._mailbox:
            self.examine(self._mailbox)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def _line(self) -> bytes:
        """One response with its literals."""
        whole = b""
        while True:
            line = self._file.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionError(f"the connection ended within {(whole + line)[-200:]!r}")
            whole += line
            literal = _LITERAL_AT_END.search(line)
            if literal is None:
                return whole
            data = self._file.read(int(literal[1]))
            whole += data
            if len(data) != int(literal[1]):
                raise ConnectionError("the connection ended within a literal")

    def ask(self, command: str | bytes) -> Answer:
        """The answer to a command. When the server closes the connection instead, the status is CLOSED, and there is a
        new connection."""
        self._tag += 1
        tag = b"a%d " % self._tag
        self._socket.sendall(tag + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        responses: list[bytes] = []
        try:
            while not (line := self._line()).startswith(tag):
                responses.append(line)
        except ConnectionError:
            self.__exit__()
            self._connect()
            return Answer("CLOSED")
        return Answer(line[len(tag) :].decode("utf-8", "replace").strip(), responses)

    def examine(self, mailbox: str) -> None:
        """Open a mailbox, now and after each reconnect."""
        self._mailbox = mailbox
        self.must(f"EXAMINE {mailbox}")

    def must(self, command: str | bytes) -> Answer:
        """The answer to a command that has to succeed."""
        answer = self.ask(command)
        assert answer.ok, (command[:200], answer.status)
        return answer

    def append(self, mailbox: str, messages: Sequence[tuple[str, str, bytes]]) -> None:
        """Append messages (flags, date-time, octets) in one command (MULTIAPPEND, LITERAL+)."""
        parts = [f"APPEND {mailbox}".encode()]
        for flags, date, message in messages:
            parts.append(f' ({flags}) "{date}" {{{len(message)}+}}\r\n'.encode() + message)
        self.must(b"".join(parts))
