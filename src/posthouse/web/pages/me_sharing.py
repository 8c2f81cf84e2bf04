"""One's own folders that others see, and folders of others that one sees."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.shared import put_rights
from posthouse.web.visit import Visit

HERE = "/me/sharing"


@page("GET", HERE, open_to="user", nav=Nav(mark("Shared folders"), "inboxes", "me", 28))
async def mine(visit: Visit) -> Response:
    """What I share, and what is shared with me."""
    own = (await visit.perform("folder.list", {"of": visit.actor.account})).folders
    theirs = (await visit.perform("folder.shared_with", {"of": visit.actor.account})).folders
    return visit.render("me/sharing.html", own=own, theirs=theirs)


@page("POST", HERE, open_to="user")
async def share(visit: Visit) -> Response:
    """Share a folder, or share it no longer."""
    name = visit.form.get("name", "")
    if not await put_rights(visit, {"of": visit.actor.account, "name": name}):
        return await mine(visit)
    return visit.done(HERE, visit.t("Saved."))


@page("POST", HERE + "/marks", open_to="user")
async def marks(visit: Visit) -> Response:
    """Everybody's own read marks, or common ones."""
    own = visit.form.get("own", "") == "yes"
    wanted = {"of": visit.actor.account, "name": visit.form.get("name", ""), "own": own}
    if await visit.attempt("folder.set_marks", wanted) is None:
        return await mine(visit)
    return visit.done(HERE, visit.t("Saved."))


@page("POST", HERE + "/leave", open_to="user")
async def leave(visit: Visit) -> Response:
    """See a folder of somebody else no longer."""
    name = visit.form.get("name", "")
    if await visit.attempt("folder.leave", {"of": visit.actor.account, "name": name}) is None:
        return await mine(visit)
    return visit.done(HERE, visit.t("You no longer see {name}.", name=name))
