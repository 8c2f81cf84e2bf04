"""Letting a mail program in by a page in the browser: the question, and the code that a device shows."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from posthouse.manage import oauth_rules, oauth_server
from posthouse.manage.errors import ManageError
from posthouse.manage.oauth_rules import Asked, OAuthError
from posthouse.web.dispatch import POLICY, error_page
from posthouse.web.page import page
from posthouse.web.visit import Visit

FIELDS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


@page("GET", oauth_rules.AUTHORIZE, open_to="user", fresh=True)
async def ask(visit: Visit) -> Response:
    """A program sent its person here: ask whether it may read and send their mail."""
    found = await _asked(visit, visit.query)
    if isinstance(found, Response):
        return found
    fields = {name: visit.query[name] for name in FIELDS if visit.query.get(name)}
    answer = visit.render(
        "oauth/ask.html",
        program=found.client.name,
        by_hand=found.client.by_hand,
        returns=_returns(found.redirect_uri),
        scopes=found.scopes,
        fields=fields,
        address=visit.actor.account,
    )
    # Chromium follows the answer to a form only where the page's policy lets its forms go.
    allowed = oauth_rules.policy_source(found.redirect_uri)
    answer.headers["Content-Security-Policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {allowed}"
    )
    return answer


@page("POST", oauth_rules.AUTHORIZE, open_to="user", fresh=True)
async def answered(visit: Visit) -> Response:
    """Their answer; the browser takes it to the program."""
    found = await _asked(visit, visit.form)
    if isinstance(found, Response):
        return found
    context = visit.site.context
    if visit.form.get("decision") != "yes":
        return RedirectResponse(oauth_server.declined(context, found), 303)
    return RedirectResponse(await oauth_server.agree(context, visit.actor, found), 303)


async def _asked(visit: Visit, query: Mapping[str, str]) -> Asked | Response:
    try:
        _demand_account(visit)
        return await oauth_server.asked(visit.site.context, query)
    except OAuthError as error:
        if error.redirect:
            return RedirectResponse(error.redirect, 303)
        return error_page(visit, error.status, visit.t("This program cannot be let in"), visit.t(error.text))


def _demand_account(visit: Visit) -> None:
    if not visit.actor.account_id:
        raise ManageError(
            "refused", "This is about a mailbox, and you have none.", "Sign in with its address."
        )


def _returns(uri: str) -> str:
    """Where the answer goes, for people: the host, or the program on their own machine ("")."""
    source = oauth_rules.policy_source(uri)
    host = source.partition("://")[2]
    return "" if not host or host.rpartition(":")[0] in ("127.0.0.1", "[::1]", "localhost") else host


@page("GET", oauth_rules.DEVICE_PAGE, open_to="user", fresh=True)
async def device(visit: Visit) -> Response:
    """Ask for the code that a program or device shows, and then whether it may come in."""
    _demand_account(visit)
    return await _device(visit, visit.query.get("user_code", ""))


@page("POST", oauth_rules.DEVICE_PAGE, open_to="user", fresh=True)
async def device_answered(visit: Visit) -> Response:
    """The code was typed, or the question answered."""
    _demand_account(visit)
    typed, said = visit.form.get("user_code", ""), visit.form.get("decision", "")
    if said not in ("yes", "no"):
        return await _device(visit, typed)
    done = await oauth_server.decide(visit.site.context, visit.actor, typed, yes=said == "yes")
    if not done:
        return await _device(visit, typed)
    text = visit.t("The program is let in.") if said == "yes" else visit.t("The program is not let in.")
    return visit.done("/me/let-in", text)


async def _device(visit: Visit, typed: str) -> Response:
    found = await oauth_server.device(visit.site.context, typed) if typed else None
    if typed and found is None:
        visit.complain(
            "user_code", visit.t("No program waits with this code."), visit.t("It is good for ten minutes.")
        )
    if found is None:
        return visit.render("oauth/device.html", code="")
    code, client = found
    return visit.render(
        "oauth/device.html",
        code=f"{code.user_code[:4]}-{code.user_code[4:]}",
        program=client.name,
        by_hand=client.by_hand,
        scopes=code.scopes,
        address=visit.actor.account,
    )
