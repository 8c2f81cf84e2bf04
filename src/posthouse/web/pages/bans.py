"""Bans: networks that nobody may connect from."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/admin/bans"


@page("GET", HERE, open_to="server", nav=Nav(mark("Bans"), "shield-check", "server", 50))
async def listing(visit: Visit) -> Response:
    """The bans, and a form for a new one."""
    found = await visit.perform(
        "ban.list",
        {
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("bans/list.html", found=found, own=visit.visitor.peer)


@page("POST", HERE, open_to="server")
async def add(visit: Visit) -> Response:
    """Let nobody connect from a network."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("network", "reason", "duration")}
    made = await visit.attempt("ban.add", wanted, field="network")
    if made is None:
        _place_of_duration(visit)
        return await listing(visit)
    return visit.done(HERE, visit.t("Nobody can connect from {network} any more.", network=made.network))


def _place_of_duration(visit: Visit) -> None:
    """A complaint about the time stands beside the time."""
    if visit.trouble is not None and visit.trouble.what.startswith("duration:"):
        visit.complain(
            "duration",
            visit.t("This is no time."),
            visit.t("Write one such as 12h, 7d or 90m, up to 100 years, or leave it empty."),
        )


@page("POST", HERE + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Lift a ban."""
    done = await visit.attempt("ban.remove", {"network": visit.form.get("network", "")})
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("The ban of {network} is lifted.", network=done.network))
