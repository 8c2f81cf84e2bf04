"""Shared mailboxes and public folders: who is in, what they may do, and whose read marks count."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/admin/shared"
ONE = HERE + "/mailbox/{address:path}"
FOLDER = HERE + "/folder/{name:path}"


@page("GET", HERE, open_to="domain", nav=Nav(mark("Shared folders"), "inboxes", "people", 46))
async def listing(visit: Visit) -> Response:
    """The shared mailboxes and the public folders, and forms for new ones."""
    found = await visit.perform("shared_mailbox.list")
    public = None
    if visit.actor.role == "server":
        public = (await visit.perform("folder.list")).folders
    return visit.render("shared/list.html", mailboxes=found.mailboxes, public=public)


@page("POST", HERE, open_to="domain")
async def add(visit: Visit) -> Response:
    """Make a shared mailbox with its members."""
    wanted = {
        "address": visit.form.get("address", "").strip(),
        "members": visit.form.get("members", "").split(),
        "send_as": visit.form.get("send", "as") == "as",
        "own_marks": "own_marks" in visit.form,
    }
    made = await visit.attempt("shared_mailbox.add", wanted, field="address")
    if made is None:
        return await listing(visit)
    text = visit.t("{address} is a shared mailbox now.", address=made.address)
    return visit.done(link("admin", "shared", "mailbox", made.address), text)


@page("GET", ONE, open_to="domain")
async def show(visit: Visit) -> Response:
    """One shared mailbox."""
    found = await visit.perform("shared_mailbox.show", {"address": visit.part("address")})
    return visit.render("shared/mailbox.html", found=found)


@page("POST", ONE, open_to="domain")
async def change(visit: Visit) -> Response:
    """Change its read marks and whether it keeps what is sent in its name."""
    wanted = {
        "address": visit.part("address"),
        "own_marks": "own_marks" in visit.form,
        "keep_sent": "keep_sent" in visit.form,
    }
    if await visit.attempt("shared_mailbox.set", wanted) is None:
        return await show(visit)
    return visit.done(link("admin", "shared", "mailbox", visit.part("address")), visit.t("Saved."))


@page("POST", ONE + "/member", open_to="domain")
async def member(visit: Visit) -> Response:
    """Take somebody in, change what they may do, or take them out."""
    who, rights = visit.form.get("who", "").strip(), rights_in(visit.form)
    wanted = {
        "address": visit.part("address"),
        "who": who,
        "rights": rights,
        "send_as": visit.form.get("send", "") == "as",
    }
    if await visit.attempt("shared_mailbox.set_member", wanted, field="who") is None:
        return await show(visit)
    if rights == "none":
        text = visit.t("{who} is no longer a member.", who=who)
    else:
        text = visit.t("{who} is a member now.", who=who)
    return visit.done(link("admin", "shared", "mailbox", visit.part("address")), text)


@page("POST", HERE + "/public", open_to="server")
async def add_public(visit: Visit) -> Response:
    """Make a public folder."""
    made = await visit.attempt("folder.add", {"name": visit.form.get("name", "").strip()}, field="name")
    if made is None:
        return await listing(visit)
    text = visit.t("{name} is there. Nobody sees it until you give rights.", name=made.name)
    return visit.done(link("admin", "shared", "folder", made.name), text)


@page("GET", FOLDER, open_to="server")
async def show_public(visit: Visit) -> Response:
    """One public folder."""
    found = await visit.perform("folder.show", {"name": visit.part("name")})
    return visit.render("shared/folder.html", found=found)


@page("POST", FOLDER + "/rights", open_to="server")
async def set_rights(visit: Visit) -> Response:
    """Say what somebody may do there."""
    if not await put_rights(visit, {"name": visit.part("name")}):
        return await show_public(visit)
    return visit.done(link("admin", "shared", "folder", visit.part("name")), visit.t("Saved."))


@page("POST", FOLDER + "/marks", open_to="server")
async def set_marks(visit: Visit) -> Response:
    """Everybody's own read marks, or common ones."""
    wanted = {"name": visit.part("name"), "own": "own" in visit.form}
    if await visit.attempt("folder.set_marks", wanted) is None:
        return await show_public(visit)
    return visit.done(link("admin", "shared", "folder", visit.part("name")), visit.t("Saved."))


@page("GET", FOLDER + "/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a public folder is removed."""
    found = await visit.perform("folder.show", {"name": visit.part("name")})
    return visit.render("shared/remove.html", found=found)


@page("POST", FOLDER + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove a public folder."""
    done = await visit.perform("folder.remove", {"name": visit.part("name")})
    return visit.done(HERE, visit.t("The folder {name} is gone.", name=done.name))


def rights_in(form: Any) -> str:
    """The rights that a form names: a word, or with the word ``letters`` those typed beside it."""
    word = str(form.get("rights", "read"))
    return str(form.get("letters", "")).strip() if word == "letters" else word


async def put_rights(visit: Visit, where: dict[str, str]) -> bool:
    """Carry out the form that gives rights on a folder; whether that went well."""
    wanted = {**where, "who": visit.form.get("who", "").strip(), "rights": rights_in(visit.form)}
    field = "letters" if visit.form.get("rights") == "letters" else "who"
    return await visit.attempt("folder.set_rights", wanted, field=field) is not None
