"""Programs that sign in by a page in the browser."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/oauth", "oauth.show", "OAuth"),
    Route("GET", "/oauth/clients", "oauth.client_list", "OAuth", items="clients"),
    Route("POST", "/oauth/clients", "oauth.client_add", "OAuth", status=201),
    Route("DELETE", "/oauth/clients/{id}", "oauth.client_remove", "OAuth"),
    Route("GET", "/oauth/grants", "oauth.grant_list", "OAuth", items="grants"),
    Route("DELETE", "/oauth/grants/{id}", "oauth.grant_remove", "OAuth"),
)
