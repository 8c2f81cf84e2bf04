"""The first page of those who look after the server or a domain."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit


@page("GET", "/admin", open_to="domain", nav=Nav(mark("Overview"), "speedometer2", "start", 10))
async def overview(visit: Visit) -> Response:
    """How the server does; a domain's administrator sees the own domains."""
    if visit.actor.role == "server":
        return visit.render("overview/server.html", status=await visit.perform("status"))
    return visit.render("overview/domain.html", found=await visit.perform("domain.list"))
