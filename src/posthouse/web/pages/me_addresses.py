"""One's own names and addresses: who one is, and the masked addresses that one made."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web import cookies
from posthouse.web.language import NAMES as LANGUAGES
from posthouse.web.language import mark
from posthouse.web.nav import Nav
from posthouse.web.page import page
from posthouse.web.pages.account_people import NAMES
from posthouse.web.visit import Visit

HERE = "/me/addresses"


@page("GET", "/me/profile", open_to="user", nav=Nav(mark("Name and language"), "person", "me", 15))
async def profile(visit: Visit) -> Response:
    """Names, language, time zone."""
    return visit.render("me/profile.html", profile=await visit.perform("me.profile"))


@page("POST", "/me/profile", open_to="user")
async def change_profile(visit: Visit) -> Response:
    """Change them. The pages are in the chosen language from then on."""
    wanted = {name: visit.form.get(name, "") for name in NAMES}
    done = await visit.attempt("me.profile_change", wanted)
    if done is None:
        return await profile(visit)
    answer = visit.done("/me/profile", visit.t("It is changed."))
    code = done.language.partition("-")[0]
    if code in LANGUAGES:
        cookies.prefer(answer, visit.request, cookies.LANGUAGE, code)
    return answer


@page("GET", HERE, open_to="user", nav=Nav(mark("Masked addresses"), "eye-slash", "me", 25))
async def addresses(visit: Visit) -> Response:
    """The masked addresses, the newest first."""
    found = await visit.perform("me.masked")
    return visit.render("me/addresses.html", window=visit.window(found.masked), found=found)


@page("POST", HERE, open_to="user")
async def add(visit: Visit) -> Response:
    """Make one."""
    most = visit.form.get("most", "").strip() or "0"
    if not (most.isascii() and most.isdigit() and len(most) < 8):
        visit.complain("most", visit.t("That is no number."), visit.t("Leave it empty for any number."))
        return await addresses(visit)
    wanted = {
        "prefix": visit.form.get("prefix", ""),
        "note": visit.form.get("note", ""),
        "last_day": visit.form.get("expires", ""),
        "most": int(most),
    }
    done = await visit.attempt("me.masked_add", wanted)
    if done is None:
        return await addresses(visit)
    return visit.done(HERE, visit.t("{address} is ready: mail for it comes to you.", address=done.address))


@page("POST", HERE + "/change", open_to="user")
async def change(visit: Visit) -> Response:
    """Switch one on or off, or throw it away."""
    address, action = visit.form.get("masked", ""), visit.form.get("action", "")
    if action == "remove":
        done = await visit.attempt("me.masked_remove", {"masked": address})
    else:
        done = await visit.attempt("me.masked_change", {"masked": address, "active": action == "on"})
    if done is None:
        return await addresses(visit)
    return visit.done(HERE, visit.t("It is changed."))
