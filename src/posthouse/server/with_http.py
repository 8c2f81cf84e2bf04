"""The HTTP listeners, with the API and the web pages behind them."""

from __future__ import annotations

from posthouse.server.built import Built


async def attach(built: Built) -> None:
    """Attach it to the worker."""
