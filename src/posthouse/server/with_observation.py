"""Log files, live log, measurements, sessions of all workers."""

from __future__ import annotations

from posthouse.server.built import Built


async def attach(built: Built) -> None:
    """Attach it to the worker."""
