"""Bounces that came back, sorted by cause."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

DAYS = 30


@page(
    "GET", "/admin/bounces", open_to="server", nav=Nav(mark("Bounces"), "arrow-counterclockwise", "mail", 58)
)
async def listing(visit: Visit) -> Response:
    """How many came back why, and the newest."""
    asked = {
        "search": visit.query.get("search", ""),
        "cause": visit.query.get("cause", ""),
        "after": visit.query.get("after", ""),
        "limit": PER_PAGE,
    }
    found = await visit.perform("bounce.list", asked)
    counted = await visit.perform("bounce.causes", {"days": DAYS})
    return visit.render("bounces/list.html", found=found, counted=counted, days=DAYS)
