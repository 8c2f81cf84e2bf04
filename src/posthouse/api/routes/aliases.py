"""Aliases."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/aliases", "alias.list", "Aliases", items="aliases"),
    Route("POST", "/aliases", "alias.add", "Aliases", status=201),
    Route("GET", "/aliases/{address}", "alias.show", "Aliases", etag=True),
    Route("DELETE", "/aliases/{address}", "alias.remove", "Aliases"),
)
