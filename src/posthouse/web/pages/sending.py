"""Who sends: accounts whose mail is held, limits and what is used of them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit, link

HERE = "/admin/sending"
LIMITS = ("messages_hour", "recipients_hour", "messages_day", "recipients_day", "burst_hour", "burst_minutes")
_MOST_DIGITS = 12


@page("GET", HERE, open_to="domain", nav=Nav(mark("Who sends"), "send", "mail", 55))
async def listing(visit: Visit) -> Response:
    """Whose mail is held, who may not send; the limits of somebody who is asked for; exceptions."""
    found = await visit.perform("sending.braked", {"after": visit.query.get("after", ""), "limit": PER_PAGE})
    of = (visit.form.get("of") or visit.query.get("of", "")).strip()
    limits = (
        await visit.attempt("sending.limits", {"of": of}, field="of") if of and not visit.trouble else None
    )
    exceptions = None
    if visit.actor.role == "server":
        exceptions = await visit.perform("sending.exceptions", {"limit": PER_PAGE})
    return visit.render("sending/list.html", found=found, of=of, limits=limits, exceptions=exceptions)


@page("POST", HERE + "/limits", open_to="server")
async def set_limits(visit: Visit) -> Response:
    """Give an account or a domain limits of its own."""
    wanted: dict[str, Any] = {"of": visit.form.get("of", "").strip()}
    for name in LIMITS:
        text = visit.form.get(name, "").strip()
        if not text:
            continue
        if not (text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS):
            visit.complain(
                name, visit.t("This is no number."), visit.t("Write one, 0 for no limit, or leave it empty.")
            )
            return await listing(visit)
        wanted[name] = int(text)
    done = await visit.attempt("sending.set", wanted, field="of")
    if done is None:
        return await listing(visit)
    return visit.done(f"{HERE}?of={done.of}", visit.t("The limits of {name} are changed.", name=done.of))


@page("POST", HERE + "/limits/remove", open_to="server")
async def unset_limits(visit: Visit) -> Response:
    """Take exceptions back."""
    done = await visit.attempt("sending.unset", {"of": visit.form.get("of", "").strip()}, field="of")
    if done is None:
        return await listing(visit)
    return visit.done(HERE, visit.t("The settings count for {name} again.", name=done.of))


@page("GET", HERE + "/{address:path}", open_to="domain")
async def show(visit: Visit) -> Response:
    """One account: may it send, what is held of it, what it sent."""
    address = visit.part("address")
    account = await visit.perform("sending.show", {"address": address})
    limits = await visit.perform("sending.limits", {"of": account.address})
    samples = None
    if visit.query.get("samples") and account.held:
        samples = (await visit.perform("sending.samples", {"address": account.address})).samples
    return visit.render("sending/show.html", account=account, limits=limits, samples=samples)


@page("POST", HERE + "/{address:path}/release", open_to="domain")
async def release(visit: Visit) -> Response:
    """Let it send, and its mail go."""
    done = await visit.attempt("sending.release", {"address": visit.part("address")})
    return await show(visit) if done is None else _freed(visit, done)


@page("POST", HERE + "/{address:path}/unblock", open_to="domain")
async def unblock(visit: Visit) -> Response:
    """Let a blocked one send again."""
    done = await visit.attempt("sending.unblock", {"address": visit.part("address")})
    return await show(visit) if done is None else _freed(visit, done)


@page("POST", HERE + "/{address:path}/reject", open_to="domain")
async def reject(visit: Visit) -> Response:
    """Throw the held mail away or give it back."""
    if visit.form.get("sure") != "on":
        visit.complain("sure", visit.t("This cannot be taken back."), visit.t("Tick the box if it is meant."))
        return await show(visit)
    wanted = {
        "address": visit.part("address"),
        "bounce": visit.form.get("what") == "bounce",
        "block": visit.form.get("block") == "on",
    }
    done = await visit.attempt("sending.reject", wanted)
    if done is None:
        return await show(visit)
    text = visit.language.count(
        "{count} recipient does not get this mail.",
        "{count} recipients do not get this mail.",
        done.recipients,
    )
    return visit.done(link("admin", "sending", done.address), text)


@page("POST", HERE + "/{address:path}/block", open_to="domain")
async def block(visit: Visit) -> Response:
    """Let it send nothing more."""
    wanted = {"address": visit.part("address"), "reason": visit.form.get("reason", "")}
    done = await visit.attempt("sending.block", wanted)
    if done is None:
        return await show(visit)
    text = visit.t("{address} may send nothing more.", address=done.address)
    return visit.done(link("admin", "sending", done.address), text)


def _freed(visit: Visit, done: Any) -> Response:
    text = visit.t("{address} may send again.", address=done.address)
    if done.recipients:
        text += " " + visit.language.count(
            "{count} recipient's mail goes.", "{count} recipients' mail goes.", done.recipients
        )
    return visit.done(link("admin", "sending", done.address), text)
