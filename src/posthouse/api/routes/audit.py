"""The audit."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (Route("GET", "/audit", "audit.list", "Audit", items="lines"),)
