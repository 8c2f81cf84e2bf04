"""Set-up in the browser: the address, the server's name, a look around, the password; and mail works."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.http import csrf
from posthouse.http.who import is_https
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import BrowserSession
from posthouse.manage.setup import SetupState
from posthouse.manage.setup_door import SetupDoor, newcomer
from posthouse.web import cookies
from posthouse.web.page import page
from posthouse.web.pages.routes import SECURITIES
from posthouse.web.pages.setup_outward_words import step, told
from posthouse.web.pages.signin import identity_of
from posthouse.web.visit import Visit, trouble_of
from posthouse.web.work import begin as begin_work

RUN = "setup"
"""The name of set-up's run of checks."""

OUT = "/admin/setup#outward"

ORDER = "certificate"
"""The name of an order in the background, as the page of certificates has it."""


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
    """The link: a button, so that a program that looks at links does not use it up. The browser that came in by it
    goes on where it was."""
    _hide_token(visit)
    if _door(visit).knows(visit.request.cookies.get(_cookie_name(visit), "")[:200]):
        return await _admit(visit) or await _resume(visit)
    return visit.render("setup/link.html")


async def _resume(visit: Visit) -> Response:
    """To the first question that is not answered yet."""
    state = await visit.perform("setup.state")
    return visit.go(_next_step(state))


def _next_step(state: SetupState) -> str:
    if not state.address:
        return "/setup"
    return "/setup/look" if state.named else "/setup/name"


@page("POST", "/setup/{token}", open_to="anyone")
async def enter(visit: Visit) -> Response:
    """This browser sets the server up, and no other."""
    _hide_token(visit)
    cookie = _door(visit).enter(visit.part("token")[:200])
    if not cookie:
        return visit.render("setup/closed.html", 403)
    visit.session = BrowserSession(newcomer(visit.visitor.peer), "")
    answer = await _resume(visit)
    visit.session = None
    cookies.end(answer, visit.request)  # forms of set-up are this visitor's, not those of somebody signed in
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
    return visit.go("/setup/name")


@page("GET", "/setup/name", open_to="anyone")
async def name(visit: Visit) -> Response:
    """The second question, with what is proposed."""
    return await _admit(visit) or await _name(visit)


async def _name(visit: Visit) -> Response:
    state = await visit.perform("setup.state")
    if not state.address:
        return visit.go("/setup")
    return visit.render(
        "setup/name.html", plan=await visit.perform("setup.begin", {"address": state.address})
    )


@page("POST", "/setup/look", open_to="anyone")
async def begin_look(visit: Visit) -> Response:
    """Look around with this name, in the background."""
    found = await _admit(visit)
    if found is not None:
        return found
    state = await visit.perform("setup.state")
    if not state.address:
        return visit.go("/setup")
    context = visit.site.context
    kept = {
        "hostname": visit.form.get("hostname", "").strip(),
        "addresses": visit.form.get("addresses", "").strip(),
    }
    try:
        await visit.perform("setup.name", kept)
    except ManageError as error:
        both = "" if error.problems else "hostname"
        field = "addresses" if "IP address" in error.what else both
        visit.trouble = trouble_of(error, field, visit.form)
        return await _name(visit)
    context.check_runs.start(RUN, context, visit.actor, "setup.check", {"domain": state.domain, **kept})
    return visit.go("/setup/look")


@page("GET", "/setup/look", open_to="anyone")
async def look(visit: Visit) -> Response:
    """What was found so far, what to publish, and the last question."""
    return await _admit(visit) or await _look(visit)


async def _look(visit: Visit) -> Response:
    state = await visit.perform("setup.state")
    if _next_step(state) != "/setup/look":
        return visit.go(_next_step(state))
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
    if _next_step(state) != "/setup/look":
        return visit.go(_next_step(state))
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
        out=await visit.perform("setup.outward_state"),
        step_words=step,
        told=told,
        smart=await _smart_host(visit),
        securities=[(value, visit.t(text)) for value, text in SECURITIES],
        left=await visit.perform("setup.todo"),
        certificate=await _certificate(visit, state.hostname),
        programs=await visit.perform("client.settings", {"address": address}) if address else None,
    )


