"""Routes: which mail leaves by which hosts, in the order in which they are asked."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link

HERE = "/admin/routes"

PROTOCOLS = (
    ("smtp", mark("SMTP")),
    ("lmtp", mark("LMTP (another mail store)")),
    ("pipe", mark("A command on this machine")),
)
SECURITIES = (
    ("may", mark("TLS where it is offered")),
    ("starttls", mark("STARTTLS, required")),
    ("tls", mark("TLS from the first byte, required")),
    ("none", mark("none")),
)
MECHANISMS = ("", "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "XOAUTH2")

WORDS = (
    "recipient",
    "sender",
    "account",
    "description",
    "target",
    "protocol",
    "security",
    "username",
    "mechanism",
    "token_url",
    "client_id",
    "scope",
    "etrn_networks",
    "etrn_accounts",
    "source",
    "certificate",
)
NUMBERS = ("port", "tries", "minutes", "batch")
TICKS = ("verify", "all_addresses", "local_recipients", "local_senders", "hold")
SECRETS = ("password", "client_secret", "refresh_token")


@page("GET", HERE, open_to="server", nav=Nav(mark("Routes"), "diagram-3", "mail", 40))
async def listing(visit: Visit) -> Response:
    """The routes in order, and what mail of our domains leaves from."""
    found = await visit.perform("route.list")
    sources = await visit.perform("route.sources")
    return visit.render(
        "routes/list.html",
        window=visit.window(found.routes),
        count=len(found.routes),
        sources=sources.sources,
    )


@page("GET", HERE + "/add", open_to="server")
async def add_form(visit: Visit) -> Response:
    """The form of a new route."""
    return visit.render("routes/add.html", **_choices(visit))


@page("POST", HERE + "/add", open_to="server")
async def add(visit: Visit) -> Response:
    """Add it behind all others."""
    wanted = _wanted(visit)
    made = None if wanted is None else await visit.attempt("route.add", wanted)
    if made is None:
        return await add_form(visit)
    return visit.done(_path(made.id), visit.t("Route {id} is there.", id=made.id))


@page("GET", HERE + "/smart-host", open_to="server")
async def smart_form(visit: Visit) -> Response:
    """The form of the host that takes everything."""
    found = await visit.perform("route.list")
    there = [each for each in found.routes if each.recipient == "*" and not each.sender and not each.account]
    return visit.render("routes/smart_host.html", it=there[0] if there else None, **_choices(visit))


@page("POST", HERE + "/smart-host", open_to="server")
async def smart_host(visit: Visit) -> Response:
    """Use it, or none."""
    wanted: dict[str, Any] = {
        name: visit.form.get(name, "").strip() for name in ("target", "security", "username")
    }
    wanted["verify"] = "verify" in visit.form
    if visit.form.get("password"):
        wanted["password"] = visit.form["password"]
    port = _number(visit, "port")
    done = None
    if port is not None:
        done = await visit.attempt("route.smart_host", {**wanted, "port": port}, field="target")
    if done is None:
        return await smart_form(visit)
    if not wanted["target"]:
        return visit.done(HERE, visit.t("Mail goes to the hosts of its domain."))
    return visit.done(HERE, visit.t("Mail goes by {host}.", host=wanted["target"]))


@page("POST", HERE + "/source", open_to="server")
async def source(visit: Visit) -> Response:
    """The address that mail of a domain leaves from."""
    wanted = {name: visit.form.get(name, "").strip() for name in ("domain", "address")}
    done = await visit.attempt("route.source", wanted, field="domain")
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("Saved."))


@page("GET", HERE + "/{id:int}", open_to="server")
async def show(visit: Visit) -> Response:
    """One route, the addresses it lists, and a form to change it."""
    it = await visit.perform("route.show", _id(visit))
    after = visit.query.get("after", "")
    listed = await visit.perform("route.addresses", {**_id(visit), "limit": PER_PAGE, "after": after})
    return visit.render("routes/show.html", it=it, listed=listed, **_choices(visit))


@page("POST", HERE + "/{id:int}", open_to="server")
async def change(visit: Visit) -> Response:
    """Change it; secrets that are left empty stay as they are."""
    wanted = _wanted(visit)
    if wanted is not None:
        wanted = {name: value for name, value in wanted.items() if name not in SECRETS or value}
        wanted["active"] = "active" in visit.form
        if await visit.attempt("route.change", {**_id(visit), **wanted}) is not None:
            return visit.done(_path(visit.part("id")), visit.t("Saved."))
    return await show(visit)


@page("POST", HERE + "/{id:int}/move", open_to="server")
async def move(visit: Visit) -> Response:
    """One place up or down."""
    it = await visit.perform("route.show", _id(visit))
    step = -1 if visit.form.get("to") == "up" else 1
    await visit.perform("route.move", {**_id(visit), "place": max(1, it.place + step)})
    return visit.go(HERE)


@page("POST", HERE + "/{id:int}/addresses", open_to="server")
async def addresses(visit: Visit) -> Response:
    """Add to the addresses it takes, or take from them."""
    use = "route.address_remove" if visit.form.get("what") == "remove" else "route.address_add"
    wanted = {**_id(visit), "addresses": visit.form.get("addresses", "").split()}
    done = await visit.attempt(use, wanted, field="addresses")
    if done is None:
        return await show(visit)
    text = visit.t("{count} changed; {total} are listed now.", count=done.changed, total=done.total)
    return visit.done(_path(visit.part("id")), text)


@page("POST", HERE + "/{id:int}/release", open_to="server")
async def release(visit: Visit) -> Response:
    """Try what waits for it now."""
    done = await visit.perform("route.release", _id(visit))
    text = visit.t("{count} recipients are tried from now on.", count=done.recipients)
    return visit.done(_path(visit.part("id")), text)


@page("POST", HERE + "/{id:int}/test", open_to="server")
async def test(visit: Visit) -> Response:
    """Connect to its hosts and show how far it works."""
    wanted = {**_id(visit), "domain": visit.form.get("domain", "").strip()}
    done = await visit.attempt("route.test", wanted, field="domain")
    if done is None:
        return await show(visit)
    it = await visit.perform("route.show", _id(visit))
    return visit.render("routes/tested.html", it=it, done=done)


@page("GET", HERE + "/{id:int}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before it is removed."""
    return visit.render("routes/remove.html", it=await visit.perform("route.show", _id(visit)))


