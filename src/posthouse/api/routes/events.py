"""What happens."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/events", "event.watch", "Events", stream=True),
    Route("GET", "/events/list", "event.list", "Events", items="events"),
)
