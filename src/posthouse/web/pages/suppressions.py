"""The suppression list: addresses elsewhere that mail always comes back from."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/admin/suppressions"


@page("GET", HERE, open_to="server", nav=Nav(mark("Suppressed addresses"), "x-circle-fill", "mail", 60))
async def listing(visit: Visit) -> Response:
    """The list, and a form for a new entry."""
    found = await visit.perform(
        "suppression.list",
        {
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "counting": bool(visit.query.get("counting", "")),
            "limit": PER_PAGE,
        },
    )
    return visit.render("suppressions/list.html", found=found)


@page("POST", HERE, open_to="server")
async def add(visit: Visit) -> Response:
    """Refuse mail to an address."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("address", "account", "reason", "duration")}
    made = await visit.attempt("suppression.add", wanted, field="address")
    if made is None:
        _place(visit)
        return await listing(visit)
    return visit.done(HERE, visit.t("Mail to {address} is refused from now on.", address=made.address))


def _place(visit: Visit) -> None:
    """A complaint about the time stands beside the time."""
    if visit.trouble is not None and visit.trouble.what.startswith("duration:"):
        visit.complain(
            "duration",
            visit.t("This is no time."),
            visit.t("Write one such as 12h, 7d or 90m, up to 100 years, or leave it empty."),
        )


@page("POST", HERE + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Lift an entry."""
    wanted = {name: visit.form.get(name, "") for name in ("address", "account")}
    done = await visit.attempt("suppression.remove", wanted)
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("Mail may go to {address} again.", address=done.address))
