"""TLS to other servers: what is known of them, what is demanded, what they report."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/tls/domains", "tls.domains", "TLS to other servers", items="domains"),
    Route("GET", "/tls/domains/{domain}", "tls.policy", "TLS to other servers"),
    Route("DELETE", "/tls/domains/{domain}", "tls.forget", "TLS to other servers"),
    Route("GET", "/tls/reports", "tls.reports", "TLS to other servers", items="reports"),
)
