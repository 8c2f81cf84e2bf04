"""Webhooks: other programs are told what happens."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link


@page("GET", "/admin/webhooks", open_to="server", nav=Nav(mark("Webhooks"), "broadcast", "server", 80))
async def listing(visit: Visit) -> Response:
    """All webhooks and how they are."""
    return visit.render("webhooks/list.html", webhooks=(await visit.perform("webhook.list")).webhooks)


@page("GET", "/admin/webhooks/add", open_to="server")
async def form(visit: Visit) -> Response:
    """The form of a new webhook."""
    return visit.render("webhooks/add.html")


@page("POST", "/admin/webhooks/add", open_to="server")
async def add(visit: Visit) -> Response:
    """Make one; its secret is shown once."""
    made = await visit.attempt("webhook.add", _given(visit))
    return await form(visit) if made is None else visit.render("webhooks/made.html", made=made)


@page("GET", "/admin/webhooks/{id:int}", open_to="server")
async def show(visit: Visit) -> Response:
    """One webhook, what was sent to it, and a form to change it."""
    ident = _id(visit)
    shown = await visit.perform("webhook.show", ident)
    wanted = {**ident, "limit": PER_PAGE, "after": visit.query.get("after", "")}
    found = await visit.perform("webhook.deliveries", wanted)
    return visit.render("webhooks/show.html", shown=shown, each=shown.about, found=found)


@page("POST", "/admin/webhooks/{id:int}", open_to="server")
async def change(visit: Visit) -> Response:
    """Change it."""
    wanted = {**_id(visit), **_given(visit), "active": "active" in visit.form}
    made = await visit.attempt("webhook.change", wanted)
    if made is None:
        return await show(visit)
    return visit.done(_path(visit), visit.t("Saved."))


@page("POST", "/admin/webhooks/{id:int}/secret", open_to="server")
async def secret(visit: Visit) -> Response:
    """Another secret, shown once."""
    made = await visit.perform("webhook.change", {**_id(visit), "new_secret": True})
    return visit.render("webhooks/made.html", made=made)


@page("POST", "/admin/webhooks/{id:int}/test", open_to="server")
async def test(visit: Visit) -> Response:
    """Send a test event now."""
    done = await visit.perform("webhook.test", _id(visit))
    if done.taken:
        return visit.done(
            _path(visit), visit.t("The receiver took the test and answered {status}.", status=done.status)
        )
    return visit.done(_path(visit), visit.t("The test was not taken: {why}.", why=done.trouble), "bad")


@page("GET", "/admin/webhooks/{id:int}/remove", open_to="server")
async def ask_remove(visit: Visit) -> Response:
    """Ask before it is removed."""
    shown = await visit.perform("webhook.show", _id(visit))
    return visit.render("webhooks/remove.html", each=shown.about)


@page("POST", "/admin/webhooks/{id:int}/remove", open_to="server")
async def remove(visit: Visit) -> Response:
    """Remove it with what waits for it."""
    done = await visit.perform("webhook.remove", _id(visit))
    return visit.done("/admin/webhooks", visit.t("Webhook {id} is removed.", id=done.id))


def _given(visit: Visit) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        name: visit.form.get(name, "").strip() for name in ("url", "domain", "account", "description")
    }
    return {**wanted, "kinds": visit.form.get("kinds", "").split()}


def _id(visit: Visit) -> dict[str, int]:
    return {"id": min(int(visit.part("id")), 2**62)}


def _path(visit: Visit) -> str:
    return link("admin", "webhooks", visit.part("id"))
