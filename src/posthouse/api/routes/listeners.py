"""Listeners. The name of one may be a path, so it stands in the query or the body."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/listeners", "listener.list", "Listeners"),
    Route("POST", "/listeners", "listener.add", "Listeners", status=201),
    Route("PATCH", "/listeners", "listener.change", "Listeners"),
    Route("DELETE", "/listeners", "listener.remove", "Listeners"),
    Route("POST", "/listeners/reset", "listener.reset", "Listeners"),
)
