"""Set-up in the browser: the address, the server's name, a look around, the password; and mail works."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from posthouse.http import csrf
from posthouse.http.who import is_https
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import BrowserSession
from posthouse.manage.setup_door import SetupDoor, newcomer
from posthouse.web import cookies
from posthouse.web.page import page
from posthouse.web.pages.signin import identity_of
from posthouse.web.visit import Visit, trouble_of

RUN = "setup"
"""The name of set-up's run of checks."""


def _cookie_name(visit: Visit) -> str:
    return "__Host-posthouse-setup" if is_https(visit.request) else "posthouse-setup"


def _door(visit: Visit) -> SetupDoor:
    door = visit.site.context.setup
    assert door is not None  # only a running server has pages
    return door


async def _admit(visit: Visit) -> Response | None:
    """Let the browser of the link in; None when it is that, else what it gets instead."""
    door, cookie = _door(visit), visit.request.cookies.get(_cookie_name(visit), "")
    if not door.knows(cookie[:200]):
        return visit.go("/") if visit.session is not None else visit.render("setup/closed.html", 403)
    visit.session = BrowserSession(newcomer(visit.visitor.peer), door.csrf(cookie))
    if visit.page.method == "POST" and not csrf.matches(visit.session, visit.form.get(csrf.FIELD, "")):
        raise ManageError("refused", "This form cannot be accepted.", "Reload the page and send it again.")
    if not (await visit.perform("setup.state")).needed:
        door.shut()
        visit.session = None
        return visit.go("/sign-in")
    return None


@page("GET", "/setup/{token}", open_to="anyone")
async def link(visit: Visit) -> Response:
    """The link: a button, so that a program that looks at links does not use it up."""
    _hide_token(visit)
    return visit.render("setup/link.html")


@page("POST", "/setup/{token}", open_to="anyone")
async def enter(visit: Visit) -> Response:
    """This browser sets the server up, and no other."""
    _hide_token(visit)
    cookie = _door(visit).enter(visit.part("token")[:200])
    if not cookie:
        return visit.render("setup/closed.html", 403)
    answer = RedirectResponse("/setup", 303)
    secure = is_https(visit.request)
    answer.set_cookie(_cookie_name(visit), cookie, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


def _hide_token(visit: Visit) -> None:
    """The log does not see it."""
    visit.request.scope["shown_path"] = "/setup/(link)"


@page("GET", "/setup", open_to="anyone")
async def address(visit: Visit) -> Response:
    """The first question."""
    found = await _admit(visit)
    if found is not None:
        return found
    return visit.render("setup/address.html", state=await visit.perform("setup.state"))


@page("POST", "/setup", open_to="anyone")
async def begin(visit: Visit) -> Response:
    """From the address follow domain and a name for the server."""
    found = await _admit(visit)
    if found is not None:
        return found
    plan = await visit.attempt(
        "setup.begin", {"address": visit.form.get("address", "").strip()}, field="address"
    )
    if plan is None:
        return visit.render("setup/address.html", state=await visit.perform("setup.state"))
    return visit.render("setup/name.html", plan=plan)


@page("POST", "/setup/look", open_to="anyone")
async def begin_look(visit: Visit) -> Response:
    """Look around with this name, in the background."""
    found = await _admit(visit)
    if found is not None:
        return found
    state = await visit.perform("setup.state")
    context = visit.site.context
    kept = {
        "hostname": visit.form.get("hostname", "").strip(),
        "addresses": visit.form.get("addresses", "").strip(),
    }
    try:
        await visit.perform("setup.name", kept)
    except ManageError as error:
        visit.trouble = trouble_of(error, "hostname", visit.form)
        return visit.render(
            "setup/name.html", plan=await visit.perform("setup.begin", {"address": state.address})
        )
    context.check_runs.start(RUN, context, visit.actor, "setup.check", {"domain": state.domain, **kept})
    return visit.go("/setup/look")


@page("GET", "/setup/look", open_to="anyone")
async def look(visit: Visit) -> Response:
    """What was found so far, what to publish, and the last question."""
    return await _admit(visit) or await _look(visit)


async def _look(visit: Visit) -> Response:
    state = await visit.perform("setup.state")
    if not state.address:
        return visit.go("/setup")
    return visit.render("setup/look.html", state=state, run=visit.site.context.check_runs.find(RUN))


@page("POST", "/setup/finish", open_to="anyone")
async def finish(visit: Visit) -> Response:
    """Make it all, sign in, and deliver the first message."""
    found = await _admit(visit)
    if found is not None:
        return found
    if visit.form.get("password", "") != visit.form.get("again", ""):
        visit.complain("again", visit.t("That is another password."), visit.t("Give the same one twice."))
        return await _look(visit)
    state, password = await visit.perform("setup.state"), visit.form.get("password", "")
    made = await visit.attempt(
        "setup.finish",
        {
            "address": state.address,
            "password": password,
            "hostname": state.hostname,
            "addresses": ",".join(state.addresses),
            "certificate": visit.form.get("certificate") == "on",
        },
        field="password",
    )
    if made is None:
        return await _look(visit)
    try:
        await visit.perform("setup.test_message", {"address": made.address})
        went = "1"
    except ManageError:
        went = "0"  # the page after this one says so, and offers to try it again
    _door(visit).shut()
    step = await identity_of(visit).password(made.address, password, visit.visitor)
    answer = visit.go(f"/admin/setup?message={went}")
    if step.kind == "done":
        cookies.begin(answer, visit.request, step.cookie)
    answer.delete_cookie(_cookie_name(visit), path="/", secure=is_https(visit.request), httponly=True)
    return answer


@page("GET", "/admin/setup", open_to="server")
async def after(visit: Visit) -> Response:
    """What was made, what is left, what to publish, what mail programs need."""
    state = await visit.perform("setup.state")
    address = state.address or visit.actor.account
    domain = address.rpartition("@")[2]
    return visit.render(
        "setup/done.html",
        state=state,
        domain=domain,
        went=visit.query.get("message", ""),
        left=await visit.perform("setup.todo"),
        programs=await visit.perform("client.settings", {"address": address}) if address else None,
    )


@page("POST", "/admin/setup/message", open_to="server")
async def message(visit: Visit) -> Response:
    """The first message once more."""
    sent = await visit.perform("setup.test_message", {"address": visit.actor.account})
    text = visit.t("The message arrived in {mailbox} and was read back.", mailbox=sent.mailbox)
    return visit.done("/admin/setup", text)
