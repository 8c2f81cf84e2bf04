"""The suppression list. An address may have a slash in it, so it stands in the query."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/suppressions", "suppression.list", "Suppressions", items="suppressions"),
    Route("POST", "/suppressions", "suppression.add", "Suppressions", status=201),
    Route("DELETE", "/suppressions", "suppression.remove", "Suppressions"),
)
