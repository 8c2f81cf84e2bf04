"""Replies held against the disk: was what each promises there before the reply was begun?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from disk import Disk, Inode
from syscalls import parse

from posthouse.bodies.segment import RECORD

PROMISE = re.compile(rb"250 2\.0\.0 Message accepted|250 2\.1\.5 [^\r]*\([\w.]+\)|OK \[APPENDUID")
_TOKEN = re.compile(rb"^Subject: (\w+)\r$", re.M)
_REPLIES = ("sendto", "sendmsg", "write", "writev")
RECORD_DIGEST = 8
"""Where in a record of the journal the digest is."""
_TO = re.compile(r"^TCP(?:v6)?:\[.*->.*:(\d+)\]$")


class Judge:
    """Follows a trace of a server with the data folder ``data``.

    ``by_port`` says which tokens were acknowledged on which connection (by the client's
    port), in order; ``complaints`` are the replies that came too early; ``promised`` the tokens so far."""

    def __init__(self, disk: Disk, data: Path, by_port: dict[int, list[str]]) -> None:
        self.disk = disk
        self._data = data
        self.complaints: list[str] = []
        self.promised: list[str] = []
        self._owed = {port: list(tokens) for port, tokens in by_port.items()}
        self._bodies: dict[str, str] = {}

    def follow(self, trace: str, at_promise: Callable[[int], None] = lambda count: None) -> None:
        """Take the whole trace; ``at_promise`` is called before each reply with how many were promised."""
        for phase, call in parse(trace):
            if phase == "begin" and call.name in _REPLIES and (to := _TO.match(call.descriptor)):
                for _ in PROMISE.findall(b"".join(call.strings)):
                    self._promise(int(to[1]))
                    at_promise(len(self.promised))
            self.disk.take(phase, call)
            if phase == "end" and call.name.startswith("rename") and call.result == 0:
                self._appeared(call.strings[1].decode())
            elif phase == "end" and call.name == "write" and call.descriptor.endswith(".eml"):
                self._appeared(call.descriptor)  # a body that is in the journal is written where it belongs

    def missing(self) -> set[str]:
        """Acknowledged tokens no reply in the trace was for: the trace is not whole."""
        return {token for tokens in self._owed.values() for token in tokens}

    def _appeared(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        directory = self.disk.directories.get(folder)
        thing = directory.live.get(name) if directory is not None else None
        if isinstance(thing, Inode) and name.endswith(".eml"):
            token = _TOKEN.search(bytes(thing.live))
            if token is not None:
                self._bodies[token[1].decode()] = path

    def _promise(self, port: int) -> None:
        tokens = self._owed.get(port)
        if not tokens:
            self.complaints.append(f"a promise to port {port} that the client never got")
            return
        token = tokens.pop(0)
        self.promised.append(token)
        path = self._bodies.get(token)
        if path is None:
            self.complaints.append(f"{token}: its body was not put into place")
            return
        name = Path(path).stem
        content = self.disk.synced_file(path)
        journal = self._in_journal(bytes.fromhex(name))
        if journal:
            pass
        elif self._journals() and self._in_journal(bytes.fromhex(name), live=True):
            self.complaints.append(f"{token}: its body in the journal was not synced")
        elif content is None:
            self.complaints.append(f"{token}: the directory entry of its body was not synced")
        elif hashlib.sha256(content).hexdigest() != name:
            self.complaints.append(f"{token}: the bytes of its body were not synced")
        if not self._committed(bytes.fromhex(name)):
            self.complaints.append(f"{token}: the commit that names its body was not synced")

    def _journals(self) -> list[str]:
        folder = self.disk.directories.get(f"{self._data}/journal")
        return [f"{self._data}/journal/{name}" for name in folder.live] if folder is not None else []

    def _in_journal(self, digest: bytes, live: bool = False) -> bool:
        """Whether a journal on the disk (``live``: as the system shows it) holds this body whole. Where its records
        are is told by what they begin with."""
        for path in self._journals():
            content = (self.disk.live_file if live else self.disk.synced_file)(path) or b""
            place = content.find(digest)
            while place >= 0:
                start = place - RECORD_DIGEST
                if start >= 0 and content[start : start + 4] == b"body":
                    size = int.from_bytes(content[start + 4 : place], "big")
                    body = content[start + RECORD.size : start + RECORD.size + size]
                    if hashlib.sha256(body).digest() == digest:
                        return True
                place = content.find(digest, place + 1)
        return False

    def _committed(self, digest: bytes) -> bool:
        """Whether database or log on the disk hold the row of a body (bodies are named by their digest)."""
        for end in ("posthouse.db-wal", "posthouse.db"):
            content = self.disk.synced_file(f"{self._data}/{end}")
            if content is not None and digest in content:
                return True
        return False
