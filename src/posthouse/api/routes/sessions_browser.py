"""Signed-in browsers of everybody, one-time links, and second factors of somebody who lost them."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/browser-sessions", "identity.sessions", "Browser sessions", items="sessions"),
    Route("DELETE", "/browser-sessions/{id}", "identity.session_end", "Browser sessions"),
    Route("DELETE", "/accounts/{address}/factors", "account.factors_clear", "Accounts"),
)
