"""Sign-in sources: where passwords are judged that are not kept here."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/admin/sign-in-sources"
ONE = HERE + "/{name}"

KINDS = (
    ("ldap", mark("LDAP or Active Directory")),
    ("pam", mark("PAM (users of this machine)")),
    ("sql", mark("A query of a database")),
    ("script", mark("A program of yours")),
)


@dataclass(frozen=True, slots=True)
class Field:
    """An input of the form. ``shape``: text, number, tick, lines, command or secret. ``default``: in a new one."""

    name: str
    label: str
    shape: str = "text"
    help: str = ""
    default: str = ""
    needed: bool = False


_EVERY = (
    Field("active", mark("In use"), "tick", default="on"),
    Field("domains", mark("Domains"), "lines", mark("One a line: those it speaks for.")),
    Field("create", mark("Make an account at the first sign-in"), "tick"),
    Field(
        "cache_hours",
        mark("Hours in an outage"),
        "number",
        mark("So long the last password opens an account while the source cannot be asked. 0: not."),
        "0",
    ),
    Field("timeout", mark("Seconds for an answer"), "number", "", "5"),
    Field("connections", mark("Sign-ins at once"), "number", "", "8"),
)
FIELDS: dict[str, tuple[Field, ...]] = {
    "ldap": (
        Field(
            "servers",
            mark("Servers"),
            "lines",
            mark("Such as ldaps://dc1.example.org, one a line."),
            "",
            True,
        ),
        Field("plain", mark("Without TLS (passwords in clear text)"), "tick"),
        Field(
            "ca_file", mark("File with their authorities"), help=mark("PEM; empty for those of the system.")
        ),
        Field(
            "bind_dn", mark("Who searches"), help=mark("A name the server lets in, with its password below.")
        ),
        Field("secret", mark("Its password"), "secret"),
        Field("search_base", mark("Where people are"), help=mark("Such as DC=example,DC=org.")),
        Field(
            "search_filter",
            mark("Filter that finds one of them"),
            help=mark("With {address}, {user} or {domain}."),
            default="(mail={address})",
        ),
        Field(
            "bind_template",
            mark("Name to sign in with, without a search"),
            help=mark("Such as {user}@ad.example.org or uid={user},ou=people,dc=example,dc=org."),
        ),
        Field("address_attribute", mark("Attribute with the address"), default="mail"),
        Field("display_attribute", mark("Attribute with the display name"), default="displayName"),
        Field("first_attribute", mark("Attribute with the first name"), default="givenName"),
        Field("last_attribute", mark("Attribute with the last name"), default="sn"),
        Field(
            "sync_minutes", mark("Synchronise every … minutes"), "number", mark("0: never by itself."), "0"
        ),
        Field(
            "sync_filter",
            mark("Filter that finds all of them"),
            default="(&(objectClass=person)(mail=*))",
        ),
        Field("most_disabled", mark("Most accounts switched off at once, in percent"), "number", "", "20"),
        Field(
            "maps",
            mark("Groups"),
            "lines",
            mark("One a line: name of the group there => group:staff, list:news@example.org or role:domain."),
        ),
        Field("nested", mark("Members of members too (Active Directory)"), "tick"),
    ),
    "pam": (Field("service", mark("Service"), help=mark("A file of /etc/pam.d."), default="posthouse"),),
    "sql": (
        Field(
            "secret",
            mark("URL of the database"),
            "secret",
            mark("postgresql://, mysql:// or sqlite:////file."),
        ),
        Field(
            "query",
            mark("Query"),
            help=mark("Returns the hash: SELECT hash FROM users WHERE name = :user"),
            needed=True,
        ),
        Field("hash", mark("Kind of hash"), help=mark("Empty where the hash says it itself.")),
    ),
    "script": (Field("command", mark("Command"), "command", mark("With its full path."), "", True),),
}


@page("GET", HERE, open_to="server", nav=Nav(mark("Sign-in sources"), "key", "people", 70))
async def listing(visit: Visit) -> Response:
    """The sources."""
    found = await visit.perform("source.list")
    return visit.render("signin_sources/list.html", found=found, kinds=KINDS)


@page("GET", HERE + "/new/{kind}", open_to="server")
async def ask_add(visit: Visit) -> Response:
    """A form for a new source."""
    kind = visit.part("kind")
    if kind not in FIELDS:
        return visit.go(HERE)
    return visit.render(
        "signin_sources/new.html", kind=kind, kinds=dict(KINDS), fields=_EVERY[:1] + FIELDS[kind] + _EVERY[1:]
    )


@page("POST", HERE + "/new/{kind}", open_to="server")
async def add(visit: Visit) -> Response:
    """Add a source."""
    kind = visit.part("kind")
    if kind not in FIELDS:
        return visit.go(HERE)
    wanted = _wanted(visit, kind)
    if wanted is None:
        return await ask_add(visit)
    made = await visit.attempt(
        "source.add", {"name": visit.form.get("name", "").strip(), "kind": kind, **wanted}, field="name"
    )
    if made is None:
        return await ask_add(visit)
    return visit.done(
        link("admin", "sign-in-sources", made.name), visit.t("{name} is added.", name=made.name)
    )


@page("POST", ONE + "/test", open_to="server")
async def test(visit: Visit) -> Response:
    """Try a sign-in."""
    wanted = {name: visit.form.get(name, "") for name in ("address", "password")}
    found = await visit.attempt("source.test", {**_one(visit), **wanted}, field="address")
    return await _show(visit, tried=found)


@page("GET", ONE + "/preview", open_to="server")
async def preview(visit: Visit) -> Response:
    """What a synchronisation would do."""
    found = await visit.perform("source.preview", _one(visit))
    return visit.render("signin_sources/preview.html", found=found)


@page("POST", ONE + "/sync", open_to="server")
async def sync(visit: Visit) -> Response:
    """Synchronise now."""
    force = visit.form.get("force") == "on"
    done = await visit.attempt("source.sync", {**_one(visit), "force": force})
    if done is None:
        return await _show(visit)
    return visit.done(_path(visit), visit.t("{name} is synchronised.", name=done.name))


@page("POST", ONE + "/assign", open_to="server")
async def assign(visit: Visit) -> Response:
    """Let an account sign in by this source, or no longer."""
    source = visit.part("name") if visit.form.get("take") != "away" else ""
    wanted = {"address": visit.form.get("account", "").strip(), "source": source}
    done = await visit.attempt("source.assign", wanted, field="account")
    if done is None:
        return await _show(visit)
    if source:
        text = visit.t("{address} signs in by {name} now.", address=done.address, name=source)
    else:
        text = visit.t("{address} signs in by a password of its own.", address=done.address)
    return visit.done(_path(visit), text)


@page("POST", ONE + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove a source."""
    done = await visit.attempt("source.remove", _one(visit))
    if done is None:
        return await _show(visit)
    return visit.done(HERE, visit.t("{name} is removed.", name=done.name))


