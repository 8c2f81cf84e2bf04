"""Signatures, automatic replies and archive rules: one's own, those of accounts and of domains; journals."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from posthouse.web.days import DAY, day_of, number_of, shown_day
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import Visit, link

OWN = "/me/absence"


@page("GET", OWN, open_to="user", nav=Nav(mark("Signature and absence"), "pencil", "me", 27))
async def own(visit: Visit) -> Response:
    """What stands below one's mail, what is answered for one, and where old mail goes."""
    reply = await visit.perform("me.auto_reply")
    return visit.render(
        "wording/me.html",
        signature=await visit.perform("me.signature"),
        reply=reply,
        dates=_dates(reply),
        archive=await visit.perform("me.archive"),
    )


@page("POST", "/me/signature", open_to="user")
async def set_own_signature(visit: Visit) -> Response:
    """Set one's signature."""
    done = await visit.attempt("me.signature_set", _signature(visit), field="plain")
    return await own(visit) if done is None else visit.done(OWN, visit.t("The signature is saved."))


@page("POST", "/me/auto-reply", open_to="user")
async def set_own_reply(visit: Visit) -> Response:
    """Set what is answered for one."""
    wanted = _reply(visit)
    done = None if wanted is None else await visit.attempt("me.auto_reply_set", wanted, field="plain")
    return await own(visit) if done is None else visit.done(OWN, visit.t("The automatic reply is saved."))


@page("POST", "/me/auto-reply/clear", open_to="user")
async def clear_own_reply(visit: Visit) -> Response:
    """Answer nothing any more."""
    done = await visit.attempt("me.auto_reply_clear")
    return await own(visit) if done is None else visit.done(OWN, visit.t("Nothing is answered any more."))


@page("POST", "/me/archive", open_to="user")
async def set_own_archive(visit: Visit) -> Response:
    """Set one's archive rule."""
    done = await visit.attempt("me.archive_set", _archive(visit), field="folder")
    return await own(visit) if done is None else visit.done(OWN, visit.t("The archive rule is saved."))


@page("POST", "/me/archive/clear", open_to="user")
async def clear_own_archive(visit: Visit) -> Response:
    """Remove one's archive rule."""
    done = await visit.attempt("me.archive_clear")
    return await own(visit) if done is None else visit.done(OWN, visit.t("The archive rule is gone."))


# ---------------------------------------------------------------- accounts


@page("GET", "/admin/accounts/{address:path}/absence", open_to="domain")
async def of_account(visit: Visit) -> Response:
    """The same of an account."""
    about = {"address": visit.part("address")}
    reply = await visit.perform("account.auto_reply", about)
    return visit.render(
        "wording/account.html",
        address=reply.address,
        signature=await visit.perform("account.signature", about),
        reply=reply,
        dates=_dates(reply),
        archive=await visit.perform("account.archive", about),
    )


@page("POST", "/admin/accounts/{address:path}/signature", open_to="domain")
async def set_signature(visit: Visit) -> Response:
    """Set the signature of an account."""
    wanted = {"address": visit.part("address"), **_signature(visit)}
    return await _account(visit, "account.signature_set", wanted, "plain", visit.t("The signature is saved."))


@page("POST", "/admin/accounts/{address:path}/auto-reply", open_to="domain")
async def set_reply(visit: Visit) -> Response:
    """Set what an account answers."""
    wanted = _reply(visit)
    if wanted is None:
        return await of_account(visit)
    wanted["address"] = visit.part("address")
    text = visit.t("The automatic reply is saved.")
    return await _account(visit, "account.auto_reply_set", wanted, "plain", text)


@page("POST", "/admin/accounts/{address:path}/auto-reply/clear", open_to="domain")
async def clear_reply(visit: Visit) -> Response:
    """Answer nothing for an account any more."""
    wanted = {"address": visit.part("address")}
    return await _account(
        visit, "account.auto_reply_clear", wanted, "", visit.t("Nothing is answered any more.")
    )


@page("POST", "/admin/accounts/{address:path}/archive", open_to="domain")
async def set_archive(visit: Visit) -> Response:
    """Set the archive rule of an account."""
    wanted = {"address": visit.part("address"), **_archive(visit)}
    return await _account(
        visit, "account.archive_set", wanted, "folder", visit.t("The archive rule is saved.")
    )


@page("POST", "/admin/accounts/{address:path}/archive/clear", open_to="domain")
async def clear_archive(visit: Visit) -> Response:
    """Remove the archive rule of an account."""
    wanted = {"address": visit.part("address")}
    return await _account(visit, "account.archive_clear", wanted, "", visit.t("The archive rule is gone."))


async def _account(visit: Visit, use: str, wanted: dict[str, Any], field: str, text: str) -> Response:
    done = await visit.attempt(use, wanted, field=field)
    if done is None:
        return await of_account(visit)
    return visit.done(link("admin", "accounts", wanted["address"], "absence"), text)


# ---------------------------------------------------------------- domains


