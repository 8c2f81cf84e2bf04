"""Block lists and allow lists of networks, and what is known of countries."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

HERE = "/admin/network-lists"
ONE = HERE + "/{name}"

KINDS = (("block", mark("Block: who is in it may not connect")), ("allow", mark("Allow: who is in it may")))
PROTOCOLS = {
    "smtp": mark("Mail from other servers (SMTP, LMTP)"),
    "submission": mark("Sending as a user (submission)"),
    "imap": mark("Reading mail (IMAP)"),
    "pop3": mark("Fetching mail (POP3)"),
    "web": mark("These pages and the API"),
}
FIELDS = ("name", "place", "refresh", "kind", "protocols")


@page("GET", HERE, open_to="server", nav=Nav(mark("Block and allow lists"), "filter", "server", 51))
async def listing(visit: Visit) -> Response:
    """The lists, and a form for one more."""
    found = await visit.perform("network_list.list")
    return visit.render("network_lists/list.html", found=found, kinds=KINDS, protocols=PROTOCOLS)


@page("POST", HERE, open_to="server")
async def add(visit: Visit) -> Response:
    """Add a list."""
    wanted = {"name": visit.form.get("name", "").strip(), **_given(visit)}
    made = await visit.attempt("network_list.add", wanted, field="name")
    if made is None:
        _place(visit)
        return await listing(visit)
    return _done(visit, made, visit.t("{name} is added.", name=made.name))


@page("GET", ONE, open_to="server")
async def show(visit: Visit) -> Response:
    """A list."""
    found = await visit.perform("network_list.show", _one(visit))
    return visit.render(
        "network_lists/show.html",
        found=found,
        kinds=KINDS,
        protocols=PROTOCOLS,
        refresh=shown_time(found.refresh),
    )


@page("POST", ONE, open_to="server")
async def change(visit: Visit) -> Response:
    """Change a list."""
    made = await visit.attempt("network_list.change", {**_one(visit), **_given(visit)}, field="place")
    if made is None:
        _place(visit)
        return await show(visit)
    return _done(visit, made, visit.t("{name} is changed.", name=made.name))


@page("POST", ONE + "/refresh", open_to="server")
async def refresh(visit: Visit) -> Response:
    """Get a list now."""
    made = await visit.perform("network_list.refresh", _one(visit))
    return _done(visit, made, visit.t("{name} is refreshed.", name=made.name))


@page("POST", ONE + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove a list."""
    gone = await visit.perform("network_list.remove", _one(visit))
    return visit.done(HERE, visit.t("{name} is removed.", name=gone.name))


def shown_time(seconds: int) -> str:
    """A time as a person would type it."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _done(visit: Visit, made: Any, text: str) -> Response:
    """Back to the list, where its trouble is told if getting it failed."""
    path = link("admin", "network-lists", made.name)
    if made.active and made.trouble:
        return visit.done(
            path, visit.t("{name} could not be had: {why}.", name=made.name, why=made.trouble), "bad"
        )
    return visit.done(path, text)


def _given(visit: Visit) -> dict[str, Any]:
    return {
        **{name: visit.form.get(name, "").strip() for name in ("place", "refresh", "kind")},
        "protocols": [word for word in PROTOCOLS if visit.form.get(f"for-{word}")],
        "active": bool(visit.form.get("active")),
    }


def _place(visit: Visit) -> None:
    """A complaint stands beside what it is about."""
    about, colon, _ = visit.trouble.what.partition(":") if visit.trouble is not None else ("", "", "")
    if visit.trouble is not None and colon and about.lower() in FIELDS:
        name = f"for-{next(iter(PROTOCOLS))}" if about.lower() == "protocols" else about.lower()
        visit.complain(name, visit.trouble.what, visit.trouble.mend)


def _one(visit: Visit) -> dict[str, str]:
    return {"name": visit.part("name")}
