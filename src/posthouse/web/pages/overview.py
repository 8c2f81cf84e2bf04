"""The first page of those who look after the server or a domain."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web import charts
from posthouse.web.language import mark
from posthouse.web.mended import mended_at, topic_of
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

DAY = 86400
LATELY = 180
"""Seconds in which a measurement tells what goes on now."""


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
        todo=_not_warned_of((await visit.perform("setup.todo")).todo, status.warnings),
        chart=chart,
        sending=await charts.read(visit, charts.SENDING, DAY),
        delivered=await _delivered(visit),
        warnings=[(each, mended_at(each.code)) for each in status.warnings],
        certificates=_certificates(visit, status),
    )


async def _delivered(visit: Visit) -> str:
    """Deliveries a minute, as last measured; "" where that was too long ago to tell what goes on now."""
    wanted = {"topic": "messages.delivered", "since": visit.now - LATELY}
    points = (await visit.perform("status.history", wanted)).points
    return charts.written(visit, "number", points[-1].value) if points else ""


def _certificates(visit: Visit, status: Any) -> list[tuple[list[str], str, int | None]]:
    """Names, fingerprint and days left (None where it is not known) of each certificate."""
    names: dict[str, list[str]] = {}
    for name, print in sorted(status.certificates.items()):
        names.setdefault(print, []).append(name)
    found = []
    for print, those in names.items():
        ends = [end for name in those if (end := status.certificate_ends.get(name))]
        found.append((those, print, int((min(ends) - visit.now) // DAY) if ends else None))
    return found


def _not_warned_of(todo: list[Any], warnings: list[Any]) -> list[Any]:
    """What is left to do without what a warning on the same page says already."""
    warned = {topic_of(each.code) for each in warnings}
    return [each for each in todo if each.name not in warned]
