"""Signing in, proving to be there once more, signing out."""

from __future__ import annotations

import asyncio
from typing import cast

from starlette.responses import RedirectResponse, Response

from posthouse.http.who import is_https
from posthouse.manage.identity import OIDC_RETURN_PATH, Departure, Identity, SecondFactor, Step
from posthouse.web import cookies
from posthouse.web.page import page
from posthouse.web.proof import forget, unpacked, waiting
from posthouse.web.visit import Trouble, Visit

FACTORS = ("totp", "passkey", "recovery")
MAX_DELAY = 10.0
"""Seconds that a refusal is held back at most."""
STATE = "posthouse-oidc"
STATE_SECONDS = 600


def identity_of(visit: Visit) -> Identity:
    """Who knows the people; only a running server has one, and only it has pages."""
    found = visit.site.context.identity
    assert found is not None
    return found


@page("GET", "/sign-in", open_to="anyone")
async def form(visit: Visit) -> Response:
    """Ask for address and password. Who is signed in goes on."""
    if visit.session is not None:
        return visit.go(visit.next or "/")
    return visit.render("signin/form.html", sso=identity_of(visit).oidc_name())


@page("POST", "/sign-in", open_to="anyone")
async def password(visit: Visit) -> Response:
    """The first step."""
    identity = identity_of(visit)
    step = await identity.password(
        visit.form.get("login", "").strip(), visit.form.get("password", ""), visit.visitor
    )
    return await after(visit, step) or visit.render("signin/form.html", sso=identity.oidc_name())


@page("POST", "/sign-in/second", open_to="anyone")
async def second(visit: Visit) -> Response:
    """The second step; also the only one of a passkey alone (``pending`` is empty then)."""
    pending, factor = visit.form.get("pending", ""), visit.form.get("factor", "")
    if factor not in FACTORS:
        return visit.go("/sign-in")
    step = await identity_of(visit).second(
        pending, cast(SecondFactor, factor), visit.form.get("answer", ""), visit.visitor
    )
    found = await after(visit, step)
    if found is not None:
        return await _codes_left(visit, step, found) if factor == "recovery" else found
    return await ask_second(visit, step) if step.pending else await _begin_again(visit)


async def _codes_left(visit: Visit, step: Step, answer: Response) -> Response:
    """Somebody signed in by a recovery code: the next page says how many are left."""
    visit.session = await identity_of(visit).by_cookie(step.cookie, visit.visitor) if step.cookie else None
    if visit.session is None:
        return answer
    left = (await visit.perform("me.factor_list")).recovery_codes
    if left:
        text = visit.language.count("One recovery code is left.", "{count} recovery codes are left.", left)
    else:
        text = visit.t("That was your last recovery code. Make new ones on the page Second step.")
    visit.tell(answer, text, "note" if left > 2 else "warning")
    return answer


async def _begin_again(visit: Visit) -> Response:
    return visit.render("signin/form.html", sso=identity_of(visit).oidc_name())


@page("GET", "/sign-in/passkey", open_to="anyone")
async def passkey(visit: Visit) -> Response:
    """Sign in by a passkey alone."""
    options = await identity_of(visit).challenge("", visit.visitor)
    if not options:
        visit.complain("", visit.t("Passkeys cannot be used here."), visit.t("Use your password."))
        return await _begin_again(visit)
    return visit.render("signin/passkey.html", options=options)


@page("GET", "/sign-in/link/{link}", open_to="anyone")
async def link_page(visit: Visit) -> Response:
    """A one-time link: a button, so that a program that looks at links does not use it up."""
    return visit.render("signin/link.html")


@page("POST", "/sign-in/link/{link}", open_to="anyone")
async def link_used(visit: Visit) -> Response:
    """Sign in by the link."""
    step = await identity_of(visit).one_time(visit.part("link"), visit.visitor)
    return await after(visit, step) or visit.render("signin/link.html")


@page("GET", "/sign-in/oidc/begin", open_to="anyone")
async def oidc_begin(visit: Visit) -> Response:
    """To the provider of single sign-on."""
    fresh = visit.query.get("fresh") == "1"
    found = await identity_of(visit).oidc_begin(visit.next, visit.visitor, fresh=fresh)
    if not isinstance(found, Departure):
        return await after(visit, found) or await _begin_again(visit)
    answer = RedirectResponse(found.url, 303)
    answer.set_cookie(
        STATE,
        found.state,
        max_age=STATE_SECONDS,
        path=OIDC_RETURN_PATH,
        httponly=True,
        samesite="lax",
        secure=is_https(visit.request),
    )
    return answer


@page("GET", OIDC_RETURN_PATH, open_to="anyone")
async def oidc_back(visit: Visit) -> Response:
    """Back from the provider."""
    state = visit.request.cookies.get(STATE, "")
    step = await identity_of(visit).oidc_finish(dict(visit.query), state, visit.visitor)
    answer = await after(visit, step) or await _begin_again(visit)
    answer.delete_cookie(STATE, path=OIDC_RETURN_PATH)
    return answer


async def after(visit: Visit, step: Step) -> Response | None:
    """What follows a step; None when the same page is to be shown again, with the reason."""
    if step.kind == "done":
        answer = visit.go(visit.next or step.return_to or "/")
        cookies.begin(answer, visit.request, step.cookie)
        return answer
    if step.kind == "second":
        return await ask_second(visit, step)
    if step.delay > 0:
        await asyncio.sleep(min(step.delay, MAX_DELAY))
    visit.trouble = Trouble(step.text, status=403 if step.kind == "refused" else 503)
    return None


async def ask_second(visit: Visit, step: Step) -> Response:
    """The page of the second step."""
    options = ""
    if "passkey" in step.factors:
        options = await identity_of(visit).challenge(step.pending, visit.visitor)
    return visit.render("signin/second.html", pending=step.pending, factors=step.factors, options=options)


@page("GET", "/prove", open_to="user")
async def prove_form(visit: Visit) -> Response:
    """Ask for the password again before something risky."""
    return _prove_page(visit)


def _prove_page(visit: Visit) -> Response:
    return visit.render(
        "signin/prove.html",
        sso=identity_of(visit).oidc_name(),
        kept=waiting(visit),
        lost=visit.query.get("lost") == "1",
    )


@page("POST", "/prove", open_to="user")
async def prove(visit: Visit) -> Response:
    """The password was given again (or, left empty, a passkey is asked for): the session is fresh, and goes on
    under a new cookie. A form that was kept is one click away."""
    assert visit.session is not None
    identity = identity_of(visit)
    step = await identity.prove(visit.session, visit.form.get("password", ""), visit.visitor)
    kept = unpacked(waiting(visit))
    if step.kind == "done" and kept is not None:
        # The form's secret belongs to the cookie, and that is new.
        visit.session = await identity.by_cookie(step.cookie, visit.visitor)
        answer = visit.render("signin/proven.html", kept=kept)
        cookies.begin(answer, visit.request, step.cookie)
    else:
        answer = await after(visit, step) or _prove_page(visit)
    if step.kind == "done":
        forget(answer)
    return answer


@page("POST", "/sign-out", open_to="user")
async def sign_out(visit: Visit) -> Response:
    """End the session, here and at the server."""
    assert visit.session is not None
    await identity_of(visit).sign_out(visit.session)
    answer = visit.go("/sign-in?signed-out=1")
    cookies.end(answer, visit.request)
    return answer
