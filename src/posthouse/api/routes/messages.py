"""Messages."""

from __future__ import annotations

from posthouse.api.route import Route

ROUTES = (
    Route(
        "POST",
        "/messages",
        "message.send",
        "Messages",
        status=201,
        body_field="raw",
        body_type="message/rfc822",
    ),
    Route("GET", "/messages/{message}", "message.show", "Messages"),
    Route(
        "GET", "/messages/{message}/raw", "message.raw", "Messages", stream=True, media_type="message/rfc822"
    ),
    Route("GET", "/messages/{message}/trace", "message.trace", "Messages"),
)