@page("GET", "/admin/domains/{name}/signature", open_to="domain")
async def of_domain(visit: Visit) -> Response:
    """Signature and archive rule of a domain."""
    about = {"name": visit.part("name")}
    signature = await visit.perform("domain.signature", about)
    return visit.render(
        "wording/domain.html",
        name=signature.of,
        signature=signature,
        archive=await visit.perform("domain.archive", about),
    )


@page("POST", "/admin/domains/{name}/signature", open_to="domain")
async def set_domain_signature(visit: Visit) -> Response:
    """Set the signature of a domain."""
    wanted = {"name": visit.part("name"), **_signature(visit), "method": visit.form.get("method", "fallback")}
    return await _domain(visit, "domain.signature_set", wanted, "plain", visit.t("The signature is saved."))


@page("POST", "/admin/domains/{name}/archive", open_to="domain")
async def set_domain_archive(visit: Visit) -> Response:
    """Set the archive rule of a domain."""
    wanted = {"name": visit.part("name"), **_archive(visit)}
    return await _domain(visit, "domain.archive_set", wanted, "folder", visit.t("The archive rule is saved."))


@page("POST", "/admin/domains/{name}/archive/clear", open_to="domain")
async def clear_domain_archive(visit: Visit) -> Response:
    """Remove the archive rule of a domain."""
    wanted = {"name": visit.part("name")}
    return await _domain(visit, "domain.archive_clear", wanted, "", visit.t("The archive rule is gone."))


async def _domain(visit: Visit, use: str, wanted: dict[str, Any], field: str, text: str) -> Response:
    done = await visit.attempt(use, wanted, field=field)
    if done is None:
        return await of_domain(visit)
    return visit.done(link("admin", "domains", wanted["name"], "signature"), text)


# ---------------------------------------------------------------- journals


@page("GET", "/admin/journal", open_to="server", nav=Nav(mark("Journal"), "file-earmark-text", "mail", 70))
async def journals(visit: Visit) -> Response:
    """Where copies of all mail go."""
    return visit.render(
        "wording/journals.html",
        found=await visit.perform("journal.list"),
        kinds={
            "all": visit.t("incoming and outgoing"),
            "incoming": visit.t("incoming"),
            "outgoing": visit.t("outgoing"),
        },
        shapes={
            "report": visit.t("in a report of its envelope"),
            "copy": visit.t("the message itself"),
        },
    )


@page("POST", "/admin/journal", open_to="server")
async def set_journal(visit: Visit) -> Response:
    """Send copies from now on."""
    wanted = {
        "of": visit.form.get("of", "").strip(),
        "address": visit.form.get("address", "").strip(),
        "mail": visit.form.get("mail", "all"),
        "form": visit.form.get("form", "report"),
        "active": visit.form.get("active") == "on",
    }
    done = await visit.attempt("journal.set", wanted, field="address")
    if done is None:
        return await journals(visit)
    return visit.done("/admin/journal", visit.t("Copies go to {address}.", address=done.address))


@page("POST", "/admin/journal/remove", open_to="server")
async def remove_journal(visit: Visit) -> Response:
    """Send no more copies."""
    done = await visit.attempt("journal.remove", {"of": visit.form.get("of", "")})
    if done is None:
        return await journals(visit)
    return visit.done("/admin/journal", visit.t("No more copies go to {address}.", address=done.address))


# ---------------------------------------------------------------- forms


def _signature(visit: Visit) -> dict[str, Any]:
    form = visit.form
    return {
        "plain": form.get("plain", ""),
        "html": form.get("html", ""),
        "active": form.get("active") == "on",
        "replies": form.get("replies") == "on",
        "within": form.get("within") == "on",
    }


def _archive(visit: Visit) -> dict[str, Any]:
    form = visit.form
    return {
        "mail": form.get("mail", "all"),
        "action": form.get("action", "move"),
        "folder": form.get("folder", ""),
        "days": number_of(form.get("days", "")),
        "active": form.get("active") == "on",
    }


def _reply(visit: Visit) -> dict[str, Any] | None:
    """What is wanted; None (and a complaint) where a date is none."""
    form = visit.form
    times = {}
    for name in ("begin", "end"):
        moment = day_of(form.get(name, ""))
        if moment < 0:
            visit.complain(name, visit.t("This is no date."), visit.t("Give one such as 2026-12-24."))
            return None
        times[name] = moment
    return {
        "subject": form.get("subject", ""),
        "plain": form.get("plain", ""),
        "html": form.get("html", ""),
        "starts_at": times["begin"],
        "ends_at": times["end"] + DAY if times["end"] else 0.0,
        "days": number_of(form.get("days", "")),
        "audience": form.get("audience", "everyone"),
        "active": form.get("active") == "on",
    }


def _dates(reply: Any) -> dict[str, str]:
    end = reply.ends_at - 1 if reply.ends_at else 0.0
    return {"begin": shown_day(reply.starts_at), "end": shown_day(end)}
