"""Open connections of mail programs and servers."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/sessions", "session.list", "Sessions", items="sessions"),
    Route("POST", "/sessions/disconnect", "session.disconnect", "Sessions"),
)
