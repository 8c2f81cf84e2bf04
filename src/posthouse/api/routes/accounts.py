"""Accounts."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/accounts", "account.list", "Accounts", items="accounts"),
    Route("POST", "/accounts", "account.add", "Accounts", status=201),
    Route("GET", "/accounts/{address}", "account.show", "Accounts", etag=True),
    Route("DELETE", "/accounts/{address}", "account.remove", "Accounts"),
    Route("PATCH", "/accounts/{address}", "account.change", "Accounts"),
    Route("PUT", "/accounts/{address}/address", "account.rename", "Accounts"),
    Route("GET", "/accounts/{address}/addresses", "account.addresses", "Accounts", items="addresses"),
    Route("POST", "/accounts/{address}/addresses", "account.address_add", "Accounts", status=201),
    Route("DELETE", "/accounts/{address}/addresses/{further}", "account.address_remove", "Accounts"),
    Route("GET", "/accounts/{address}/masked", "account.masked", "Accounts", items="masked"),
    Route("PUT", "/accounts/{address}/masked/{masked}/active", "account.masked_switch", "Accounts"),
    Route("DELETE", "/accounts/{address}/masked/{masked}", "account.masked_remove", "Accounts"),
    Route("POST", "/accounts/{address}/empty", "account.empty", "Accounts"),
    Route("POST", "/accounts/{address}/sign-out", "account.sign_out", "Accounts"),
    Route("POST", "/accounts/export", "account.export", "Accounts"),
    Route("PUT", "/accounts/{address}/password", "account.password", "Accounts"),
    Route("PUT", "/accounts/{address}/quota", "account.quota", "Accounts"),
    Route("GET", "/accounts/{address}/forward", "account.forward", "Accounts"),
    Route("PUT", "/accounts/{address}/forward", "account.forward_set", "Accounts"),
    Route("DELETE", "/accounts/{address}/forward", "account.forward_clear", "Accounts"),
    Route("POST", "/accounts/import", "account.import", "Accounts", body_field="text", body_type="text/csv"),
)
