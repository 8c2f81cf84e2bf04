"""What happened, newest first."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit


@page("GET", "/admin/events", open_to="domain", nav=Nav(mark("Events"), "lightning-charge", "server", 75))
async def listing(visit: Visit) -> Response:
    """The newest events that concern what the visitor looks after."""
    wanted = {
        "kinds": visit.query.get("kinds", "").split(),
        "after": visit.query.get("after", ""),
        "limit": PER_PAGE,
        "order": "newest",
    }
    found = await visit.perform("event.list", wanted)
    details = {each.id: _details(each.data) for each in found.events}
    return visit.render("events/list.html", found=found, details=details)


def _details(data: dict[str, object]) -> str:
    """What is told of an event, in one line."""
    said = (
        f"{name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in data.items()
        if value not in ("", None)
    )
    return ", ".join(said)
