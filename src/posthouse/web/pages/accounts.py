"""Accounts: list, add, show; quota, password, removal. What it may do stands in ``account_access``."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.passwords import new_password
from posthouse.web.visit import PER_PAGE, Visit, link

MAX_CHOICES = 1000
"""Domains that a form offers for choice."""


@page("GET", "/admin/accounts", open_to="domain", nav=Nav(mark("Accounts"), "people", "people", 20))
async def listing(visit: Visit) -> Response:
    """The accounts, with what they hold."""
    found = await visit.perform(
        "account.list",
        {
            "domain": visit.query.get("domain") or None,
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("accounts/list.html", found=found, domains=await domain_names(visit))


async def domain_names(visit: Visit) -> list[str]:
    """The domains that the visitor looks after."""
    found = await visit.perform("domain.list", {"limit": MAX_CHOICES})
    return [domain.name for domain in found.domains]


@page("GET", "/admin/accounts/add", open_to="domain")
async def form(visit: Visit) -> Response:
    """The form of a new account."""
    return visit.render("accounts/add.html", domains=await domain_names(visit))


@page("POST", "/admin/accounts/add", open_to="domain")
async def add(visit: Visit) -> Response:
    """Add an account; a password that we made is shown once."""
    name, domain = visit.form.get("name", "").strip(), visit.form.get("domain", "")
    password = visit.form.get("password", "")
    generated = "" if password else new_password()
    wanted = {
        "address": name if "@" in name else f"{name}@{domain}",
        "password": password or generated,
        "quota": visit.form.get("quota", "").strip() or None,
    }
    made = await visit.attempt("account.add", wanted)
    if made is None:
        return await form(visit)
    if generated:
        return visit.render("accounts/password.html", address=made.address, password=generated, added=True)
    return visit.done(
        link("admin", "accounts", made.address),
        visit.t("{address} is ready to receive mail.", address=made.address),
    )


@page("GET", "/admin/accounts/import", open_to="domain")
async def import_form(visit: Visit) -> Response:
    """The form that takes many accounts as CSV."""
    return visit.render("accounts/import.html")


@page("POST", "/admin/accounts/import", open_to="domain")
async def import_(visit: Visit) -> Response:
    """Add all accounts of the text, or none; those that are there may be passed over."""
    wanted = {"text": visit.form.get("text", ""), "skip": visit.form.get("skip") == "on"}
    made = await visit.attempt("account.import", wanted, field="text")
    if made is None:
        return await import_form(visit)
    text = visit.language.count("{count} account was added.", "{count} accounts were added.", len(made.added))
    return visit.done("/admin/accounts", text)


@page("GET", "/admin/accounts/{address:path}", open_to="domain")
async def show(visit: Visit) -> Response:
    """One account."""
    account = await visit.perform("account.show", {"address": visit.part("address")})
    browsers = await visit.perform("identity.sessions", {"address": account.address})
    forward = await visit.perform("account.forward", {"address": account.address})
    send_as = await visit.perform("account.send_as", {"address": account.address})
    return visit.render(
        "accounts/show.html",
        account=account,
        browsers=browsers.sessions,
        forward=forward,
        send_as=send_as.patterns,
        masked=(await visit.perform("account.masked", {"address": account.address})).masked,
    )


@page("POST", "/admin/accounts/{address:path}/quota", open_to="domain")
async def quota(visit: Visit) -> Response:
    """Set the most an account may hold."""
    wanted = {"address": visit.part("address"), "quota": visit.form.get("quota", "").strip() or "none"}
    done = await visit.attempt("account.quota", wanted, field="quota")
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "accounts", done.address), visit.t("The quota is changed."))


@page("POST", "/admin/accounts/{address:path}/password", open_to="domain")
async def password(visit: Visit) -> Response:
    """Set a password, or make one and show it once."""
    given = visit.form.get("password", "")
    generated = "" if given else new_password()
    wanted = {"address": visit.part("address"), "password": given or generated}
    done = await visit.attempt("account.password", wanted, field="password")
    if done is None:
        return await show(visit)
    if generated:
        return visit.render("accounts/password.html", address=done.address, password=generated, added=False)
    return visit.done(link("admin", "accounts", done.address), visit.t("The password is changed."))


@page("GET", "/admin/accounts/{address:path}/remove", open_to="domain")
async def ask_remove(visit: Visit) -> Response:
    """Ask before an account and its mail are removed."""
    account = await visit.perform("account.show", {"address": visit.part("address")})
    return visit.render("accounts/remove.html", account=account)


@page("POST", "/admin/accounts/{address:path}/remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Remove an account with all its mail."""
    address = visit.part("address")
    if visit.form.get("confirm", "").strip().lower() != address.lower():
        visit.complain(
            "confirm", visit.t("That is not the address of the account."), visit.t("Nothing was removed.")
        )
        return await ask_remove(visit)
    done = await visit.attempt("account.remove", {"address": address})
    if done is None:
        return await ask_remove(visit)
    return visit.done(
        "/admin/accounts", visit.t("{address} and all its mail are removed.", address=done.address)
    )
