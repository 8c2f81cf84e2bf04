"""Domains."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link


@page("GET", "/admin/domains", open_to="domain", nav=Nav(mark("Domains"), "globe", "people", 10))
async def listing(visit: Visit) -> Response:
    """The domains, with what they hold."""
    found = await visit.perform(
        "domain.list",
        {
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("domains/list.html", found=found)


@page("POST", "/admin/domains", open_to="server")
async def add(visit: Visit) -> Response:
    """Take mail for a domain from now on."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("name", "template")}
    made = await visit.attempt("domain.add", wanted, field="name")
    if made is None:
        return await listing(visit)
    return visit.done(
        link("admin", "domains", made.name), visit.t("Mail for {name} is taken from now on.", name=made.name)
    )


@page("GET", "/admin/domains/{name}", open_to="domain")
async def show(visit: Visit) -> Response:
    """One domain with its first accounts and aliases."""
    name = visit.part("name")
    domain = await visit.perform("domain.show", {"name": name})
    some = {"domain": domain.name, "limit": 10}
    return visit.render(
        "domains/show.html",
        domain=domain,
        accounts=await visit.perform("account.list", some),
        aliases=await visit.perform("alias.list", some),
    )


@page("GET", "/admin/domains/{name}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a domain is removed."""
    domain = await visit.perform("domain.show", {"name": visit.part("name")})
    some = await visit.perform("account.list", {"domain": domain.name, "limit": 10})
    going = [each.address for each in some.accounts]
    return visit.render("domains/remove.html", domain=domain, going=going)


@page("POST", "/admin/domains/{name}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Take no more mail for a domain."""
    name = visit.part("name")
    if visit.form.get("confirm", "").strip().lower() != name.lower():
        visit.complain(
            "confirm", visit.t("That is not the name of the domain."), visit.t("Nothing was removed.")
        )
        return await ask_remove(visit)
    wanted = {"name": name, **{each: visit.form.get(each) == "on" for each in ("everything", "purge")}}
    done = await visit.attempt("domain.remove", wanted)
    if done is None:
        return await ask_remove(visit)
    return visit.done("/admin/domains", visit.t("Mail for {name} is no longer taken.", name=done.name))
