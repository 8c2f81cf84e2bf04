"""Hostile input for running servers: bytes that almost make sense, in any chunking, from a seed.

``python tests/fuzz/hostile.py --inputs 100000`` (``make fuzz``) is the long run; the suite does a short one.
"""

from __future__ import annotations

import argparse
import random
import re
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from running import PASSWORD, RunningServer

USER = "fuzz@posthouse.test"

SMTP = [
    b"EHLO x", b"HELO", b"LHLO x", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<> SIZE=99999999999999999999",
    b"MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8", b"RCPT TO:<fuzz@posthouse.test>", b"RCPT TO:<@a,@b:c@d>",
    b"RCPT TO:<\"a b\"@posthouse.test> NOTIFY=NEVER ORCPT=rfc822;x", b"DATA", b"BDAT 5", b"BDAT 5 LAST", b"hello",
    b"BDAT 99999999999999999999 LAST", b"RSET", b"NOOP", b"VRFY x", b"HELP", b"QUIT", b"AUTH PLAIN", b"STARTTLS",
    b"AUTH PLAIN AGZ1enpAcG9zdGhvdXNlLnRlc3QAeA==", b"AUTH SCRAM-SHA-256 biwsbj1hLHI9Yg==", b"*", b".", b"",
    b"AUTH LOGIN", b"Zg==", b"Subject: x", b"..", b".\r", b"\n.\n", b"XCLIENT ADDR=1.2.3.4", b"From: =?utf-8?q?x",
    b"Content-Type: multipart/mixed; boundary=x", b"--x", b"--x--", b"AUTH CRAM-MD5",
]  # fmt: skip
IMAP = [
    b"a CAPABILITY", b"a LOGIN fuzz@posthouse.test x", b"a LOGIN {5}", b"a LOGIN {999999999999}", b"a LOGIN {9+}",
    b"a AUTHENTICATE PLAIN", b"AGEAYg==", b"*", b"a NOOP", b"a LOGOUT", b"a STARTTLS", b"a ID NIL", b"a SELECT INBOX",
    b"a FETCH 1:* (UID FLAGS BODY[1.2.3.HEADER.FIELDS (X)]<1.2>)", b"a FETCH 4294967295 ALL", b"a UID FETCH * BODY[]",
    b"a SEARCH OR NOT OR ALL ALL (((ALL)))", b"a SEARCH CHARSET X-NONE TEXT {3}", b"a STORE 1 FLAGS (\\Seen $x)",
    b"a APPEND INBOX {10}", b"a APPEND INBOX {4+}", b"a APPEND INBOX (\\Seen) \"bad date\" {1}", b"abcd", b"a IDLE",
    b"DONE", b"a LIST \"\" *", b"a LIST (SUBSCRIBED) \"\" (\"a\" \"%\") RETURN (STATUS (MESSAGES))", b"a CREATE \"&\"",
    b"a CREATE " + b"x/" * 200, b"a RENAME INBOX a", b"a DELETE INBOX", b"a STATUS INBOX (MESSAGES)", b"a EXPUNGE",
    b"a UID EXPUNGE 1:*", b"a COPY 1:* Nowhere", b"a MOVE 1 INBOX", b"a SORT (SUBJECT) UTF-8 ALL", b"a ENABLE QRESYNC",
    b"a THREAD REFERENCES UTF-8 ALL", b"a SELECT INBOX (QRESYNC (1 1 1:5 (1:3 1:3)))", b"a COMPRESS X", b"a CHECK",
    b"\"", b"a \"\\", b"{", b"a {1}", b"(((((((((((((((", b"a SEARCH " + b"NOT " * 300 + b"ALL", b"a NAMESPACE",
    b"a FETCH 1 BINARY.PEEK[1]<0.10>", b"a GETQUOTAROOT INBOX", b"a SETQUOTA \"\" (STORAGE 1)", b"a CLOSE",
    b"a UNSELECT",
]  # fmt: skip
POP3 = [
    b"CAPA", b"USER fuzz@posthouse.test", b"PASS x", b"AUTH PLAIN", b"AUTH", b"*", b"STLS", b"STAT", b"LIST", b"LIST 0",
    b"LIST 99999999999999999999", b"RETR 1", b"TOP 1 0", b"TOP 1 -1", b"UIDL", b"DELE 1", b"RSET", b"NOOP", b"QUIT",
    b"UTF8", b"LANG", b"APOP a b", b"XTND", b"", b" ", b"RETR 1 1", b"AUTH SCRAM-SHA-256", b"AGEAYg==",
    b"AUTH CRAM-MD5",
]  # fmt: skip

