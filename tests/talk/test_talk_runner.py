"""The runner of the conversations itself: it passes what is right, and fails what is not."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from talk_runner import run_talk
from talk_script import MODES, read_talk


class Echo(asyncio.Protocol):
    """Says each line back in capitals; closes at QUIT."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        transport.write(b"hello 42 friends\r\n")

    def data_received(self, data: bytes) -> None:
        *lines, self.buffer = (self.buffer + data).split(b"\r\n")
        for line in lines:
            self.transport.write(line.upper() + b"\r\n")
            if line == b"quit":
                self.transport.close()


class EchoHarness:
    def __init__(self) -> None:
        self.done: list[str] = []

    def session(self, options: dict[str, str]) -> asyncio.Protocol:
        return Echo()

    async def do(self, text: str) -> None:
        self.done.append(text)

    def client_tls(self) -> ssl.SSLContext:
        raise NotImplementedError


async def run(tmp_path: Path, mode: str, text: str) -> None:
    path = tmp_path / "x.talk"
    path.write_text(text)
    await run_talk(read_talk(path), mode, EchoHarness())


GOOD = """# Story.
S: hello {n=number} {word}
C: one
C=: t\\x77o\\r\\n
S: ONE
S: TWO
C[other]: {n} {base64:\\0a} {repeat:ab:3} {12}
S[other]...
S[other]: {n} {any} ABABAB {12}
do: nothing much
quiet
C: a
C: b
S!: C
S...
S/: (A|B)
S?: NEVER
S?: B
C: quit
S: QUIT
closed
"""


@pytest.mark.parametrize("mode", MODES)
async def test_a_right_conversation_passes(tmp_path: Path, mode: str) -> None:
    """Every kind of line does what the README says, in every mode."""
    await run(tmp_path, mode, GOOD)


@pytest.mark.parametrize(
    "wrong",
    [
        "S: goodbye\n",
        "S: hello {number} friends\nS: more\n",
        "S: hello {number} friends\nC: x\nquiet\n",
        "S: hello {number} friends\nC: x\nclosed\n",
        "S: hello {number} friends\nC: x\nC: y\nS!: X\nS...\nS: Y\n",
        "S...\n",
    ],
)
async def test_a_wrong_conversation_fails(
    tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that differs, is missing, is too many or is forbidden fails the talk."""
    monkeypatch.setattr("talk_clients.MemoryClient.line.__defaults__", (0.05,))
    with pytest.raises(AssertionError):
        await run(tmp_path, "memory", wrong)


@pytest.mark.parametrize("text", ["X: what\n", "C: a\ngiven: late\n", "only: nowhere\nC: a\n", "# nothing\n"])
def test_what_is_not_a_talk_is_refused(tmp_path: Path, text: str) -> None:
    """A typing error in a file is an error, never a line that is passed over."""
    path = tmp_path / "x.talk"
    path.write_text(text)
    with pytest.raises(ValueError):
        read_talk(path)
