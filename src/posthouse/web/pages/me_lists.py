"""One's own lists: those one is on, and those one looks after."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.lists import post_of
from posthouse.web.visit import PER_PAGE, Visit, link

HERE = "/me/lists"
ONE = HERE + "/{address:path}"


@page("GET", HERE, open_to="user", nav=Nav(mark("Lists"), "people", "me", 27))
async def mine(visit: Visit) -> Response:
    """The lists one is on, and those one looks after."""
    return visit.render("me/lists.html", found=await visit.perform("me.lists"))


@page("POST", HERE + "/quit", open_to="user")
async def quit_(visit: Visit) -> Response:
    """Leave a list."""
    address = visit.form.get("address", "")
    if await visit.attempt("me.list_leave", {"address": address}) is None:
        return await mine(visit)
    return visit.done(HERE, visit.t("You have left {address}.", address=address))


@page("POST", ONE + "/join", open_to="user")
async def join(visit: Visit) -> Response:
    """Put somebody onto a list one looks after."""
    member = visit.form.get("member", "").strip()
    if await visit.attempt("me.list_member_add", {**_one(visit), "member": member}, field="member") is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is on the list now.", member=member))


@page("POST", ONE + "/leave", open_to="user")
async def leave(visit: Visit) -> Response:
    """Take somebody off a list one looks after."""
    member = visit.form.get("member", "")
    if await visit.attempt("me.list_member_remove", {**_one(visit), "member": member}) is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is off the list.", member=member))


@page("POST", ONE + "/approve", open_to="user")
async def approve(visit: Visit) -> Response:
    """Let a post pass."""
    if await visit.attempt("me.list_approve", {**_one(visit), "post": post_of(visit)}) is None:
        return await show(visit)
    return _back(visit, visit.t("The post goes to the members."))


@page("POST", ONE + "/reject", open_to="user")
async def reject(visit: Visit) -> Response:
    """Refuse a post."""
    wanted = {**_one(visit), "post": post_of(visit), "reason": visit.form.get("reason", "")}
    if await visit.attempt("me.list_reject", wanted) is None:
        return await show(visit)
    return _back(visit, visit.t("The post goes back to its sender."))


@page("GET", ONE, open_to="user")
async def show(visit: Visit) -> Response:
    """A list one looks after: its members and waiting posts."""
    page = {**_one(visit), "after": visit.query.get("after", ""), "limit": PER_PAGE}
    members = await visit.perform("me.list_members", page)
    held = await visit.perform("me.list_held", _one(visit))
    return visit.render("me/list.html", address=visit.part("address"), members=members, held=held)


def _one(visit: Visit) -> dict[str, str]:
    return {"address": visit.part("address")}


def _back(visit: Visit, text: str) -> Response:
    return visit.done(link("me", "lists", visit.part("address")), text)
