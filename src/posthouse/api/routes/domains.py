"""Domains."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/domains", "domain.list", "Domains", items="domains"),
    Route("POST", "/domains", "domain.add", "Domains", status=201),
    Route("GET", "/domains/{name}", "domain.show", "Domains", etag=True),
    Route("DELETE", "/domains/{name}", "domain.remove", "Domains"),
)
