"""API tokens."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/tokens", "token.list", "Tokens", items="tokens"),
    Route("POST", "/tokens", "token.add", "Tokens", status=201),
    Route("DELETE", "/tokens/{id}", "token.remove", "Tokens"),
)
