"""Aliases."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit


@page("GET", "/admin/aliases", open_to="domain", nav=Nav(mark("Aliases"), "signpost-split", "people", 30))
async def listing(visit: Visit) -> Response:
    """The aliases, and a form for a new one."""
    found = await visit.perform(
        "alias.list",
        {
            "domain": visit.query.get("domain") or None,
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("aliases/list.html", found=found)


@page("POST", "/admin/aliases", open_to="domain")
async def add(visit: Visit) -> Response:
    """Let mail for an address go to another one."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("address", "target")}
    made = await visit.attempt("alias.add", wanted)
    if made is None:
        return await listing(visit)
    text = visit.t("Mail for {address} goes to {target}.", address=made.address, target=made.target)
    return visit.done("/admin/aliases", text)


@page("GET", "/admin/aliases/{address:path}/remove", open_to="domain")
async def ask_remove(visit: Visit) -> Response:
    """Ask before an alias is removed."""
    alias = await visit.perform("alias.show", {"address": visit.part("address")})
    return visit.render("aliases/remove.html", alias=alias)


@page("POST", "/admin/aliases/{address:path}/remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Remove an alias."""
    done = await visit.perform("alias.remove", {"address": visit.part("address")})
    return visit.done("/admin/aliases", visit.t("{address} is no longer an alias.", address=done.address))
