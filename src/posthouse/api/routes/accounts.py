"""Accounts."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/accounts", "account.list", "Accounts", items="accounts"),
    Route("POST", "/accounts", "account.add", "Accounts", status=201),
    Route("GET", "/accounts/{address}", "account.show", "Accounts", etag=True),
    Route("DELETE", "/accounts/{address}", "account.remove", "Accounts"),
    Route("PUT", "/accounts/{address}/password", "account.password", "Accounts"),
    Route("PUT", "/accounts/{address}/quota", "account.quota", "Accounts"),
    Route("GET", "/accounts/{address}/forward", "account.forward", "Accounts"),
    Route("PUT", "/accounts/{address}/forward", "account.forward_set", "Accounts"),
    Route("DELETE", "/accounts/{address}/forward", "account.forward_clear", "Accounts"),
    Route("POST", "/accounts/import", "account.import", "Accounts", body_field="text", body_type="text/csv"),
)
