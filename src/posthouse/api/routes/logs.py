"""Log lines."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/log", "log.tail", "Log"),
    Route("GET", "/log/watch", "log.watch", "Log", stream=True),
)