async def _smart_host(visit: Visit) -> Any:
    """The host that takes all mail that no other route takes; None where there is none."""
    found = (await visit.perform("route.list")).routes
    return next((one for one in found if one.recipient == "*" and not one.sender and not one.account), None)


async def _certificate(visit: Visit, host: str) -> Any:
    """The certificate for the server's name that others believe, or the order for one; None where there is
    neither."""
    found = (await visit.perform("certificate.list")).certificates
    fitting = [each for each in found if host in each.hosts and each.source != "self-made"]
    return min(fitting, key=lambda each: each.state != "in use", default=None)


@page("POST", "/admin/setup/certificate", open_to="server")
async def order(visit: Visit) -> Response:
    """Order a certificate for these names, or try again what was ordered."""
    hosts = visit.form.get("hosts", "").split()
    known = (await visit.perform("certificate.list")).certificates
    same = [each for each in known if each.source == "acme" and set(each.hosts) == set(hosts)]
    if same and same[0].state == "in use":
        return visit.done("/admin/setup", visit.t("There is a certificate for it already."))
    use, wanted = (
        ("certificate.renew", {"name": same[0].name}) if same else ("certificate.order", {"hosts": hosts})
    )
    if await begin_work(visit, ORDER, use, wanted, about=", ".join(hosts)) is None:
        return await after(visit)
    return visit.done(
        "/admin/setup", visit.t("The certificate is being ordered. This page tells how it goes.")
    )


@page("POST", "/admin/setup/dismiss", open_to="server")
async def dismiss(visit: Visit) -> Response:
    """Be reminded no more of one thing; or again."""
    wanted = {"name": visit.form.get("name", ""), "subject": visit.form.get("subject", "")}
    back = visit.form.get("back") == "1"
    if await visit.attempt("setup.dismiss", {**wanted, "back": back}) is None:
        return await after(visit)
    text = (
        visit.t("It is on the list again.")
        if back
        else visit.t("It is off the list. It comes back if it gets worse.")
    )
    return visit.done(visit.next or "/admin/setup", text)


@page("POST", "/admin/setup/message", open_to="server")
async def message(visit: Visit) -> Response:
    """The first message once more."""
    sent = await visit.perform("setup.test_message", {"address": visit.actor.account})
    text = visit.t("The message arrived in {mailbox} and was read back.", mailbox=sent.mailbox)
    return visit.done("/admin/setup", text)


@page("POST", "/admin/setup/outward", open_to="server")
async def outward(visit: Visit) -> Response:
    """Send a message to an address outside; the page follows it."""
    address = visit.form.get("address", "").strip()
    if await visit.attempt("setup.outward", {"address": address}, field="address") is None:
        return await after(visit)
    return visit.go(OUT)


@page("POST", "/admin/setup/outward/again", open_to="server")
async def outward_again(visit: Visit) -> Response:
    """Try it once more now: the message that waits, or where none does another one."""
    await _try_again(visit)
    return visit.go(OUT)


async def _try_again(visit: Visit) -> None:
    out = await visit.perform("setup.outward_state")
    if out.queue:
        await visit.perform("queue.retry", {"ids": [out.queue]})
    elif out.address:
        await visit.perform("setup.outward", {"address": out.address})


@page("POST", "/admin/setup/outward/smart-host", open_to="server")
async def outward_smart_host(visit: Visit) -> Response:
    """Send by this host from now on, and try the message again by it."""
    wanted: dict[str, Any] = {
        name: visit.form.get(name, "").strip() for name in ("target", "security", "username")
    }
    wanted["verify"] = "verify" in visit.form
    if visit.form.get("password"):
        wanted["password"] = visit.form["password"]
    if not wanted["target"]:
        visit.complain(
            "target", visit.t("Which host?"), visit.t("Give its name, like smtp.provider.example.")
        )
        return await after(visit)
    port = visit.form.get("port", "").strip()
    if port and not (port.isascii() and port.isdecimal()):
        visit.complain("port", visit.t("This is no number."), visit.t("Write it in digits."))
        return await after(visit)
    done = await visit.attempt("route.smart_host", {**wanted, "port": int(port or 0)}, field="target")
    if done is None:
        return await after(visit)
    await _try_again(visit)
    return visit.go(OUT)
