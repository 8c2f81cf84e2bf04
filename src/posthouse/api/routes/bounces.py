"""Bounces that came back."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/bounces", "bounce.list", "Bounces", items="bounces"),
    Route("GET", "/bounces/causes", "bounce.causes", "Bounces"),
)
