"""Aliases."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.account_people import csv_file
from posthouse.web.visit import PER_PAGE, Visit


@page("GET", "/admin/aliases", open_to="domain", nav=Nav(mark("Aliases"), "signpost-split", "people", 30))
async def listing(visit: Visit) -> Response:
    """The aliases, and a form for a new one."""
    found = await visit.perform(
        "alias.list",
        {
            "domain": visit.query.get("domain") or None,
            "search": visit.query.get("search", ""),
            "after": visit.query.get("after", ""),
            "limit": PER_PAGE,
        },
    )
    return visit.render("aliases/list.html", found=found)


@page("POST", "/admin/aliases", open_to="domain")
async def add(visit: Visit) -> Response:
    """Let mail for an address go to another one, or to several."""
    targets = _targets(visit)
    wanted = {
        "address": visit.form.get("address", "").strip(),
        "target": targets[0] if targets else "",
        "more": targets[1:],
        "note": visit.form.get("note", ""),
    }
    made = await visit.attempt("alias.add", wanted)
    if made is None:
        return await listing(visit)
    goal = ", ".join([made.target, *made.more])
    text = visit.t("Mail for {address} goes to {target}.", address=made.address, target=goal)
    return visit.done("/admin/aliases", text)


@page("GET", "/admin/aliases-export", open_to="domain")
async def export(visit: Visit) -> Response:
    """The aliases as a CSV file to save."""
    found = await visit.perform("alias.export", {"domain": visit.query.get("domain") or None})
    return csv_file(found.text, "aliases.csv")


@page("GET", "/admin/aliases-import", open_to="domain")
async def import_form(visit: Visit) -> Response:
    """The form that takes many aliases as CSV."""
    return visit.render("aliases/import.html")


@page("POST", "/admin/aliases-import", open_to="domain")
async def import_(visit: Visit) -> Response:
    """Add all aliases of the text, or none."""
    made = await visit.attempt("alias.import", {"text": visit.form.get("text", "")}, field="text")
    if made is None:
        return await import_form(visit)
    text = visit.language.count("{count} alias was added.", "{count} aliases were added.", len(made.added))
    return visit.done("/admin/aliases", text)


@page("GET", "/admin/aliases/{address:path}/remove", open_to="domain")
async def ask_remove(visit: Visit) -> Response:
    """Ask before an alias is removed."""
    alias = await visit.perform("alias.show", {"address": visit.part("address")})
    return visit.render("aliases/remove.html", alias=alias)


@page("POST", "/admin/aliases/{address:path}/remove", open_to="domain")
async def remove(visit: Visit) -> Response:
    """Remove an alias."""
    done = await visit.perform("alias.remove", {"address": visit.part("address")})
    return visit.done("/admin/aliases", visit.t("{address} is no longer an alias.", address=done.address))


@page("GET", "/admin/aliases/{address:path}", open_to="domain")
async def show(visit: Visit) -> Response:
    """One alias."""
    alias = await visit.perform("alias.show", {"address": visit.part("address")})
    return visit.render("aliases/show.html", alias=alias)


@page("POST", "/admin/aliases/{address:path}/change", open_to="domain")
async def change(visit: Visit) -> Response:
    """Change where an alias leads, its note, or switch it on or off."""
    wanted = {
        "address": visit.part("address"),
        "targets": _targets(visit),
        "note": visit.form.get("note", ""),
        "active": visit.form.get("active") == "on",
    }
    done = await visit.attempt("alias.change", wanted, field="targets")
    if done is None:
        return await show(visit)
    return visit.done("/admin/aliases", visit.t("{address} is changed.", address=done.address))


def _targets(visit: Visit) -> list[str]:
    """The addresses of the form, one a line."""
    return [line.strip() for line in visit.form.get("targets", "").splitlines() if line.strip()]
