"""Who administers what, and which accounts may be used."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("PUT", "/accounts/{address}/role", "account.role", "Accounts"),
    Route("PUT", "/accounts/{address}/active", "account.active", "Accounts"),
)