@page("POST", HERE + "/{id:int}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove it."""
    done = await visit.perform("route.remove", _id(visit))
    return visit.done(HERE, visit.t("Route {id} is removed.", id=done.id))


# ------------------------------------------------------------------ inside


def _choices(visit: Visit) -> dict[str, Any]:
    return {
        "protocols": [(name, visit.t(text)) for name, text in PROTOCOLS],
        "securities": [(name, visit.t(text)) for name, text in SECURITIES],
        "mechanisms": [(name, name or visit.t("the best there is")) for name in MECHANISMS],
    }


def _wanted(visit: Visit) -> dict[str, Any] | None:
    """What the form says of a route; None after a complaint."""
    wanted: dict[str, Any] = {name: visit.form.get(name, "").strip() for name in WORDS}
    wanted["protocol"] = wanted["protocol"] or "smtp"
    wanted["security"] = wanted["security"] or "may"
    wanted |= {name: name in visit.form for name in TICKS}
    wanted |= {name: visit.form.get(name, "") for name in SECRETS}
    lines = [line.strip("\r") for line in visit.form.get("command", "").split("\n")]
    wanted["command"] = [line for line in lines if line.strip()]
    for name in NUMBERS:
        number = _number(visit, name)
        if number is None:
            return None
        wanted[name] = number
    return wanted


def _number(visit: Visit, name: str) -> int | None:
    """A number of the form, 0 where it is empty; None after a complaint."""
    text = visit.form.get(name, "").strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) < 7):
        visit.complain(name, visit.t("This is no number."), visit.t("Give a number, or nothing."))
        return None
    return int(text or 0)


def _id(visit: Visit) -> dict[str, int]:
    return {"id": min(int(visit.part("id")), 2**62)}


def _path(ident: object) -> str:
    return link("admin", "routes", ident)
