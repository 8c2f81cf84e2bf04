"""IP ranges: what peers may do, by their address."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.manage.ranges import DEMANDS, PERMISSIONS
from posthouse.net.ranges import INTERNET
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit

HERE = "/admin/ranges"

WORDS = {
    "smtp": mark("Send mail to this server (SMTP)"),
    "submission": mark("Send mail out as a user (submission)"),
    "imap": mark("Read mail (IMAP)"),
    "pop3": mark("Fetch mail (POP3)"),
    "web": mark("Use these pages and the API"),
    "local-to-local": mark("From local to local addresses"),
    "local-to-outside": mark("From local to outside addresses"),
    "outside-to-local": mark("From outside to local addresses"),
    "outside-to-outside": mark("From outside to outside addresses"),
    "sign-in-local-to-local": mark("For mail from local to local addresses"),
    "sign-in-local-to-outside": mark("For mail from local to outside addresses"),
    "sign-in-outside-to-local": mark("For mail from outside to local addresses"),
    "sign-in-outside-to-outside": mark("For mail from outside to outside addresses"),
    "tls-to-sign-in": mark("Passwords only under TLS"),
}
USUAL = tuple(word for word, option in {**PERMISSIONS, **DEMANDS}.items() if INTERNET & option)
NUMBERS = ("priority", "connections", "connection_rate", "message_rate")
TEXTS = ("name", "addresses", "duration")


@page("GET", HERE, open_to="server", nav=Nav(mark("IP ranges"), "shield-check", "server", 49))
async def listing(visit: Visit) -> Response:
    """The ranges, a form for one, and a form to try an address."""
    found = await visit.perform("range.list")
    tried: Any = None
    address = visit.query.get("address", "").strip()
    if address:
        tried = await visit.attempt("range.try", {"address": address}, field="address")
    chosen = next((each for each in found.ranges if each.name == visit.query.get("name", "")), None)
    return visit.render(
        "ranges/list.html",
        found=found,
        tried=tried,
        chosen=chosen,
        wordings=WORDS,
        usual=USUAL,
        own=visit.visitor.peer,
    )


@page("POST", HERE, open_to="server")
async def put(visit: Visit) -> Response:
    """Add or replace a range."""
    wanted: dict[str, Any] = {name: visit.form.get(name, "").strip() for name in TEXTS}
    for name in NUMBERS:
        text = visit.form.get(name, "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) < 8):
            visit.complain(name, visit.t("This is no number."), visit.t("Write digits only."))
            return await listing(visit)
        if text:
            wanted[name] = int(text)
    wanted["rules"] = [word for word in WORDS if visit.form.get(f"rule-{word}")]
    made = await visit.attempt("range.put", wanted, field="addresses")
    if made is None:
        _place(visit)
        return await listing(visit)
    return visit.done(HERE, visit.t("The IP range {name} holds from now on.", name=made.name))


def _place(visit: Visit) -> None:
    """A complaint stands beside what it is about."""
    about, colon, _ = visit.trouble.what.partition(":") if visit.trouble is not None else ("", "", "")
    if visit.trouble is not None and colon and about in (*TEXTS, *NUMBERS):
        visit.complain(about, visit.trouble.what, visit.trouble.mend)


@page("POST", HERE + "/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove a range."""
    done = await visit.attempt("range.remove", {"name": visit.form.get("name", "")})
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("The IP range {name} is removed.", name=done.name))
