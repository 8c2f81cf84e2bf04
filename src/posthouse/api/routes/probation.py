"""Risky changes that wait to be confirmed."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/probation", "probation.list", "Probation"),
    Route("POST", "/probation/{id}/confirm", "probation.confirm", "Probation"),
    Route("POST", "/probation/{id}/revert", "probation.revert", "Probation"),
)
