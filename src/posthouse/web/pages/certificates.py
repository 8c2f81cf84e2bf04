"""Certificates: what TLS shows, ordering and renewing it, adding and removing."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from posthouse.manage.errors import ManageError
from posthouse.settings.certificates import TERMS_AGREED
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link, trouble_of
from posthouse.web.work import begin, settled, stream, under_way, work_of

HERE = "/admin/certificates"
WORK = "certificate"
"""The name of an order or a renewal in the background."""

STATES = {
    "in use": (mark("in use"), "good"),
    "not used": (mark("not used"), "plain"),
    "expired": (mark("expired"), "bad"),
    "ordering": (mark("being ordered"), ""),
    "waiting": (mark("no order succeeded yet"), "warning"),
    "damaged": (mark("damaged"), "bad"),
    "kept": (mark("kept"), "plain"),
}
"""Each state in words, with the colour of its mark."""

SOURCES = {
    "acme": mark("ordered"),
    "given": mark("given"),
    "file": mark("configuration file"),
    "self-made": mark("self-made"),
}

WAYS = {
    "automatic": mark("automatic: the first that works"),
    "http-01": mark("by a page on port 80 (HTTP)"),
    "tls-alpn-01": mark("by a handshake on port 443 (TLS-ALPN)"),
    "dns-01": mark("by a record in the DNS"),
}

WARN, LAST = 0.25, 0.08
"""Parts of a certificate's lifetime: less than WARN left is worth a warning, less than LAST is bad. An ordered one is
renewed when a third is left."""


def colour(view: Any) -> str:
    """How the days that are left look."""
    if view.source == "self-made" or not view.not_after:
        return "plain"
    left = view.days_left * 86400 / max(1.0, view.not_after - view.not_before)
    return "bad" if left < LAST else "warning" if left < WARN else "good"


@page("GET", HERE, open_to="server", nav=Nav(mark("Certificates"), "patch-check", "server", 30))
async def listing(visit: Visit) -> Response:
    """The certificates."""
    found = await visit.perform("certificate.list")
    return visit.render(
        "certificates/list.html",
        certificates=found.certificates,
        busy=under_way(visit, WORK),
        states=STATES,
        sources=SOURCES,
        colour=colour,
    )


# ------------------------------------------------------------------ ordering


def hosts_of(visit: Visit) -> list[str]:
    """The host names of the form, one a line or with spaces or commas between."""
    return visit.form.get("hosts", "").replace(",", " ").split()


@page("GET", HERE + "/order", open_to="server")
async def order_form(visit: Visit) -> Response:
    """The form for an order, with the proofs that can work."""
    account, ways = await asyncio.gather(
        visit.perform("certificate.account"), visit.perform("certificate.ways")
    )
    return visit.render("certificates/order.html", account=account, ways=ways.ways, labels=WAYS)


@page("POST", HERE + "/order", open_to="server")
async def order(visit: Visit) -> Response:
    """Order in the background, once what was given is known to be good."""
    hosts = hosts_of(visit)
    if await visit.attempt("certificate.ways", {"hosts": hosts or [""]}, field="hosts") is None:
        return await order_form(visit)
    if visit.form.get("needs_terms"):
        if visit.form.get("agreed") != "on":
            visit.complain(
                "agreed",
                visit.t("Without it nothing can be ordered."),
                visit.t("Read the terms, then tick the box."),
            )
            return await order_form(visit)
        contact = visit.form.get("contact", "").strip()
        done = await visit.attempt("certificate.agree", {"agreed": True, "contact": contact}, field="contact")
        if done is None:
            return await order_form(visit)
        await settled(visit, lambda now: now[TERMS_AGREED])
    wanted = {"hosts": hosts, "challenge": visit.form.get("challenge", "automatic")}
    run = await begin(visit, WORK, "certificate.order", wanted, field="hosts", about=", ".join(hosts))
    if run is None:
        return await order_form(visit)
    return visit.go(HERE + "/work")


@page("GET", HERE + "/work", open_to="server")
async def work(visit: Visit) -> Response:
    """How far the order or renewal is."""
    run = work_of(visit, WORK)
    if run is None:
        return visit.go(HERE)
    return visit.render("certificates/work.html", run=run)


@page("GET", HERE + "/work/events", open_to="server")
async def events(visit: Visit) -> Response:
    """Tells the page when there is something new."""
    return stream(work_of(visit, WORK))


# ------------------------------------------------------------------ given and self-made ones


@page("GET", HERE + "/add", open_to="server")
async def add_form(visit: Visit) -> Response:
    """The form for a certificate from elsewhere."""
    return visit.render("certificates/add.html")


@page("POST", HERE + "/add", open_to="server")
async def add(visit: Visit) -> Response:
    """Take a certificate and its key into use."""
    wanted = {name: visit.form.get(name, "") for name in ("chain", "key")}
    try:
        done = await visit.perform("certificate.add", wanted)
    except ManageError as error:
        if error.kind == "failed":
            raise
        # The complaint names the very thing: what is about the key stands beside the key.
        about_key = " key" in error.what.lower() or "clients do not know" in error.what.lower()
        visit.trouble = trouble_of(error, "key" if about_key else "chain", visit.form)
        return await add_form(visit)
    text = visit.t("The certificate for {hosts} is added.", hosts=", ".join(done.certificate.hosts))
    return visit.done(link("admin", "certificates", done.certificate.name), text)


@page("GET", HERE + "/self-made-anew", open_to="server")
async def ask_self_made(visit: Visit) -> Response:
    """Ask before the self-made certificate is made anew."""
    return visit.render("certificates/self_made.html")


@page("POST", HERE + "/self-made-anew", open_to="server")
async def self_made(visit: Visit) -> Response:
    """Make the self-made certificate anew."""
    done = await visit.attempt("certificate.self_made")
    if done is None:
        return await ask_self_made(visit)
    return visit.done(link("admin", "certificates", "self-made"), visit.t("It is made anew."))


# ------------------------------------------------------------------ one certificate


async def _find(visit: Visit) -> Any:
    return await visit.perform("certificate.show", {"name": visit.part("name")})


@page("GET", HERE + "/{name}", open_to="server")
async def show(visit: Visit) -> Response:
    """One certificate with its chain."""
    return visit.render(
        "certificates/show.html",
        it=await _find(visit),
        busy=under_way(visit, WORK),
        states=STATES,
        sources=SOURCES,
        ways=WAYS,
        colour=colour,
    )


@page("POST", HERE + "/{name}/renew", open_to="server")
async def renew(visit: Visit) -> Response:
    """Order it anew, in the background."""
    name = (await _find(visit)).name
    run = await begin(visit, WORK, "certificate.renew", {"name": name}, about=visit.part("name"))
    if run is None:
        return await show(visit)
    return visit.go(HERE + "/work")


@page("GET", HERE + "/{name}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before a certificate is removed."""
    return visit.render("certificates/remove.html", it=await _find(visit))


@page("POST", HERE + "/{name}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove a certificate with its key."""
    done = await visit.attempt("certificate.remove", {"name": visit.part("name")})
    if done is None:
        return await ask_remove(visit)
    text = visit.t("The certificate for {hosts} is removed.", hosts=", ".join(done.certificate.hosts))
    return visit.done(HERE, text)
