"""Diagnostics."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (Route("POST", "/diagnostics", "diagnose", "Diagnostics", stream=True),)
