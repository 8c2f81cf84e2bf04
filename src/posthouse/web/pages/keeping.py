"""What was deleted or removed and may come back: one's own mail; for administrators accounts and domains, and mailboxes
that fill up."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.visit import PER_PAGE, Visit

HERE = "/me/deleted"
REMOVED = "/admin/removed"


@page("GET", HERE, open_to="user", nav=Nav(mark("Deleted mail"), "arrow-counterclockwise", "me", 47))
async def deleted(visit: Visit) -> Response:
    """One's own deleted messages and folders."""
    wanted = {"limit": PER_PAGE, "after": visit.query.get("after", "")}
    return visit.render("me/deleted.html", found=await visit.perform("me.deleted", wanted))


@page("POST", HERE + "/restore", open_to="user")
async def restore(visit: Visit) -> Response:
    """Bring one message or folder back, or everything."""
    done = await visit.attempt("me.deleted_restore", _chosen(visit))
    if done is None:
        return await deleted(visit)
    names = ", ".join(done.folders[:5]) or "–"
    return visit.done(
        HERE, visit.t("Messages that came back: {count} (to {names}).", count=done.messages, names=names)
    )


@page("POST", HERE + "/purge", open_to="user")
async def purge(visit: Visit) -> Response:
    """Let one message go for good, or everything."""
    done = await visit.attempt("me.deleted_purge", _chosen(visit))
    if done is None:
        return await deleted(visit)
    return visit.done(HERE, visit.t("Messages gone for good: {count}.", count=done.messages))


@page("GET", REMOVED, open_to="domain", nav=Nav(mark("Removed"), "trash", "people", 70))
async def removed(visit: Visit) -> Response:
    """Removed accounts and domains, deleted mail of an account, mailboxes that are nearly full."""
    address = visit.query.get("address", "").strip()
    of = await visit.perform("deleted.show", {"address": address}) if address else None
    return visit.render(
        "accounts/removed.html",
        found=(await visit.perform("removed.list")).removed,
        full=await visit.perform("quota.warned"),
        limits=await visit.perform("quota.show", {"address": address}) if address else None,
        of=of,
    )


@page("POST", REMOVED + "/restore", open_to="domain")
async def restore_removed(visit: Visit) -> Response:
    """Restore an account or a domain."""
    kind, name = visit.form.get("kind", ""), visit.form.get("name", "")
    use = "domain.restore" if kind == "domain" else "account.restore"
    done = await visit.attempt(use, {"name" if kind == "domain" else "address": name})
    if done is None:
        return await removed(visit)
    return visit.done(REMOVED, visit.t("{name} is restored.", name=name))


@page("POST", REMOVED + "/purge", open_to="domain")
async def purge_removed(visit: Visit) -> Response:
    """Remove an account or a domain for good."""
    kind, name = visit.form.get("kind", ""), visit.form.get("name", "")
    use = "domain.purge" if kind == "domain" else "account.purge"
    done = await visit.attempt(use, {"name" if kind == "domain" else "address": name})
    if done is None:
        return await removed(visit)
    return visit.done(REMOVED, visit.t("{name} is gone for good.", name=name))


@page("POST", REMOVED + "/mail", open_to="domain")
async def restore_mail(visit: Visit) -> Response:
    """Bring back what was deleted in an account."""
    wanted = {"address": visit.form.get("address", "").strip(), "hours": _hours(visit.form.get("hours", ""))}
    done = await visit.attempt("deleted.restore", wanted, field="address")
    if done is None:
        return await removed(visit)
    return visit.done(REMOVED, visit.t("Messages that came back: {count}.", count=done.messages))


@page("POST", REMOVED + "/mail/purge", open_to="domain")
async def purge_mail(visit: Visit) -> Response:
    """Let deleted mail of an account go for good."""
    done = await visit.attempt("deleted.purge", {"address": visit.form.get("address", "")}, field="address")
    if done is None:
        return await removed(visit)
    return visit.done(REMOVED, visit.t("Messages gone for good: {count}.", count=done.messages))


@page("POST", REMOVED + "/limit", open_to="domain")
async def limit(visit: Visit) -> Response:
    """Set how many messages an account may hold."""
    text = visit.form.get("messages", "").strip()
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else -1
    wanted = {"address": visit.form.get("address", "").strip(), "messages": count}
    done = await visit.attempt("quota.messages", wanted, field="messages")
    if done is None:
        return await removed(visit)
    return visit.done(REMOVED, visit.t("The limit of {address} is set.", address=done.address))


def _chosen(visit: Visit) -> dict[str, object]:
    message, folder = visit.form.get("message", ""), visit.form.get("folder", "")
    return {
        "messages": [message] if message else [],
        "folders": [folder] if folder else [],
        "everything": visit.form.get("everything", "") == "yes",
    }


def _hours(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
