"""What an account is besides its mailbox: the forms about its person, its addresses, and what is done to all of it."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from posthouse.web.page import page
from posthouse.web.pages.accounts import show
from posthouse.web.visit import Visit, link

NAMES = ("first_name", "last_name", "display_name", "language", "time_zone")
PROTOCOLS = ("imap", "pop3", "submission", "web")


def _back(visit: Visit, address: str = "") -> str:
    return link("admin", "accounts", address or visit.part("address"))


@page("POST", "/admin/accounts/{address:path}/person", open_to="domain")
async def person(visit: Visit) -> Response:
    """Change names, language, time zone and note."""
    wanted = {name: visit.form.get(name, "") for name in (*NAMES, "note")}
    done = await visit.attempt("account.change", {"address": visit.part("address"), **wanted})
    if done is None:
        return await show(visit)
    return visit.done(_back(visit), visit.t("It is changed."))


@page("POST", "/admin/accounts/{address:path}/limits", open_to="domain")
async def limits(visit: Visit) -> Response:
    """Change the largest message, and by which ways the account may be signed in to."""
    chosen = [name for name in visit.chosen.get("protocols", []) if name]
    if not chosen:
        text = visit.t("No way to sign in is chosen.")
        visit.complain("protocols", text, visit.t("Choose one, or switch the account off."))
        return await show(visit)
    wanted = {
        "address": visit.part("address"),
        "max_message": visit.form.get("max_message", "").strip() or "none",
        "protocols": chosen,
        "networks": visit.form.get("networks", "").replace(",", " ").split(),
    }
    done = await visit.attempt("account.change", wanted)
    if done is None:
        return await show(visit)
    return visit.done(_back(visit), visit.t("It is changed."))


@page("POST", "/admin/accounts/{address:path}/rename", open_to="domain")
async def rename(visit: Visit) -> Response:
    """Give the account another address."""
    wanted = {
        "address": visit.part("address"),
        "new": visit.form.get("new", "").strip(),
        "keep": visit.form.get("keep") == "on",
    }
    done = await visit.attempt("account.rename", wanted, field="new")
    if done is None:
        return await show(visit)
    return visit.done(
        _back(visit, done.address), visit.t("Its address is {address} now.", address=done.address)
    )


@page("POST", "/admin/accounts/{address:path}/addresses", open_to="domain")
async def add_further(visit: Visit) -> Response:
    """Give the account a further address."""
    wanted = {
        "address": visit.part("address"),
        "further": visit.form.get("further", "").strip(),
        "signin": visit.form.get("signin") == "on",
    }
    done = await visit.attempt("account.address_add", wanted, field="further")
    if done is None:
        return await show(visit)
    return visit.done(
        _back(visit), visit.t("Mail for {address} arrives here now.", address=wanted["further"])
    )


@page("POST", "/admin/accounts/{address:path}/addresses-remove", open_to="domain")
async def remove_further(visit: Visit) -> Response:
    """Take a further address away."""
    wanted = {"address": visit.part("address"), "further": visit.form.get("further", "")}
    done = await visit.attempt("account.address_remove", wanted)
    if done is None:
        return await show(visit)
    return visit.done(_back(visit), visit.t("Mail for {address} is refused now.", address=wanted["further"]))


@page("POST", "/admin/accounts/{address:path}/masked", open_to="domain")
async def switch_masked(visit: Visit) -> Response:
    """Switch a masked address of the account on or off, or remove it."""
    wanted = {"address": visit.part("address"), "masked": visit.form.get("masked", "")}
    action = visit.form.get("action", "")
    if action == "remove":
        done = await visit.attempt("account.masked_remove", wanted)
    else:
        done = await visit.attempt("account.masked_switch", {**wanted, "active": action == "on"})
    if done is None:
        return await show(visit)
    return visit.done(_back(visit), visit.t("It is changed."))


@page("POST", "/admin/accounts/{address:path}/sign-out", open_to="domain")
async def sign_out(visit: Visit) -> Response:
    """Sign the account out everywhere."""
    done = await visit.attempt("account.sign_out", {"address": visit.part("address")})
    if done is None:
        return await show(visit)
    text = visit.t(
        "Signed out: browsers {browsers}, connections {connections}.",
        browsers=done.browsers,
        connections=done.connections,
    )
    return visit.done(_back(visit), text)


@page("GET", "/admin/accounts/{address:path}/empty", open_to="domain", fresh=True)
async def ask_empty(visit: Visit) -> Response:
    """Ask before all messages are removed."""
    account = await visit.perform("account.show", {"address": visit.part("address")})
    return visit.render("accounts/empty.html", account=account)


@page("POST", "/admin/accounts/{address:path}/empty", open_to="domain", fresh=True)
async def empty(visit: Visit) -> Response:
    """Remove all messages of the account."""
    address = visit.part("address")
    if visit.form.get("confirm", "").strip().lower() != address.lower():
        visit.complain(
            "confirm", visit.t("That is not the address of the account."), visit.t("Nothing was removed.")
        )
        return await ask_empty(visit)
    done = await visit.attempt("account.empty", {"address": address})
    if done is None:
        return await ask_empty(visit)
    text = visit.language.count(
        "{count} message was removed.", "{count} messages were removed.", done.messages
    )
    return visit.done(_back(visit), text)


@page("GET", "/admin/accounts-export", open_to="domain")
async def export(visit: Visit) -> Response:
    """The accounts as a CSV file to save."""
    found = await visit.perform("account.export", {"domain": visit.query.get("domain") or None})
    return csv_file(found.text, "accounts.csv")


def csv_file(text: str, name: str) -> Response:
    """A CSV file to save."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(text, headers=disposition, media_type="text/csv")
