"""The queue."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/queue", "queue.list", "Queue", items="messages"),
    Route("GET", "/queue/destinations", "queue.destinations", "Queue", items="destinations"),
    Route("GET", "/queue/senders", "queue.senders", "Queue", items="senders"),
    Route("GET", "/queue/reasons", "queue.reasons", "Queue"),
    Route("POST", "/queue/count", "queue.count", "Queue"),
    Route("POST", "/queue/hold", "queue.hold", "Queue"),
    Route("POST", "/queue/release", "queue.release", "Queue"),
    Route("POST", "/queue/retry", "queue.retry", "Queue"),
    Route("POST", "/queue/bounce", "queue.bounce", "Queue"),
    Route("POST", "/queue/delete", "queue.delete", "Queue"),
    Route("POST", "/queue/pause", "queue.pause", "Queue"),
    Route("POST", "/queue/resume", "queue.resume", "Queue"),
    Route("GET", "/queue/{id}", "queue.show", "Queue"),
    Route("GET", "/queue/{id}/header", "queue.header", "Queue"),
)
