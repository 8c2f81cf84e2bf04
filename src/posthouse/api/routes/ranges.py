"""IP ranges. A name may have anything in it, so it stands in the query."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/ranges", "range.list", "IP ranges", items="ranges"),
    Route("PUT", "/ranges", "range.put", "IP ranges"),
    Route("DELETE", "/ranges", "range.remove", "IP ranges"),
    Route("GET", "/ranges/try", "range.try", "IP ranges"),
)
