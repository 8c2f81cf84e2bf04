"""The second step of one's own sign-in: authenticator programs, passkeys, recovery codes."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

HERE = "/me/security"


@page("GET", HERE, open_to="user", nav=Nav(mark("Second step"), "shield-lock", "me", 30))
async def listing(visit: Visit) -> Response:
    """What proves one besides the password."""
    return visit.render("me/security.html", found=await visit.perform("me.factor_list"))


@page("GET", HERE + "/totp", open_to="user", fresh=True)
async def totp_form(visit: Visit) -> Response:
    """A new secret, as QR code and to type."""
    return _totp(visit, await visit.perform("me.totp_begin"))


def _totp(visit: Visit, enrolment: Any) -> Response:
    return visit.render("me/totp.html", enrolment=enrolment)


@page("POST", HERE + "/totp", open_to="user", fresh=True)
async def totp(visit: Visit) -> Response:
    """The first code shows that the program holds the secret."""
    wanted = {"code": visit.form.get("code", ""), "name": visit.form.get("name", "").strip()}
    done = await visit.attempt("me.totp_confirm", wanted, field="code")
    if done is None:
        return _totp(visit, None)  # a new secret would make the one just scanned worthless
    return visit.done(HERE, visit.t("From now on signing in asks for a code, too."))


@page("GET", HERE + "/passkey", open_to="user", fresh=True)
async def passkey_form(visit: Visit) -> Response:
    """The options of a new passkey."""
    begun = await visit.perform("me.passkey_begin", {"origin": visit.visitor.origin})
    return visit.render("me/passkey.html", options=begun.options)


@page("POST", HERE + "/passkey", open_to="user", fresh=True)
async def passkey(visit: Visit) -> Response:
    """Keep the passkey that the browser made."""
    wanted = {"answer": visit.form.get("answer", ""), "name": visit.form.get("name", "").strip()}
    done = await visit.attempt("me.passkey_finish", wanted)
    if done is None:
        return await passkey_form(visit)
    return visit.done(HERE, visit.t("The passkey is kept."))


@page("POST", HERE + "/codes", open_to="user", fresh=True)
async def codes(visit: Visit) -> Response:
    """Ten new recovery codes, shown once."""
    made = await visit.perform("me.recovery_codes")
    return visit.render("me/codes.html", codes=made.codes)


@page("POST", HERE + "/{id:int}/remove", open_to="user", fresh=True)
async def remove(visit: Visit) -> Response:
    """Remove a factor."""
    done = await visit.attempt("me.factor_remove", {"id": int(visit.part("id"))})
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("{name} is removed.", name=done.name or done.kind))
