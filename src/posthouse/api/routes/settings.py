"""Settings."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/settings", "setting.list", "Settings", items="settings"),
    Route("GET", "/settings/{name}", "setting.get", "Settings", etag=True),
    Route("PUT", "/settings/{name}", "setting.set", "Settings"),
)
