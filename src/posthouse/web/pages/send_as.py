"""As whom an account may send: the forms of that section of the account's page."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.page import page
from posthouse.web.pages.accounts import show
from posthouse.web.visit import Visit, link


@page("POST", "/admin/accounts/{address:path}/send-as", open_to="domain")
async def add(visit: Visit) -> Response:
    """Let it send as another address."""
    wanted = {"address": visit.part("address"), "pattern": visit.form.get("pattern", "").strip()}
    done = await visit.attempt("account.add_send_as", wanted, field="pattern")
    if done is None:
        return await show(visit)
    text = visit.t("It may send as {pattern}, too.", pattern=wanted["pattern"])
    return visit.done(link("admin", "accounts", done.address), text)


@page("POST", "/admin/accounts/{address:path}/send-as-remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Take that right back."""
    wanted = {"address": visit.part("address"), "pattern": visit.form.get("pattern", "").strip()}
    done = await visit.attempt("account.remove_send_as", wanted)
    if done is None:
        return await show(visit)
    text = visit.t("It may no longer send as {pattern}.", pattern=wanted["pattern"])
    return visit.done(link("admin", "accounts", done.address), text)
