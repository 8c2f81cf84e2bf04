"""Measurements over time."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web import charts
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit


@page("GET", "/admin/history", open_to="server", nav=Nav(mark("Measurements"), "graph-up", "server", 15))
async def history(visit: Visit) -> Response:
    """All charts of one range."""
    chosen = visit.query.get("range", "day")
    if chosen not in charts.RANGES:
        chosen = "day"
    drawn = [await charts.read(visit, kind, charts.RANGES[chosen][1]) for kind in charts.KINDS]
    return visit.render("history/show.html", charts=drawn, ranges=charts.RANGES, chosen=chosen)
