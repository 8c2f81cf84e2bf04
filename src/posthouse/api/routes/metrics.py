"""Measurements, of now and over time."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/status/history/{topic}", "status.history", "Server"),
    Route("GET", "/status/metrics", "status.metrics", "Server"),
)
