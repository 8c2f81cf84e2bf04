"""Replies held against the disk: was what each promises there before the reply was begun?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from disk import Disk, Inode
from syscalls import Call, parse

PROMISE = re.compile(rb"250 2\.0\.0 Message accepted|250 2\.1\.5 [^\r]*\([\w.]+\)|OK \[APPENDUID")
_TOKEN = re.compile(rb"^Subject: (\w+)\r$", re.M)
_REPLIES = ("sendto", "sendmsg", "write", "writev")
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
                self._renamed(call)

    def missing(self) -> set[str]:
        """Acknowledged tokens no reply in the trace was for: the trace is not whole."""
        return {token for tokens in self._owed.values() for token in tokens}

    def _renamed(self, call: Call) -> None:
        path = call.strings[1].decode()
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
            self.complaints.append(f"{token}: its body was not renamed into place")
            return
        name = Path(path).stem
        content = self.disk.synced_file(path)
        if content is None:
            self.complaints.append(f"{token}: the directory entry of its body was not synced")
        elif hashlib.sha256(content).hexdigest() != name:
            self.complaints.append(f"{token}: the bytes of its body were not synced")
        if not self._committed(bytes.fromhex(name)):
            self.complaints.append(f"{token}: the commit that names its body was not synced")

    def _committed(self, digest: bytes) -> bool:
        """Whether database or log on the disk hold the row of a body (bodies are named by their digest)."""
        for end in ("posthouse.db-wal", "posthouse.db"):
            content = self.disk.synced_file(f"{self._data}/{end}")
            if content is not None and digest in content:
                return True
        return False
