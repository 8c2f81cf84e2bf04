"""App passwords and client certificates: one's own, and those of an account."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/me/app-passwords"
_PROTOCOLS = ("imap", "pop3", "submission")


@page("GET", HERE, open_to="user", nav=Nav(mark("App passwords"), "phone", "me", 35))
async def listing(visit: Visit) -> Response:
    """The own ones, and the own certificates."""
    return await _listing(visit, "me/app_passwords.html", {})


async def _listing(visit: Visit, template: str, whose: dict[str, Any], **more: Any) -> Response:
    found = await visit.perform("app_password.list", whose)
    certificates = await visit.perform("client_certificate.list", whose)
    return visit.render(template, found=found.app_passwords, certificates=certificates.certificates, **more)


@page("GET", HERE + "/add", open_to="user", fresh=True)
async def form(visit: Visit) -> Response:
    """The form of a new one."""
    return visit.render("me/app_password_add.html")


@page("POST", HERE + "/add", open_to="user", fresh=True)
async def add(visit: Visit) -> Response:
    """Make one; it is shown once."""
    made = await _made(visit, {})
    return visit.render("me/app_password_made.html", made=made, back=HERE) if made else await form(visit)


async def _made(visit: Visit, whose: dict[str, Any]) -> Any:
    days = visit.form.get("days", "").strip()
    if days and not (days.isascii() and days.isdecimal() and len(days) < 6):
        visit.complain("days", visit.t("{days} is no number of days.", days=days[:20]))
        return None
    wanted = {
        "name": visit.form.get("name", "").strip(),
        "protocols": [each for each in visit.chosen.get("protocols", []) if each in _PROTOCOLS],
        "networks": visit.form.get("networks", "").split(),
        "days": int(days or 0),
    }
    return await visit.attempt("app_password.add", wanted | whose)


@page("POST", HERE + "/{id:int}/remove", open_to="user")
async def remove(visit: Visit) -> Response:
    """Remove one; it is refused from then on."""
    done = await visit.perform("app_password.remove", {"id": int(visit.part("id"))})
    return visit.done(HERE, visit.t("{name} is removed.", name=done.name))


@page("GET", HERE + "/certificate", open_to="user", fresh=True)
async def certificate_form(visit: Visit) -> Response:
    """The form for a certificate."""
    return visit.render("me/client_certificate.html")


@page("POST", HERE + "/certificate", open_to="user", fresh=True)
async def certificate(visit: Visit) -> Response:
    """Register a certificate."""
    wanted = {
        "name": visit.form.get("name", "").strip(),
        "certificate": visit.form.get("certificate", "").strip(),
    }
    done = await visit.attempt("client_certificate.add", wanted, field="certificate")
    if done is None:
        return await certificate_form(visit)
    return visit.done(HERE, visit.t("{name} signs you in from now on.", name=done.name))


@page("POST", HERE + "/certificates/{id:int}/remove", open_to="user")
async def certificate_remove(visit: Visit) -> Response:
    """Remove a certificate."""
    done = await visit.perform("client_certificate.remove", {"id": int(visit.part("id"))})
    return visit.done(HERE, visit.t("{name} is removed.", name=done.name))


def _back(visit: Visit) -> str:
    return link("admin", "accounts", visit.part("address"), "app-passwords")


@page("GET", "/admin/accounts/{address:path}/app-passwords", open_to="domain")
async def of_account(visit: Visit) -> Response:
    """Those of an account."""
    address = visit.part("address")
    return await _listing(visit, "accounts/app_passwords.html", {"address": address}, address=address)


@page("POST", "/admin/accounts/{address:path}/app-passwords", open_to="domain", fresh=True)
async def add_for(visit: Visit) -> Response:
    """Make one for an account."""
    made = await _made(visit, {"address": visit.part("address")})
    if made is None:
        return await of_account(visit)
    return visit.render("me/app_password_made.html", made=made, back=_back(visit))


@page("POST", "/admin/accounts/{address:path}/app-passwords/only", open_to="domain")
async def only(visit: Visit) -> Response:
    """Let mail programs of an account need one, or not."""
    wanted = {"address": visit.part("address"), "only": visit.form.get("only") == "1"}
    done = await visit.attempt("account.app_passwords_only", wanted)
    if done is None:
        return await of_account(visit)
    text = visit.t("Mail programs need an app password now.")
    return visit.done(_back(visit), text if done.only else visit.t("Mail programs may use the password."))


@page("POST", "/admin/accounts/{address:path}/app-passwords/{id:int}/remove", open_to="domain")
async def remove_for(visit: Visit) -> Response:
    """Remove one of an account."""
    done = await visit.perform("app_password.remove", {"id": int(visit.part("id"))})
    return visit.done(_back(visit), visit.t("{name} is removed.", name=done.name))
