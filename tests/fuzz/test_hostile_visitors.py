"""Any bytes in any chunking on every protocol of a running server: legal replies or a clean close."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hostile import campaign, illegal_part, memory, prepared

linux = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: memory is read from /proc")


@linux
@pytest.mark.campaign
@pytest.mark.timeout(240)
def test_hostile_input_leaves_a_healthy_server(tmp_path: Path) -> None:
    """6,000 hostile inputs: no illegal reply, no stuck connection, no traceback, memory bounded, a clean stop."""
    server = prepared(tmp_path)
    try:
        findings = campaign(server, 6000, seed=7)
    finally:
        status = server.stop()
    assert findings.illegal == []
    assert findings.stuck == []
    assert "Traceback" not in server.log, server.log[-3000:]
    assert findings.growth < 32 << 20
    assert status == 0


@linux
def test_literals_before_sign_in_are_small(tmp_path: Path) -> None:
    """A stranger's literals hold at most 8 KB in all: more is refused before it is sent (or the connection
    closed), and 300 strangers who each send all they may and stop there cost little memory."""
    server = prepared(tmp_path)
    strangers: list[socket.socket] = []
    try:
        no = b"a NO [TOOBIG] "
        assert _answer(server.imap, b"a LOGIN {8193}\r\n").startswith(no)
        assert _answer(server.imap, b"a LOGIN {8193+}\r\n" + b"x" * 8193 + b"\r\n").startswith(no)
        assert _answer(server.imap, b"a LOGIN {8000}\r\n").startswith(b"+ ")
        two = b"a LOGIN {4096+}\r\n" + b"x" * 4096 + b" {4097}\r\n"
        assert _answer(server.imap, two).startswith(no)
        assert b"a NO " in _answer(server.imap, b"a LOGIN {4+}\r\nnone {4096+}\r\n" + b"x" * 4096 + b"\r\n")
        for number in range(310):
            if number == 10:
                before = memory(server)
            stranger = socket.create_connection(("127.0.0.1", server.imap), timeout=10)
            strangers.append(stranger)
            stranger.recv(4096)
            stranger.sendall(b"a LOGIN {8000+}\r\n" + b"x" * 7999)
        _answer(server.imap, b"a NOOP\r\n")  # by now all of it was read
        assert memory(server) - before < 300 * 32768
    finally:
        for stranger in strangers:
            stranger.close()
        server.stop()
    assert "Traceback" not in server.log


def _answer(port: int, data: bytes) -> bytes:
    """What a server says to this, after its greeting."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.recv(4096)
        peer.sendall(data)
        return peer.recv(4096)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"220 hello\r\n250-a\r\n250 b\r\n"),
        ("smtp", b"220 hello\r\n25"),
        (
            "imap",
            b'* OK hi\r\na OK done\r\n* 1 FETCH (BODY[] {4}\r\n\r\n\r\n X "y")\r\n+ go on\r\nb BAD no\r\n',
        ),
        ("imap", b"] OK a bracket may be a tag\r\n"),
        ("pop3", b"+OK a message with a bare CR\r\nab\rc\r\r\n.\r\n+OK\r\n"),
        ("imap", b"* 1 FETCH (BODY[] {400}\r\nabc"),
        ("pop3", b"+OK\r\n+OK 2 octets\r\nab\r\n..\r\n.\r\n-ERR no\r\n+ \r\n"),
    ],
)
def test_what_servers_may_say_is_known(protocol: str, said: bytes) -> None:
    """The judge accepts what the protocols allow."""
    assert illegal_part(protocol, said) == b""


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("smtp", b"220 hello\r\nTraceback (most recent call last)\r\n"),
        ("smtp", b"250_x\r\n"),
        ("imap", b"* OK hi\r\n* 1 FETCH (BODY[] {4}\r\nabcdefg\r\nxyz\r\n"),
        ("imap", b"a YES\r\n"),
        ("imap", b"* \r\n"),
        ("pop3", b"+OK\r\nstray\r\n+OK\r\n"),
        ("pop3", b"-ERR x\r\nERR\r\n"),
    ],
)
def test_what_servers_may_not_say_is_noticed(protocol: str, said: bytes) -> None:
    """The judge finds what does not belong there: it can fail."""
    assert illegal_part(protocol, said)
