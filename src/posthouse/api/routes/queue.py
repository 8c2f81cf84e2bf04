"""The queue."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/queue", "queue.list", "Queue", items="messages"),
    Route("GET", "/queue/{id}", "queue.show", "Queue"),
    Route("POST", "/queue/{id}/retry", "queue.retry", "Queue"),
)
