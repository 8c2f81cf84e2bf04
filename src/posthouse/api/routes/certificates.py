"""Certificates, and the account with the authority."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/certificates", "certificate.list", "Certificates", items="certificates"),
    Route("POST", "/certificates", "certificate.add", "Certificates", status=201),
    Route("GET", "/certificates/{name}", "certificate.show", "Certificates"),
    Route("DELETE", "/certificates/{name}", "certificate.remove", "Certificates"),
    Route("POST", "/certificates/order", "certificate.order", "Certificates", stream=True),
    Route("POST", "/certificates/{name}/renew", "certificate.renew", "Certificates", stream=True),
    Route("POST", "/certificates/self-made", "certificate.self_made", "Certificates"),
    Route("GET", "/certificate-authority", "certificate.account", "Certificates"),
    Route("GET", "/certificate-authority/ways", "certificate.ways", "Certificates"),
    Route("PUT", "/certificate-authority", "certificate.agree", "Certificates"),
    Route("POST", "/certificate-authority/key", "certificate.account_key", "Certificates"),
    Route("DELETE", "/certificate-authority", "certificate.account_close", "Certificates"),
)
