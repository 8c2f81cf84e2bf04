"""What holds in a domain: its switch, its other names, addresses, limits, new accounts; templates of new domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/admin/domains/{name}/settings"
TEMPLATES = "/admin/domain-templates"

_TEXTS = ("plus", "catch_all", "postmaster", "language", "time_zone")
_SIZES = ("max_size", "max_message", "max_account")
_COUNTS = ("max_accounts", "max_aliases", "max_lists")


@page("GET", HERE, open_to="domain")
async def show(visit: Visit) -> Response:
    """The forms of what holds in a domain."""
    domain = await visit.perform("domain.show", {"name": visit.part("name")})
    sizes = {name: _size_word(getattr(domain, name)) for name in (*_SIZES, "quota")}
    return visit.render("domains/settings.html", domain=domain, sizes=sizes)


@page("POST", HERE, open_to="domain")
async def put(visit: Visit) -> Response:
    """Change what holds in a domain."""
    wanted = _wanted(visit.form, visit.chosen.get("protocols", []))
    if visit.actor.role == "server":
        limits = _limits(visit)
        if limits is None:
            return await show(visit)
        wanted.update(limits)
    done = await visit.attempt("domain.set", {"name": visit.part("name"), **wanted})
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "domains", done.name, "settings"), visit.t("The changes are in effect."))


@page("POST", HERE + "/names", open_to="server")
async def add_name(visit: Visit) -> Response:
    """Let a domain have another name."""
    wanted = {"name": visit.part("name"), "other": visit.form.get("other", "").strip()}
    done = await visit.attempt("domain.name_add", wanted, field="other")
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "domains", done.name, "settings"), visit.t("The name is added."))


@page("POST", HERE + "/names/remove", open_to="server")
async def remove_name(visit: Visit) -> Response:
    """Take another name from a domain."""
    wanted = {"name": visit.part("name"), "other": visit.form.get("other", "")}
    done = await visit.attempt("domain.name_remove", wanted)
    if done is None:
        return await show(visit)
    return visit.done(link("admin", "domains", done.name, "settings"), visit.t("The name is removed."))


@page("POST", HERE + "/rename", open_to="server")
async def rename(visit: Visit) -> Response:
    """Give a domain another name."""
    wanted = {"new": visit.form.get("new", "").strip(), "keep": visit.form.get("keep") == "on"}
    done = await visit.attempt("domain.rename", {"name": visit.part("name"), **wanted}, field="new")
    if done is None:
        return await show(visit)
    return visit.done(
        link("admin", "domains", done.name, "dns"),
        visit.t("The domain is {name} now. Publish these records.", name=done.name),
    )


@page("GET", TEMPLATES, open_to="server")
async def templates(visit: Visit) -> Response:
    """What new domains can be made from."""
    found = await visit.perform("domain.templates")
    return visit.render("domains/templates.html", found=found)


@page("POST", TEMPLATES, open_to="server")
async def save_template(visit: Visit) -> Response:
    """Keep what holds in a domain as a template."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("template", "domain")}
    done = await visit.attempt("domain.template_save", wanted, field="template")
    if done is None:
        return await templates(visit)
    return visit.done(TEMPLATES, visit.t("The template is saved."))


@page("POST", TEMPLATES + "/remove", open_to="server")
async def remove_template(visit: Visit) -> Response:
    """Remove a template."""
    done = await visit.attempt("domain.template_remove", {"template": visit.form.get("template", "")})
    if done is None:
        return await templates(visit)
    return visit.done(TEMPLATES, visit.t("The template is removed."))


def _wanted(form: Mapping[str, str], ways: list[str]) -> dict[str, Any]:
    """What a domain's own administrator may change."""
    wanted: dict[str, Any] = {name: form.get(name, "").strip() for name in _TEXTS}
    wanted["plus_folder"] = form.get("plus_folder") == "on"
    wanted["quota"] = form.get("quota", "").strip() or "none"
    wanted["protocols"] = ways
    return wanted


def _limits(visit: Visit) -> dict[str, Any] | None:
    """What the server's administrator may change, too; None after a complaint."""
    form = visit.form
    wanted: dict[str, Any] = {"active": form.get("active") == "on"}
    wanted.update((name, form.get(name, "").strip() or "none") for name in _SIZES)
    for name in _COUNTS:
        text = form.get(name, "").strip() or "0"
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            visit.complain(name, visit.t("That is no number."), visit.t("Nothing was changed."))
            return None
        wanted[name] = int(text)
    return wanted


def _size_word(size: int) -> str:
    """A size as it is typed: ``2G``; "" for no limit."""
    for unit, letter in ((1024**3, "G"), (1024**2, "M"), (1024, "K")):
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size) if size else ""
