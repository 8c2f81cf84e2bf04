"""Diagnostics, and the DNS records of a domain."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import PlainTextResponse, Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

RUN = "diagnostics"


@page(
    "GET",
    "/admin/diagnostics",
    open_to="server",
    nav=Nav(mark("Diagnostics"), "life-preserver", "server", 20),
)
async def show(visit: Visit) -> Response:
    """What the newest run found."""
    return visit.render("diagnostics/show.html", run=visit.site.context.check_runs.find(RUN))


@page("POST", "/admin/diagnostics", open_to="server")
async def start(visit: Visit) -> Response:
    """Look at everything anew."""
    context = visit.site.context
    context.check_runs.start(RUN, context, visit.actor, "setup.todo", {"check": True})
    return visit.go("/admin/diagnostics")


@page("GET", "/admin/domains/{name}/dns", open_to="domain")
async def records(visit: Visit) -> Response:
    """What the domain should publish, and whether it does."""
    found = await visit.perform("dns.records", {"domain": visit.part("name")})
    key = visit.query.get("provider", "")
    form = next((each for each in found.providers if each.key == key), None)
    return visit.render("dns/records.html", found=found, form=form, as_file=visit.query.get("show") == "zone")


@page("GET", "/admin/domains/{name}/dns/zone", open_to="domain")
async def zone(visit: Visit) -> Response:
    """The zone file to save."""
    found = await visit.perform("dns.records", {"domain": visit.part("name"), "check": False})
    name = quote(f"{found.ascii}.zone")
    return PlainTextResponse(found.zone, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@page("GET", "/me/programs", open_to="user", nav=Nav(mark("Mail programs"), "phone", "me", 15))
async def programs(visit: Visit) -> Response:
    """What to enter in a mail program."""
    return visit.render("programs/show.html", programs=await visit.perform("client.settings"))
