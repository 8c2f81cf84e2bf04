"""The programs that were let in by a page in the browser: one's own, those of an account, and all that ask."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/me/let-in"
ALL = "/admin/oauth"


@page("GET", HERE, open_to="user", nav=Nav(mark("Programs let in"), "plug", "me", 36))
async def own(visit: Visit) -> Response:
    """The own ones."""
    found = await visit.perform("oauth.grant_list")
    return visit.render("oauth/grants.html", grants=found.grants, whose="", here=HERE)


@page("POST", HERE + "/{id:int}/remove", open_to="user")
async def own_remove(visit: Visit) -> Response:
    """Shut one out."""
    gone = await visit.perform("oauth.grant_remove", {"id": int(visit.part("id"))})
    return visit.done(HERE, visit.t("{name} is shut out.", name=gone.program))


@page("GET", "/admin/accounts/{address:path}/programs", open_to="domain")
async def of_account(visit: Visit) -> Response:
    """Those of an account."""
    address = visit.part("address")
    found = await visit.perform("oauth.grant_list", {"address": address})
    here = link("admin", "accounts", address, "programs")
    return visit.render("oauth/grants.html", grants=found.grants, whose=address, here=here)


@page("POST", "/admin/accounts/{address:path}/programs/{id:int}/remove", open_to="domain")
async def remove_of(visit: Visit) -> Response:
    """Shut one of an account out."""
    gone = await visit.perform("oauth.grant_remove", {"id": int(visit.part("id"))})
    back = link("admin", "accounts", visit.part("address"), "programs")
    return visit.done(back, visit.t("{name} is shut out.", name=gone.program))


@page("GET", ALL, open_to="server", nav=Nav(mark("Sign-in by browser"), "plug", "server", 45))
async def everything(visit: Visit) -> Response:
    """Own server and outside provider, and the programs that may ask."""
    state = await visit.perform("oauth.show")
    found = await visit.perform("oauth.client_list")
    return visit.render("oauth/clients.html", state=state, window=visit.window(found.clients))


@page("POST", ALL + "/clients", open_to="server")
async def client_add(visit: Visit) -> Response:
    """Enter a program."""
    wanted = {
        "name": visit.form.get("name", "").strip(),
        "redirect_uris": visit.form.get("redirect_uris", "").split(),
    }
    made = await visit.attempt("oauth.client_add", wanted, field="redirect_uris")
    if made is None:
        return await everything(visit)
    return visit.done(ALL, visit.t("{name} has the client id {id}.", name=made.name, id=made.client_id))


@page("POST", ALL + "/clients/{id:int}/remove", open_to="server")
async def client_remove(visit: Visit) -> Response:
    """Remove a program."""
    gone = await visit.perform("oauth.client_remove", {"id": int(visit.part("id"))})
    return visit.done(ALL, visit.t("{name} is removed.", name=gone.name))
