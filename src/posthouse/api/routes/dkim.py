"""DKIM keys of a domain."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/dkim-keys", "dkim.list", "DKIM keys", items="keys"),
    Route("POST", "/domains/{domain}/dkim-keys", "dkim.make", "DKIM keys", status=201),
    Route("POST", "/domains/{domain}/dkim-keys/rotate", "dkim.rotate", "DKIM keys", status=201),
    Route("POST", "/domains/{domain}/dkim-keys/check", "dkim.check", "DKIM keys"),
    Route("POST", "/domains/{domain}/dkim-keys/import", "dkim.import", "DKIM keys", status=201),
    Route("GET", "/domains/{domain}/dkim-keys/{selector}", "dkim.show", "DKIM keys"),
    Route("DELETE", "/domains/{domain}/dkim-keys/{selector}", "dkim.remove", "DKIM keys"),
    Route("POST", "/domains/{domain}/dkim-keys/{selector}/activate", "dkim.activate", "DKIM keys"),
    Route("POST", "/domains/{domain}/dkim-keys/{selector}/retire", "dkim.retire", "DKIM keys"),
)
