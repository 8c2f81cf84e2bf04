"""What an account may do, and from where it is in use: on or off, role, second factors, browsers."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.page import page
from posthouse.web.pages.accounts import show
from posthouse.web.visit import Visit, link


def _back(visit: Visit) -> str:
    return link("admin", "accounts", visit.part("address"))


@page("POST", "/admin/accounts/{address:path}/active", open_to="domain")
async def active(visit: Visit) -> Response:
    """Switch an account on or off."""
    on = visit.form.get("active") == "1"
    done = await visit.attempt("account.active", {"address": visit.part("address"), "active": on})
    if done is None:
        return await show(visit)
    if done.probation:
        return visit.done(
            _back(visit), visit.t("This is on trial: confirm it in time, else it is undone."), "warning"
        )
    text = visit.t("The account is switched on.") if on else visit.t("The account is switched off.")
    return visit.done(_back(visit), text)


@page("POST", "/admin/accounts/{address:path}/role", open_to="server")
async def role(visit: Visit) -> Response:
    """Make somebody an administrator, or an ordinary user."""
    wanted = {
        "address": visit.part("address"),
        "role": visit.form.get("role", ""),
        "domains": visit.form.get("domains", "").split() if visit.form.get("role") == "domain" else [],
    }
    done = await visit.attempt("account.role", wanted, field="role")
    if done is None:
        return await show(visit)
    if done.probation:
        return visit.done(
            _back(visit), visit.t("This is on trial: confirm it in time, else it is undone."), "warning"
        )
    return visit.done(_back(visit), visit.t("The role is changed."))


@page("POST", "/admin/accounts/{address:path}/factors", open_to="domain", fresh=True)
async def clear_factors(visit: Visit) -> Response:
    """Remove all second factors of somebody who lost the phone."""
    done = await visit.attempt("account.factors_clear", {"address": visit.part("address")})
    if done is None:
        return await show(visit)
    return visit.done(_back(visit), visit.t("The second factors are removed: the password alone signs in."))


@page("POST", "/admin/accounts/{address:path}/sessions/{id:int}", open_to="domain")
async def end_session(visit: Visit) -> Response:
    """Sign a browser of the account out."""
    await visit.perform("identity.session_end", {"id": int(visit.part("id"))})
    return visit.done(_back(visit), visit.t("The browser is signed out."))
