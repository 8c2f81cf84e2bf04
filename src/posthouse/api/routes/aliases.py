"""Aliases."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/aliases", "alias.list", "Aliases", items="aliases"),
    Route("POST", "/aliases", "alias.add", "Aliases", status=201),
    Route("GET", "/aliases/{address}", "alias.show", "Aliases", etag=True),
    Route("PATCH", "/aliases/{address}", "alias.change", "Aliases"),
    Route("POST", "/aliases/import", "alias.import", "Aliases", body_field="text", body_type="text/csv"),
    Route("POST", "/aliases/export", "alias.export", "Aliases"),
    Route("DELETE", "/aliases/{address}", "alias.remove", "Aliases"),
)
