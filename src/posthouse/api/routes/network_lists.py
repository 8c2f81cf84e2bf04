"""Block lists and allow lists of networks."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/network-lists", "network_list.list", "Network lists", items="lists"),
    Route("POST", "/network-lists", "network_list.add", "Network lists", status=201),
    Route("GET", "/network-lists/{name}", "network_list.show", "Network lists", etag=True),
    Route("PATCH", "/network-lists/{name}", "network_list.change", "Network lists"),
    Route("DELETE", "/network-lists/{name}", "network_list.remove", "Network lists"),
    Route("POST", "/network-lists/{name}/refresh", "network_list.refresh", "Network lists"),
)
