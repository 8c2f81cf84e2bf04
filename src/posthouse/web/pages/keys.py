"""DKIM keys: what mail is signed with, and the records that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from starlette.responses import Response

from posthouse.manage.dkim import KeyView
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/admin/domains/{name}/keys"

STATES = {
    "new": (mark("waits for its record"), "warning"),
    "active": (mark("signs"), "good"),
    "retiring": (mark("signs no more"), "plain"),
    "retired": (mark("put aside"), "plain"),
}
RECORDS = {
    "right": (mark("right"), "good"),
    "missing": (mark("missing"), "bad"),
    "different": (mark("different"), "bad"),
    "unknown": (mark("unknown"), "plain"),
    "": (mark("not asked yet"), "plain"),
}
KINDS = {"rsa-sha256": "RSA", "ed25519-sha256": "Ed25519"}
NOTES = frozenset(
    (
        mark("There is no record yet."),
        mark("The record has no key, which revokes it."),
        mark("The key in the record is cut off: it must be entered whole."),
        mark("The record has another key."),
    )
)
"""What ``manage.dkim_keys.judged`` says of a record, where it is the same every time."""


@page("GET", "/admin/keys", open_to="domain", nav=Nav(mark("Signing keys"), "key", "mail", 50))
async def listing(visit: Visit) -> Response:
    """The keys of every domain."""
    found = await visit.perform("dkim.list")
    domains = [(name, list(keys)) for name, keys in groupby(found.keys, key=lambda each: each.domain)]
    return visit.render("keys/list.html", domains=domains, states=STATES, records=RECORDS, kinds=KINDS)


@page("GET", HERE, open_to="domain")
async def of_domain(visit: Visit) -> Response:
    """The keys of one domain with their records."""
    found = await visit.perform("dkim.list", {"domain": visit.part("name")})
    return visit.render(
        "keys/domain.html",
        domain=visit.part("name"),
        keys=found.keys,
        states=STATES,
        records=RECORDS,
        kinds=KINDS,
        notes=NOTES,
        can=_can(found.keys),
    )


def _can(keys: Sequence[KeyView]) -> str:
    """Which button stands below the keys: a kind that signs and has no follower can be replaced; keys are made where
    none signs and none waits. Else what waits wants its record first."""
    waiting = {key.algorithm for key in keys if key.state == "new"}
    active = {key.algorithm for key in keys if key.state == "active"}
    if active - waiting:
        return "rotate"
    return "" if waiting else "make"


def _path(visit: Visit) -> str:
    return link("admin", "domains", visit.part("name"), "keys")


@page("POST", HERE + "/make", open_to="server")
async def make(visit: Visit) -> Response:
    """Make keys of both kinds."""
    if await visit.attempt("dkim.make", {"domain": visit.part("name")}) is None:
        return await of_domain(visit)
    return visit.done(_path(visit), visit.t("New keys are made. Publish their records."))


@page("POST", HERE + "/rotate", open_to="server")
async def rotate(visit: Visit) -> Response:
    """Let new keys follow those in use."""
    if await visit.attempt("dkim.rotate", {"domain": visit.part("name")}) is None:
        return await of_domain(visit)
    return visit.done(_path(visit), visit.t("New keys are made. Publish their records."))


@page("POST", HERE + "/check", open_to="server")
async def check(visit: Visit) -> Response:
    """Ask the DNS now."""
    if await visit.attempt("dkim.check", {"domain": visit.part("name")}) is None:
        return await of_domain(visit)
    return visit.done(_path(visit), visit.t("The DNS was asked."))


@page("GET", HERE + "/import", open_to="server")
async def import_form(visit: Visit) -> Response:
    """The form for a key from another server."""
    domain = await visit.perform("domain.show", {"name": visit.part("name")})
    return visit.render("keys/import.html", domain=domain.name)


@page("POST", HERE + "/import", open_to="server")
async def import_key(visit: Visit) -> Response:
    """Take a key from another server over."""
    selector, key = visit.form.get("selector", "").strip(), visit.form.get("key", "")
    wanted = {"domain": visit.part("name"), "selector": selector, "key": key}
    # The private key is neither shown again nor kept, whatever is wrong with it.
    done = await visit.attempt("dkim.import", wanted, field="key" if key.strip() and selector else "selector")
    if done is None:
        return await import_form(visit)
    return visit.done(_path(visit), visit.t("The key {name} is taken over.", name=done.selector))


async def _one(visit: Visit) -> object:
    wanted = {"domain": visit.part("name"), "selector": visit.part("selector")}
    return await visit.perform("dkim.show", wanted)


@page("GET", HERE + "/{selector}/activate", open_to="server")
async def ask_activate(visit: Visit) -> Response:
    """Ask before a key is used without its record."""
    return visit.render("keys/activate.html", key=await _one(visit))


@page("POST", HERE + "/{selector}/activate", open_to="server")
async def activate(visit: Visit) -> Response:
    """Sign with this key from now on."""
    wanted = {"domain": visit.part("name"), "selector": visit.part("selector")}
    if await visit.attempt("dkim.activate", wanted) is None:
        return await ask_activate(visit)
    return visit.done(_path(visit), visit.t("{name} signs from now on.", name=visit.part("selector")))


@page("GET", HERE + "/{selector}/retire", open_to="server")
async def ask_retire(visit: Visit) -> Response:
    """Ask before a key signs no more."""
    return visit.render("keys/retire.html", key=await _one(visit))


@page("POST", HERE + "/{selector}/retire", open_to="server")
async def retire(visit: Visit) -> Response:
    """Sign with this key no more."""
    wanted = {"domain": visit.part("name"), "selector": visit.part("selector")}
    if await visit.attempt("dkim.retire", wanted) is None:
        return await ask_retire(visit)
    return visit.done(_path(visit), visit.t("{name} signs no more.", name=visit.part("selector")))


@page("GET", HERE + "/{selector}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a key is deleted."""
    return visit.render("keys/remove.html", key=await _one(visit))


@page("POST", HERE + "/{selector}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Delete a key."""
    wanted = {"domain": visit.part("name"), "selector": visit.part("selector")}
    if await visit.attempt("dkim.remove", wanted) is None:
        return await ask_remove(visit)
    return visit.done(_path(visit), visit.t("The key {name} is removed.", name=visit.part("selector")))
