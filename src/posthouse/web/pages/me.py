"""One's own account: what it holds, its password, the browsers and programs that use it."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit


@page("GET", "/me", open_to="user", nav=Nav(mark("My account"), "person-circle", "me", 10))
async def show(visit: Visit) -> Response:
    """Who is signed in, and how much room is left."""
    return visit.render(
        "me/show.html", me=await visit.perform("me.show"), room=await visit.perform("me.quota")
    )


@page("GET", "/me/password", open_to="user", nav=Nav(mark("Password"), "key", "me", 20))
async def password_form(visit: Visit) -> Response:
    """The form of a new password."""
    return visit.render("me/password.html")


@page("POST", "/me/password", open_to="user")
async def password(visit: Visit) -> Response:
    """Change the own password; other browsers are signed out."""
    new = visit.form.get("new", "")
    if new != visit.form.get("again", ""):
        visit.complain("again", visit.t("The two new passwords differ."), visit.t("Type the same twice."))
        return await password_form(visit)
    done = await visit.attempt("me.password", {"current": visit.form.get("current", ""), "new": new})
    if done is None:
        return await password_form(visit)
    text = visit.t("Your password is changed. Tell your mail programs the new one.")
    return visit.done("/me", text)


@page("GET", "/me/sessions", open_to="user", nav=Nav(mark("Browsers and programs"), "laptop", "me", 40))
async def sessions(visit: Visit) -> Response:
    """The browsers that are signed in, and the mail programs that were."""
    return visit.render(
        "me/sessions.html",
        browsers=(await visit.perform("me.sessions")).sessions,
        devices=(await visit.perform("me.devices")).devices,
        connected=(await visit.perform("session.list", {"account": visit.actor.account})).sessions,
    )


@page("POST", "/me/sessions/{id:int}", open_to="user")
async def end_session(visit: Visit) -> Response:
    """Sign a browser out."""
    await visit.perform("me.session_end", {"id": int(visit.part("id"))})
    return visit.done("/me/sessions", visit.t("The browser is signed out."))
