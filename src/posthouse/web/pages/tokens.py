"""API tokens: programs sign in with them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.context import ALL_RIGHTS
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit


@page("GET", "/me/tokens", open_to="user", nav=Nav(mark("API tokens"), "terminal", "me", 50))
async def listing(visit: Visit) -> Response:
    """The own tokens."""
    return visit.render("me/tokens.html", tokens=(await visit.perform("token.list")).tokens)


@page("GET", "/me/tokens/add", open_to="user", fresh=True)
async def form(visit: Visit) -> Response:
    """The form of a new token."""
    return visit.render("me/token_add.html")


@page("POST", "/me/tokens/add", open_to="user", fresh=True)
async def add(visit: Visit) -> Response:
    """Make a token; its secret is shown once."""
    days = visit.form.get("days", "").strip()
    wanted: dict[str, Any] = {
        "name": visit.form.get("name", "").strip(),
        "rights": [right for right in visit.chosen.get("rights", []) if right in ALL_RIGHTS],
        "networks": visit.form.get("networks", "").split(),
        "domains": visit.form.get("domains", "").split(),
    }
    if days and not (days.isascii() and days.isdecimal() and len(days) < 6):
        visit.complain("days", visit.t("{days} is no number of days.", days=days[:20]))
        return await form(visit)
    if days:
        wanted["days"] = int(days)
    made = await visit.attempt("token.add", wanted)
    if made is None:
        return await form(visit)
    return visit.render("me/token_made.html", made=made)


@page("POST", "/me/tokens/{id:int}/remove", open_to="user")
async def remove(visit: Visit) -> Response:
    """Remove a token; it is refused from then on."""
    done = await visit.perform("token.remove", {"id": int(visit.part("id"))})
    return visit.done("/me/tokens", visit.t("{name} is removed.", name=done.name))
