"""What mail programs have to know."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/client-settings", "client.settings", "Client settings"),
    Route("GET", "/client-settings/profile", "client.profile", "Client settings"),
)
