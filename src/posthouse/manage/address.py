"""Where the control socket is, shared by its server and its clients. Imports nothing heavy."""

from __future__ import annotations

import os
import socket
from pathlib import Path

PROTOCOL = 1
"""Version of the control protocol; a server refuses requests of another one."""

MAX_REQUEST = 16 * 1024 * 1024
"""Bytes of one request line (an imported CSV file travels in one)."""

_UNIX_PATH_MAX = 100
"""sun_path holds 108 bytes on Linux and 104 on the BSDs; some room is left for the terminating byte."""

HAS_UNIX = hasattr(socket, "AF_UNIX") and os.name == "posix"


def control_path(data: str, control: str) -> Path:
    """The Unix socket of the server on this data folder; ``control`` is the configured one, "" for the
    default."""
    return Path(control) if control else Path(data) / "control.sock"


def token_path(data: str) -> Path:
    """Where there are no Unix sockets: the file that holds ``PORT TOKEN`` of the loopback listener,
    readable by the server's own user only."""
    return Path(data) / "control.token"


class ShortPath:
    """A name for a Unix socket that fits ``sockaddr_un`` however deep its folder lies (through /proc on
    Linux).

    Use as a context manager; raises OSError where the path is too long and there is no way round.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _UNIX_PATH_MAX:
            return str(self._path)
        if not os.path.isdir("/proc/self/fd"):
            raise OSError(
                f"{self._path}: too long for a Unix socket; set a shorter `control` path in posthouse.toml"
            )
        self._folder = os.open(self._path.parent, os.O_RDONLY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        if self._folder >= 0:
            os.close(self._folder)
