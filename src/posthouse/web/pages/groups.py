"""Groups of accounts."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link

HERE = "/admin/groups"
ONE = HERE + "/{name:path}"


@page("GET", HERE, open_to="domain", nav=Nav(mark("Groups"), "people", "people", 45))
async def listing(visit: Visit) -> Response:
    """The groups, and a form for a new one."""
    found = await visit.perform(
        "group.list",
        {
            "domain": visit.query.get("domain") or None,
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("groups/list.html", found=found)


@page("POST", HERE, open_to="domain")
async def add(visit: Visit) -> Response:
    """Make a group."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("name", "description")}
    made = await visit.attempt("group.add", wanted)
    if made is None:
        return await listing(visit)
    return visit.done(link("admin", "groups", made.name), visit.t("{name} is a group now.", name=made.name))


@page("GET", ONE + "/remove", open_to="domain")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a group is removed."""
    return visit.render("groups/remove.html", found=await visit.perform("group.show", _one(visit)))


@page("POST", ONE + "/remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Remove a group."""
    done = await visit.perform("group.remove", _one(visit))
    return visit.done(HERE, visit.t("{name} is no longer a group.", name=done.name))


@page("POST", ONE + "/join", open_to="domain")
async def join(visit: Visit) -> Response:
    """Put somebody into a group."""
    member = visit.form.get("member", "").strip()
    if await visit.attempt("group.member_add", {**_one(visit), "member": member}, field="member") is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is in the group now.", member=member))


@page("POST", ONE + "/leave", open_to="domain")
async def leave(visit: Visit) -> Response:
    """Take somebody out of a group."""
    member = visit.form.get("member", "")
    if await visit.attempt("group.member_remove", {**_one(visit), "member": member}) is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is out of the group.", member=member))


@page("POST", ONE + "/change", open_to="domain")
async def change(visit: Visit) -> Response:
    """Rename a group, or describe it anew."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("new_name", "description")}
    done = await visit.attempt("group.change", {**_one(visit), **wanted}, field="new_name")
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "groups", done.name), visit.t("The group is changed."))


@page("GET", ONE, open_to="domain")
async def show(visit: Visit) -> Response:
    """Who is in a group."""
    return visit.render("groups/show.html", found=await visit.perform("group.show", _one(visit)))


def _one(visit: Visit) -> dict[str, str]:
    return {"name": visit.part("name")}


def _back(visit: Visit, text: str) -> Response:
    return visit.done(link("admin", "groups", visit.part("name")), text)
