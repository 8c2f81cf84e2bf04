"""Domains, their other names, and the templates of new ones."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/domains", "domain.list", "Domains", items="domains"),
    Route("POST", "/domains", "domain.add", "Domains", status=201),
    Route("GET", "/domains/{name}", "domain.show", "Domains", etag=True),
    Route("PATCH", "/domains/{name}", "domain.set", "Domains"),
    Route("DELETE", "/domains/{name}", "domain.remove", "Domains"),
    Route("POST", "/domains/{name}/rename", "domain.rename", "Domains"),
    Route("PUT", "/domains/{name}/names/{other}", "domain.name_add", "Domains"),
    Route("DELETE", "/domains/{name}/names/{other}", "domain.name_remove", "Domains"),
    Route("GET", "/domain-templates", "domain.templates", "Domains", items="templates"),
    Route("PUT", "/domain-templates/{template}", "domain.template_save", "Domains"),
    Route("DELETE", "/domain-templates/{template}", "domain.template_remove", "Domains"),
)
