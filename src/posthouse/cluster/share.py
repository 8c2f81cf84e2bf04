"""What one worker is started with."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from posthouse.settings.config import Config, LoadedConfig


@dataclass(slots=True)
class Share:
    """What one worker is started with: its number among ``workers``, and the sockets of each configured
    listener that it accepts on. ``files`` is the limit on open files; ``started_at`` is when the server began,
    in seconds since 1970 (a worker may have been started anew since)."""

    config: Config
    number: int
    workers: int
    sockets: list[list[socket.socket]]
    files: int | None
    started_at: float = field(default_factory=time.time)

    @staticmethod
    def told(
        config: Config,
        number: int,
        workers: int,
        sockets: list[list[int]],
        files: int | None,
        started_at: float,
    ) -> dict[str, Any]:
        """As a message to a worker process."""
        return {
            "config": msgspec.to_builtins(config),
            "number": number,
            "workers": workers,
            "sockets": sockets,
            "files": files,
            "started_at": started_at,
        }

    @classmethod
    def received(cls, start: dict[str, Any]) -> Share:
        """From that message; the sockets were inherited under the same numbers."""
        sockets = [[socket.socket(fileno=number) for number in numbers] for numbers in start["sockets"]]
        config = msgspec.convert(start["config"], LoadedConfig)
        return cls(config, start["number"], start["workers"], sockets, start["files"], start["started_at"])
