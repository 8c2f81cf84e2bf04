"""Webhooks: telling other programs what happens."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route("GET", "/webhooks", "webhook.list", "Webhooks", items="webhooks"),
    Route("POST", "/webhooks", "webhook.add", "Webhooks", status=201),
    Route("GET", "/webhooks/{id}", "webhook.show", "Webhooks", etag=True),
    Route("PATCH", "/webhooks/{id}", "webhook.change", "Webhooks"),
    Route("DELETE", "/webhooks/{id}", "webhook.remove", "Webhooks"),
    Route("POST", "/webhooks/{id}/test", "webhook.test", "Webhooks"),
    Route("GET", "/webhooks/{id}/deliveries", "webhook.deliveries", "Webhooks", items="deliveries"),
)
