"""The account with the authority that certificates are ordered from."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.settings.certificates import CONTACT, TERMS_AGREED
from posthouse.web.page import page
from posthouse.web.visit import Visit
from posthouse.web.work import settled

HERE = "/admin/certificates/account"


@page("GET", HERE, open_to="server")
async def show(visit: Visit) -> Response:
    """The account, the terms, and where the authority may write to."""
    return visit.render("certificates/account.html", account=await visit.perform("certificate.account"))


@page("POST", HERE, open_to="server")
async def agree(visit: Visit) -> Response:
    """Agree to the terms, or take that back, and say where the authority may write to."""
    agreed = visit.form.get("agreed") == "on"
    wanted = {"agreed": agreed, "contact": visit.form.get("contact", "").strip()}
    if await visit.attempt("certificate.agree", wanted, field="contact") is None:
        return await show(visit)
    await settled(visit, lambda now: now[TERMS_AGREED] == agreed and now[CONTACT] == wanted["contact"])
    if agreed:
        return visit.done(HERE, visit.t("Saved. Certificates can be ordered."))
    return visit.done(
        HERE, visit.t("Saved. Nothing is ordered or renewed while you do not agree."), "warning"
    )


@page("POST", HERE + "/key", open_to="server")
async def key(visit: Visit) -> Response:
    """Give the account a new key."""
    if await visit.attempt("certificate.account_key") is None:
        return await show(visit)
    return visit.done(HERE, visit.t("The account has a new key."))


@page("GET", HERE + "/close", open_to="server")
async def ask_close(visit: Visit) -> Response:
    """Ask before the account is closed."""
    return visit.render("certificates/close.html", account=await visit.perform("certificate.account"))


@page("POST", HERE + "/close", open_to="server")
async def close(visit: Visit) -> Response:
    """Close the account for good."""
    if await visit.attempt("certificate.account_close") is None:
        return await ask_close(visit)
    return visit.done(HERE, visit.t("The account is closed. The next order makes a new one."))
