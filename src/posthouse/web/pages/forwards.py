"""Forwarding: one's own, and that of an account in the hands of administrators."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.days import DAY, day_of, number_of
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.accounts import show
from posthouse.web.visit import Visit, link

HERE = "/me/forward"


@page("GET", HERE, open_to="user", nav=Nav(mark("Forwarding"), "arrow-right", "me", 25))
async def own(visit: Visit) -> Response:
    """Where one's mail is sent on to."""
    return visit.render("me/forward.html", forward=await visit.perform("me.forward"))


@page("POST", HERE, open_to="user")
async def set_own(visit: Visit) -> Response:
    """Forward one's mail."""
    done = await visit.attempt("me.forward_set", _wanted(visit), field="targets")
    if done is None:
        return await own(visit)
    return visit.done(HERE, _said(visit, done))


@page("POST", HERE + "/clear", open_to="user")
async def clear_own(visit: Visit) -> Response:
    """Forward it no more."""
    done = await visit.attempt("me.forward_clear")
    if done is None:
        return await own(visit)
    return visit.done(HERE, visit.t("Mail is not forwarded any more."))


@page("POST", "/admin/accounts/{address:path}/forward", open_to="domain")
async def set_(visit: Visit) -> Response:
    """Forward the mail of an account."""
    wanted = {"address": visit.part("address"), **_wanted(visit)}
    done = await visit.attempt("account.forward_set", wanted, field="targets")
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "accounts", done.address), _said(visit, done))


@page("POST", "/admin/accounts/{address:path}/forward/clear", open_to="domain")
async def clear(visit: Visit) -> Response:
    """Forward the mail of an account no more."""
    done = await visit.attempt("account.forward_clear", {"address": visit.part("address")})
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "accounts", done.address), visit.t("Mail is not forwarded any more."))


def _wanted(visit: Visit) -> dict[str, Any]:
    lines = visit.form.get("targets", "").replace(",", "\n").splitlines()
    return {
        "targets": [line.strip() for line in lines if line.strip()],
        "keep": visit.form.get("keep") == "on",
        "active": visit.form.get("active") == "on",
        "not_spam": visit.form.get("not_spam") == "on",
        "sender": visit.form.get("sender", "").strip(),
        "recipient": visit.form.get("recipient", "").strip(),
        "subject": visit.form.get("subject", "").strip(),
        "max_size": number_of(visit.form.get("max_size", "") or "0"),
        "starts_at": day_of(visit.form.get("begin", "")),
        "ends_at": end + DAY if (end := day_of(visit.form.get("end", ""))) > 0 else end,
    }


def _said(visit: Visit, done: Any) -> str:
    if not done.active:
        return visit.t("The forward is kept, but switched off.")
    return visit.t("Mail is forwarded from now on.")
