"""DNS records of a domain."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (Route("GET", "/domains/{domain}/dns", "dns.records", "Domains"),)
