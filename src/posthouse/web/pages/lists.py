"""Distribution lists: what they are, who is on them, and posts that wait for a moderator."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.account_people import csv_file
from posthouse.web.visit import PER_PAGE, Visit, link

HERE = "/admin/lists"
ONE = HERE + "/{address:path}"


@page("GET", HERE, open_to="domain", nav=Nav(mark("Lists"), "people", "people", 40))
async def listing(visit: Visit) -> Response:
    """The lists, and a form for a new one."""
    found = await visit.perform(
        "list.list",
        {
            "domain": visit.query.get("domain") or None,
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("lists/list.html", found=found)


@page("POST", HERE, open_to="domain")
async def add(visit: Visit) -> Response:
    """Make a list."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("address", "name", "mode")}
    made = await visit.attempt("list.add", {**wanted, "mode": wanted["mode"] or "members"})
    if made is None:
        return await listing(visit)
    return visit.done(
        link("admin", "lists", made.address), visit.t("{address} is a list now.", address=made.address)
    )


@page("GET", ONE + "/remove", open_to="domain")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a list is removed."""
    return visit.render("lists/remove.html", found=await visit.perform("list.show", _one(visit)))


@page("POST", ONE + "/remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Remove a list."""
    done = await visit.perform("list.remove", _one(visit))
    return visit.done(HERE, visit.t("{address} is no longer a list.", address=done.address))


@page("POST", ONE + "/join", open_to="domain")
async def join(visit: Visit) -> Response:
    """Put somebody onto a list."""
    member = visit.form.get("member", "").strip()
    if await visit.attempt("list.member_add", {**_one(visit), "member": member}, field="member") is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is on the list now.", member=member))


@page("POST", ONE + "/import", open_to="domain")
async def import_(visit: Visit) -> Response:
    """Put many onto a list."""
    text = visit.form.get("text", "")
    done = await visit.attempt("list.import", {**_one(visit), "text": text}, field="text")
    if done is None:
        return await show(visit)
    said = visit.language.count("{count} new member.", "{count} new members.", done.new)
    return _back(visit, said)


@page("GET", ONE + "/export", open_to="domain")
async def export(visit: Visit) -> Response:
    """The members as a CSV file to save."""
    found = await visit.perform("list.export", _one(visit))
    return csv_file(found.text, "members.csv")


@page("POST", ONE + "/leave", open_to="domain")
async def leave(visit: Visit) -> Response:
    """Take somebody off a list."""
    member = visit.form.get("member", "")
    if await visit.attempt("list.member_remove", {**_one(visit), "member": member}) is None:
        return await show(visit)
    return _back(visit, visit.t("{member} is off the list.", member=member))


@page("POST", ONE + "/switch", open_to="domain")
async def switch(visit: Visit) -> Response:
    """Let a member get mail, or none for a while."""
    wanted = {
        **_one(visit),
        "member": visit.form.get("member", ""),
        "active": visit.form.get("active") == "yes",
    }
    if await visit.attempt("list.member_switch", wanted) is None:
        return await show(visit)
    return _back(visit, visit.t("Done."))


@page("POST", ONE + "/approve", open_to="domain")
async def approve(visit: Visit) -> Response:
    """Let a post pass."""
    if await visit.attempt("list.approve", {**_one(visit), "post": post_of(visit)}) is None:
        return await show(visit)
    return _back(visit, visit.t("The post goes to the members."))


@page("POST", ONE + "/reject", open_to="domain")
async def reject(visit: Visit) -> Response:
    """Refuse a post."""
    wanted = {**_one(visit), "post": post_of(visit), "reason": visit.form.get("reason", "")}
    if await visit.attempt("list.reject", wanted) is None:
        return await show(visit)
    return _back(visit, visit.t("The post goes back to its sender."))


@page("GET", ONE, open_to="domain")
async def show(visit: Visit) -> Response:
    """A list with its members and waiting posts."""
    found = await visit.perform("list.show", _one(visit))
    page = {**_one(visit), "after": visit.query.get("after", ""), "limit": PER_PAGE}
    members = await visit.perform("list.members", page)
    held = await visit.perform("list.held", _one(visit))
    return visit.render("lists/show.html", found=found, members=members, held=held)


@page("POST", ONE, open_to="domain")
async def change(visit: Visit) -> Response:
    """Change a list."""
    form = visit.form
    wanted: dict[str, Any] = {
        name: form.get(name, "").strip()
        for name in ("name", "description", "mode", "moderation", "joining", "tag", "replies")
    }
    wanted |= {name: form.get(name) == "on" for name in ("active", "signed_in", "own_from")}
    wanted |= {name: tuple(form.get(name, "").split()) for name in ("owners", "moderators", "senders")}
    wanted["max_size"] = (
        int(size) if (size := form.get("max_size", "").strip()).isdecimal() and len(size) < 16 else -1
    )
    if await visit.attempt("list.change", {**_one(visit), **wanted}) is None:
        return await show(visit)
    return _back(visit, visit.t("The list is changed."))


def post_of(visit: Visit) -> int:
    """The number of a post; 0, which none has, where it is no number."""
    text = visit.form.get("post", "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _one(visit: Visit) -> dict[str, str]:
    return {"address": visit.part("address")}


def _back(visit: Visit, text: str) -> Response:
    return visit.done(link("admin", "lists", visit.part("address")), text)
