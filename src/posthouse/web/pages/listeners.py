"""Listeners: the ports and sockets that the server listens on."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Trouble, Visit

HERE = "/admin/listeners"

STATES = {
    "open": (mark("open"), "good"),
    "at the next start": (mark("from the next start on"), "warning"),
    "until the next start": (mark("until the next start"), "warning"),
    "stopped": (mark("stopped"), "plain"),
}

PROTOCOLS = {
    "smtp": mark("Mail from other servers (SMTP)"),
    "submission": mark("Mail from mail programs (submission)"),
    "lmtp": mark("Mail from a program on this machine (LMTP)"),
    "imap": mark("Reading mail (IMAP)"),
    "pop3": mark("Fetching mail (POP3)"),
    "http": mark("Pages and API (HTTP)"),
}

TLS = {
    "starttls": mark("begins plain, turns to TLS (STARTTLS)"),
    "implicit": mark("TLS from the first byte"),
    "none": mark("none"),
}

FIELDS = ("port", "address", "path", "tls", "proxy_from")


@page("GET", HERE, open_to="server", nav=Nav(mark("Listeners"), "plug", "server", 40))
async def listing(visit: Visit) -> Response:
    """What the server listens on."""
    found = await visit.perform("listener.list")
    return visit.render("listeners/list.html", found=found, states=STATES, protocols=PROTOCOLS, tls=TLS)


@page("GET", HERE + "/add", open_to="server")
async def add_form(visit: Visit) -> Response:
    """The form for one more."""
    return visit.render("listeners/add.html", protocols=PROTOCOLS, tls=TLS)


@page("POST", HERE + "/add", open_to="server")
async def add(visit: Visit) -> Response:
    """Listen on one more port or socket."""
    wanted = _wanted(visit)
    if wanted is None:
        return await add_form(visit)
    wanted["protocol"] = visit.form.get("protocol", "")
    done = await _attempt(visit, "listener.add", wanted)
    if done is None:
        return await add_form(visit)
    return _done(visit, done)


async def _find(visit: Visit) -> Any:
    name = visit.part("name")
    for each in (await visit.perform("listener.list")).listeners:
        if each.name == name and each.state != "until the next start":
            return each
    raise ManageError("missing", f"There is no listener {name[:200]}.", "See the list.")


@page("GET", HERE + "/{name:path}/change", open_to="server")
async def change_form(visit: Visit) -> Response:
    """The form that changes one."""
    return visit.render("listeners/change.html", it=await _find(visit), protocols=PROTOCOLS, tls=TLS)


@page("POST", HERE + "/{name:path}/change", open_to="server")
async def change(visit: Visit) -> Response:
    """Change address, port, TLS or trusted proxies."""
    it = await _find(visit)
    wanted = _wanted(visit)
    if wanted is not None:
        now = {
            "port": it.port,
            "address": it.address,
            "path": it.path,
            "tls": it.tls,
            "proxy_from": it.proxy_from,
        }
        wanted = {name: value for name, value in wanted.items() if value != now[name]}
        if not wanted:
            visit.trouble = Trouble(visit.t("Nothing is different."), visit.t("Change something first."))
            return await change_form(visit)
        done = await _attempt(visit, "listener.change", {"name": it.name, **wanted})
        if done is not None:
            return _done(visit, done)
    return await change_form(visit)


@page("GET", HERE + "/{name:path}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before one is removed."""
    return visit.render("listeners/remove.html", it=await _find(visit), protocols=PROTOCOLS)


@page("POST", HERE + "/{name:path}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Listen there no more."""
    it = await _find(visit)
    done = await visit.attempt("listener.remove", {"name": it.name})
    if done is None:
        return await ask_remove(visit)
    return _done(visit, done)


@page("GET", HERE + "/reset", open_to="server")
async def ask_reset(visit: Visit) -> Response:
    """Ask before all changes are dropped."""
    return visit.render("listeners/reset.html")


@page("POST", HERE + "/reset", open_to="server")
async def reset(visit: Visit) -> Response:
    """Go back to the listeners of the configuration file."""
    done = await visit.attempt("listener.reset")
    if done is None:
        return await ask_reset(visit)
    return _done(visit, done)


# ------------------------------------------------------------------ inside


def _wanted(visit: Visit) -> dict[str, Any] | None:
    """What the form says of a listener; None after a complaint."""
    form = visit.form
    port = form.get("port", "").strip()
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65535):
        visit.complain("port", visit.t("This is no port."), visit.t("Give a number from 1 to 65535."))
        return None
    path = form.get("path", "").strip()
    if not port and not path:
        visit.complain("port", visit.t("The port is missing."), visit.t("Give a number from 1 to 65535."))
        return None
    wanted: dict[str, Any] = {
        "port": int(port or 0),
        "address": form.get("address", "").strip(),
        "path": path,
        "proxy_from": form.get("proxy_from", "").replace(",", " ").split(),
    }
    if form.get("tls"):
        wanted["tls"] = form["tls"]
    return wanted


async def _attempt(visit: Visit, use: str, wanted: dict[str, Any]) -> Any | None:
    """As ``visit.attempt``; a complaint names its field first (``Port: …``)."""
    done = await visit.attempt(use, wanted)
    it = visit.trouble
    if done is None and it is not None and not it.field:
        head, colon, rest = it.what.partition(": ")
        field = head.lower() if colon and head.lower() in FIELDS else ""
        if not field and (it.status == 409 or it.what.startswith("Cannot listen")):
            field = "path" if wanted.get("path") else "port"
        if field:
            what = rest[:1].upper() + rest[1:] if colon and head.lower() == field else it.what
            visit.trouble = Trouble(what, it.mend, field, it.problems, it.status)
    return done


def _done(visit: Visit, done: Any) -> Response:
    if done.waits:
        text = visit.t(
            "Written down; it takes effect at the next start of the server ({reason}).", reason=done.waits
        )
        return visit.done(HERE, text, "warning")
    return visit.done(HERE, visit.t("Done, and in effect already."))
