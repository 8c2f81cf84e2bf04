"""Accounts that keep SCRAM from being announced, and passwords taken over from another server."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.settings.signin import APP_PASSWORDS, SCRAM
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link

KINDS = ("plain", "blowfish", "md5", "sha256", "phc", "scheme")


@page("GET", "/admin/accounts-without-scram", open_to="server")
async def without_scram(visit: Visit) -> Response:
    """Which they are, why, and what can be done."""
    wanted = {"after": visit.query.get("after", ""), "limit": PER_PAGE}
    settings = visit.site.context.settings.now
    return visit.render(
        "accounts/without_scram.html",
        found=await visit.perform("account.without_scram", wanted),
        scram=settings[SCRAM],
        app_passwords=settings[APP_PASSWORDS],
    )


@page("GET", "/admin/accounts/{address:path}/password-hash", open_to="domain")
async def form(visit: Visit) -> Response:
    """The form for a hash that another server kept."""
    account = await visit.perform("account.show", {"address": visit.part("address")})
    return visit.render("accounts/password_hash.html", address=account.address)


@page("POST", "/admin/accounts/{address:path}/password-hash", open_to="domain")
async def take_over(visit: Visit) -> Response:
    """Take the hash over."""
    kind = visit.form.get("kind", "")
    wanted = {
        "address": visit.part("address"),
        "password_hash": visit.form.get("password_hash", ""),
        "kind": kind if kind in KINDS else None,
    }
    done = await visit.attempt("account.import_hash", wanted, field="password_hash")
    if done is None:
        return await form(visit)
    text = visit.t("{address} signs in with its former password from now on.", address=done.address)
    return visit.done(link("admin", "accounts", done.address), text)
