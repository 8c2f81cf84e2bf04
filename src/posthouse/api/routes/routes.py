"""Routes: which mail leaves by which hosts."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/routes", "route.list", "Routes", items="routes"),
    Route("POST", "/routes", "route.add", "Routes", status=201),
    Route("PUT", "/routes/smart-host", "route.smart_host", "Routes"),
    Route("GET", "/routes/sources", "route.sources", "Routes", items="sources"),
    Route("PUT", "/routes/sources/{domain}", "route.source", "Routes"),
    Route("GET", "/routes/{id}", "route.show", "Routes", etag=True),
    Route("PATCH", "/routes/{id}", "route.change", "Routes"),
    Route("DELETE", "/routes/{id}", "route.remove", "Routes"),
    Route("POST", "/routes/{id}/move", "route.move", "Routes"),
    Route("POST", "/routes/{id}/release", "route.release", "Routes"),
    Route("POST", "/routes/{id}/test", "route.test", "Routes"),
    Route("GET", "/routes/{id}/addresses", "route.addresses", "Routes", items="addresses"),
    Route("POST", "/routes/{id}/addresses", "route.address_add", "Routes"),
    Route("POST", "/routes/{id}/addresses/remove", "route.address_remove", "Routes"),
)