LEGAL = {
    "smtp": re.compile(rb"[2-5]\d\d(?:-[^\r\n]*|[ ][^\r\n]*)?\r\n"),
    "imap": re.compile(
        rb"(?:\+ [^\r\n]*|\* [^\r\n]+|[^\s*+(){%\"\\\x00-\x1f\x7f]+ (?:OK|NO|BAD) [^\r\n]+)\r\n"
    ),
    "pop3": re.compile(rb"(?:(?:\+OK|-ERR)[^\r\n]*|\+ [^\r\n]*|\+)\r\n"),
}
"""One answer of each protocol."""
_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
_MULTI = re.compile(rb"(\+OK[^\r\n]*\r\n)(?:(?!\+OK|-ERR|\.\r\n)(?:[^\r]|\r(?!\n))*\r\n)*\.\r\n")


def illegal_part(protocol: str, said: bytes) -> bytes:
    """The first thing a server said that the protocol does not know; nothing if all is well. An answer the
    connection's end cut off does not count."""
    if protocol == "imap":
        said = _without_literals(said)
    place = 0
    while place < len(said):
        found = None
        if protocol == "pop3":
            found = _MULTI.match(said, place)
        found = found or LEGAL[protocol].match(said, place)
        if found is None:
            rest = said[place:]
            return b"" if b"\r\n" not in rest else rest[:300]
        place = found.end()
    return b""


def _without_literals(said: bytes) -> bytes:
    """Each literal as the word {literal}; one that is cut off ends the whole."""
    pieces = []
    place = 0
    while found := _LITERAL.search(said, place):
        pieces.append(said[place : found.start()])
        place = found.end() + int(found[1])
        if place > len(said):
            return b"".join(pieces)
        pieces.append(b"{literal}")
    return b"".join([*pieces, said[place:]])


@dataclass
class Findings:
    """What a run saw."""

    inputs: int = 0
    connections: int = 0
    illegal: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    growth: int = 0


def hostile_input(rng: random.Random, phrases: list[bytes]) -> bytes:
    """A line that is right, nearly right, or not at all."""
    pick = rng.random()
    line = rng.choice(phrases)
    if pick < 0.35:
        return line + b"\r\n"
    if pick < 0.55:  # damage some bytes
        damaged = bytearray(line + b"\r\n")
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        return bytes(damaged)
    if pick < 0.65:  # another line end, or none
        return line + rng.choice((b"\n", b"\r", b"\r\r\n", b"\x00\r\n", b"", b"\n\r"))
    if pick < 0.75:  # two in one
        return line + b"\r\n" + rng.choice(phrases) + b"\r\n"
    if pick < 0.85:  # cut, and glued to another
        return line[: rng.randint(0, len(line))] + rng.choice(phrases) + b"\r\n"
    if pick < 0.92:  # far too long
        return (
            line
            + rng.choice((b"A", b" ", b"(", b"\xff", b"{1+}\r\n")) * rng.choice((600, 3000, 70_000))
            + b"\r\n"
        )
    return rng.randbytes(rng.randint(1, 300))


