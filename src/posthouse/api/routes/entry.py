"""App passwords, client certificates, and passwords of other servers."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/app-passwords", "app_password.list", "App passwords", items="app_passwords"),
    Route("POST", "/app-passwords", "app_password.add", "App passwords", status=201),
    Route("DELETE", "/app-passwords/{id}", "app_password.remove", "App passwords"),
    Route("PUT", "/accounts/{address}/app-passwords-only", "account.app_passwords_only", "Accounts"),
    Route("PUT", "/accounts/{address}/password-hash", "account.import_hash", "Accounts"),
    Route("GET", "/accounts-without-scram", "account.without_scram", "Accounts", items="accounts"),
    Route(
        "GET", "/client-certificates", "client_certificate.list", "Client certificates", items="certificates"
    ),
    Route("POST", "/client-certificates", "client_certificate.add", "Client certificates", status=201),
    Route("DELETE", "/client-certificates/{id}", "client_certificate.remove", "Client certificates"),
)
