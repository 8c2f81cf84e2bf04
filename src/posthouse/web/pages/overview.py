"""The first page of those who look after the server or a domain."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web import charts
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page, pages
from posthouse.web.visit import Visit

DAY = 86400
LATELY = 180
"""Seconds in which a measurement tells what goes on now."""

MENDED_AT = {
    "disk": "/admin/settings?topic=limits",
    "certificate": "/admin/certificates",
    "hostname": "/admin/setup",
    "queue": "/admin/queue",
    "workers": "/admin/log?level=error",
    "administrator": "/admin/accounts",
    "backup": "/admin/backup",
    "webhook": "/admin/webhooks",
}
"""Where a warning is seen to, by the first word of its code."""


@page("GET", "/admin", open_to="domain", nav=Nav(mark("Overview"), "speedometer2", "start", 10))
async def overview(visit: Visit) -> Response:
    """How the server does; a domain's administrator sees the own domains."""
    if visit.actor.role != "server":
        return visit.render("overview/domain.html", found=await visit.perform("domain.list"))
    status = await visit.perform("status")
    chart = await charts.read(visit, charts.MESSAGES, DAY)
    return visit.render(
        "overview/server.html",
        status=status,
        left=await visit.perform("setup.todo"),
        chart=chart,
        delivered=await _delivered(visit),
        warnings=[(each, _mended_at(each.code)) for each in status.warnings],
        certificates=_certificates(visit, status),
    )


async def _delivered(visit: Visit) -> str:
    """Deliveries a minute, as last measured; "" where that was too long ago to tell what goes on now."""
    wanted = {"topic": "messages.delivered", "since": visit.now - LATELY}
    points = (await visit.perform("status.history", wanted)).points
    return charts.written(visit, "number", points[-1].value) if points else ""


def _mended_at(code: str) -> str:
    """The page where the administrator sees to it; "" where that is not done by a page."""
    path = MENDED_AT.get(code.partition(".")[0], "")
    known = {each.path for each in pages() if each.method == "GET"}
    return path if path.partition("?")[0] in known else ""


def _certificates(visit: Visit, status: Any) -> list[tuple[str, str, int | None]]:
    """Name, fingerprint and days left (None where it is not known) of each certificate."""
    return [
        (name, print, int((end - visit.now) // DAY) if (end := status.certificate_ends.get(name)) else None)
        for name, print in sorted(status.certificates.items())
    ]