class Visitor:
    """One connection after the other to one port, sending hostile input."""

    def __init__(self, protocol: str, port: int, rng: random.Random, findings: Findings) -> None:
        self.protocol = protocol
        self.phrases = {"smtp": SMTP, "imap": IMAP, "pop3": POP3}[protocol]
        self.port = port
        self.rng = rng
        self.findings = findings

    def visit(self, inputs: int, *, sign_in: bool) -> None:
        """One connection with up to so many inputs; reads whatever comes back."""
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as peer:
            self.findings.connections += 1
            try:
                if sign_in:
                    said += self._sign_in(peer)
                for _ in range(inputs):
                    self.findings.inputs += 1
                    said += self._send(peer, hostile_input(self.rng, self.phrases))
                peer.shutdown(socket.SHUT_WR)
                peer.settimeout(10)
                while piece := peer.recv(65536):
                    said += piece
            except TimeoutError:
                self.findings.stuck.append(f"{self.protocol}: the connection stayed open after our end")
            except OSError:
                pass  # the server closed first: its good right
        bad = illegal_part(self.protocol, said)
        if bad:
            self.findings.illegal.append(f"{self.protocol}: {bad!r}")

    def _sign_in(self, peer: socket.socket) -> bytes:
        lines = {
            "imap": f"l LOGIN {USER} {PASSWORD}\r\nl SELECT INBOX\r\n",
            "pop3": f"USER {USER}\r\nPASS {PASSWORD}\r\n",
            "smtp": "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<fuzz@posthouse.test>\r\n",
        }
        peer.sendall(lines[self.protocol].encode())
        return peer.recv(65536)

    def _send(self, peer: socket.socket, data: bytes) -> bytes:
        pieces = [data]
        if self.rng.random() < 0.3 and len(data) > 1:
            cut = self.rng.randrange(1, len(data))
            pieces = [data[:cut], data[cut:]]
        for piece in pieces:
            peer.sendall(piece)
        peer.setblocking(False)
        try:
            return peer.recv(262144)
        except BlockingIOError:
            return b""
        finally:
            peer.settimeout(10)


def memory(server: RunningServer) -> int:
    """Resident bytes of the server process."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


def campaign(server: RunningServer, inputs: int, seed: int) -> Findings:
    """Visit all protocols in turn until so many inputs were sent; memory is measured after a warm-up."""
    rng = random.Random(seed)
    findings = Findings()
    visitors = [
        Visitor(protocol, port, rng, findings)
        for protocol, port in (
            ("smtp", server.smtp), ("imap", server.imap), ("pop3", server.pop3), ("smtp", server.submission),
            ("smtp", server.lmtp),
        )
    ]  # fmt: skip
    warm: int | None = None
    while findings.inputs < inputs:
        for visitor in visitors:
            visitor.visit(rng.randint(1, 40), sign_in=rng.random() < 0.3)
        if warm is None and findings.inputs > min(2000, inputs // 3):
            warm = memory(server)
    time.sleep(0.5)
    findings.growth = memory(server) - (warm or 0)
    return findings


def main() -> int:
    """The long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posthouse-fuzz-", ignore_cleanup_errors=True) as folder:
        server = prepared(Path(folder))
        try:
            findings = campaign(server, options.inputs, options.seed)
        finally:
            server.stop()
        traceback = "Traceback" in server.log
    print(
        f"{findings.inputs} inputs over {findings.connections} connections; grew by {findings.growth / 2**20:.1f} MiB; "
        f"{len(findings.illegal)} illegal replies, {len(findings.stuck)} stuck, traceback: {traceback}"
    )
    for each in (findings.illegal + findings.stuck)[:10]:
        print(each)
    if traceback:
        print(server.log[server.log.index("Traceback") - 500 :][:3000])
    return 1 if findings.illegal or findings.stuck or traceback or findings.growth > 32 << 20 else 0


def prepared(folder: Path) -> RunningServer:
    """A server with the account the inputs speak of, which does not slow guessers down (or the run would be
    mostly that)."""
    server = RunningServer(folder)
    server.start()
    server.add_domain()
    server.add_account(USER)
    server.command("setting", "set", "signin.first_delay", "0")
    return server


if __name__ == "__main__":
    sys.exit(main())