@page("GET", ONE, open_to="server")
async def show(visit: Visit) -> Response:
    """A source."""
    return await _show(visit)


@page("POST", ONE, open_to="server")
async def change(visit: Visit) -> Response:
    """Change a source."""
    found = await visit.perform("source.show", _one(visit))
    wanted = _wanted(visit, found.kind)
    if wanted is None or await visit.attempt("source.change", {**_one(visit), **wanted}) is None:
        return await _show(visit)
    return visit.done(_path(visit), visit.t("{name} is changed.", name=found.name))


async def _show(visit: Visit, tried: Any = None) -> Response:
    found = await visit.perform("source.show", _one(visit))
    fields = _EVERY[:1] + FIELDS[found.kind] + _EVERY[1:]
    values = {each.name: _value(found, each) for each in fields if each.shape != "secret"}
    return visit.render(
        "signin_sources/show.html", found=found, fields=fields, values=values, kinds=dict(KINDS), tried=tried
    )


def _value(found: Any, each: Field) -> Any:
    value = getattr(found, each.name)
    if each.shape == "command":
        return shlex.join(value)
    return "\n".join(value) if each.shape == "lines" else value


def _wanted(visit: Visit, kind: str) -> dict[str, Any] | None:
    """What the form says; None, with the trouble told, where a number or a command is none."""
    wanted: dict[str, Any] = {}
    for each in (*_EVERY, *FIELDS[kind]):
        text = visit.form.get(each.name, "").strip()
        if each.shape == "tick":
            wanted[each.name] = text == "on"
        elif each.shape == "lines":
            wanted[each.name] = [line.strip() for line in text.splitlines() if line.strip()]
        elif each.shape == "secret":
            if secret := visit.form.get(each.name, ""):
                wanted[each.name] = secret
        else:
            try:
                wanted[each.name] = int(text) if each.shape == "number" else text
                if each.shape == "command":
                    wanted[each.name] = shlex.split(text)
            except ValueError:
                visit.complain(each.name, visit.t("This cannot be read."), visit.t("Correct it."))
                return None
    return wanted


def _one(visit: Visit) -> dict[str, str]:
    return {"name": visit.part("name")}


def _path(visit: Visit) -> str:
    return link("admin", "sign-in-sources", visit.part("name"))
