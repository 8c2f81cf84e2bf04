"""Status and verification of the whole server."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/status", "status", "Server"),
    Route("POST", "/verify", "verify", "Server", stream=True),
)
