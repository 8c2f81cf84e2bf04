"""Bans. A network has a slash in it, so it stands in the query."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/bans", "ban.list", "Bans", items="bans"),
    Route("POST", "/bans", "ban.add", "Bans", status=201),
    Route("DELETE", "/bans", "ban.remove", "Bans"),
)
