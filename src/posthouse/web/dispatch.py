"""From a request to a page: who asks, may they, is the form theirs; and what is answered when something goes
wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from posthouse.http import csrf
from posthouse.http.rate import bucket_of
from posthouse.http.who import ask
from posthouse.manage.context import ROLE_ORDER
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import NotFresh
from posthouse.observe.log import logger
from posthouse.settings.identity import FRESH_TIME
from posthouse.web import cookies
from posthouse.web.formdata import BadForm, read_form
from posthouse.web.language import choose, mark
from posthouse.web.page import Page
from posthouse.web.proof import prove_first
from posthouse.web.visit import STATUS, OnTrial, Visit, shortened

if TYPE_CHECKING:
    from posthouse.web.site import Site

log = logger("web")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

CHANGE_PAGE = "/me/password"
WITH_EXPIRED = (CHANGE_PAGE, "/sign-out")
"""All that is open to somebody whose password has expired, besides what is open to anyone."""

LOST = (mark("There is no such page"), mark("The address may be mistyped, or the thing it named is gone."))
NOT_YOURS = (mark("This page is not open to you"), mark("Ask an administrator if you need it."))
STALE = (
    mark("This form cannot be accepted"),
    mark(
        "It was opened before the last sign-in, or did not come from our pages. Reload it and send it again."
    ),
)
FAILED = (
    mark("Something went wrong inside the server"),
    mark("Nothing more was done. The server's log has the details."),
)


async def answer(site: Site, page: Page, request: Request) -> Response:
    """Answer a request for this page. Raises only what reading the body raises, which the doors answer."""
    visit = Visit(
        site=site,
        request=request,
        page=page,
        language=choose(
            request.cookies.get(cookies.LANGUAGE, ""), request.headers.get("accept-language", "")
        ),
        session=None,
        theme=cookies.theme(request),
    )
    try:
        asker = await ask(request, site.context, "web")
        visit.session = asker.session
        if visit.session is not None and not request.cookies.get(cookies.LANGUAGE):
            visit.language = choose(visit.session.language.partition("-")[0], visit.language.code)
        if site.rates is not None and (wait := site.rates.take(bucket_of(asker))):
            return too_often(visit, wait)
        if page.method == "POST":
            visit.chosen = await read_form(request)
            visit.form = {name: values[0] for name, values in visit.chosen.items()}
        found = await _admit(visit)
        if found is None:
            await _see_trials(visit)
            found = await page.handler(visit)
    except BadForm as error:
        found = error_page(visit, error.status, str(error), "")
    except NotFresh:
        found = prove_first(visit)
    except ManageError as error:
        found = error_page(visit, STATUS[error.kind], error.what, error.mend, error.problems)
    except Exception:
        log.exception("web.failed", path=page.path)
        found = error_page(visit, 500, visit.t(FAILED[0]), visit.t(FAILED[1]))
    return _hardened(found)


async def _admit(visit: Visit) -> Response | None:
    """What is answered instead of the page; None when the visitor may have it."""
    page, session = visit.page, visit.session
    if page.open_to != "anyone":
        if session is None:
            return _sign_in(visit)
        if session.actor.must_change and page.path not in WITH_EXPIRED:
            return RedirectResponse(CHANGE_PAGE, 303)
        if ROLE_ORDER[session.actor.role] < ROLE_ORDER[page.open_to]:
            return error_page(visit, 403, visit.t(NOT_YOURS[0]), visit.t(NOT_YOURS[1]))
    if page.method == "POST" and not _form_is_ours(visit):
        return error_page(visit, 403, visit.t(STALE[0]), visit.t(STALE[1]))
    if page.fresh and session is not None:
        oldest = time.time() - visit.site.context.settings.now[FRESH_TIME]
        if session.actor.fresh_at < oldest:
            return prove_first(visit)
    return None


async def _see_trials(visit: Visit) -> None:
    """The changes on trial stand at the top of every page of those who may confirm them."""
    if visit.page.open_to == "anyone" or visit.actor.role != "server":
        return
    found = await visit.perform("probation.list")
    visit.on_trial = [OnTrial(each.id, each.summary, each.deadline) for each in found.changes]


def _form_is_ours(visit: Visit) -> bool:
    """A form of a session carries the session's secret; one of nobody's session comes from our own origin."""
    if csrf.foreign(visit.request):
        return False
    return visit.session is None or csrf.matches(visit.session, visit.form.get(csrf.FIELD, ""))


def _sign_in(visit: Visit) -> Response:
    """To the sign-in page; after it, back here (a form has to be sent anew)."""
    if visit.page.method != "GET":
        return RedirectResponse("/sign-in", 303)
    return RedirectResponse(f"/sign-in?next={quote(visit.here(), safe='/')}", 303)


def error_page(visit: Visit, status: int, what: str, mend: str, problems: tuple[str, ...] = ()) -> Response:
    """A whole page that says what is wrong and how to mend it."""
    visit.trouble = None
    what, mend = shortened(what), shortened(mend)
    answer = visit.render("errors/error.html", status, code=status, what=what, mend=mend, problems=problems)
    return _hardened(answer)


def too_often(visit: Visit, wait: float) -> Response:
    """More requests than the settings http.rate and http.burst allow."""
    seconds = str(max(1, int(wait + 0.999)))
    mend = visit.t("Wait {seconds} seconds, then reload the page.", seconds=seconds)
    answer = error_page(visit, 429, visit.t("These were too many requests"), mend)
    answer.headers["Retry-After"] = seconds
    return answer


def _hardened(answer: Response) -> Response:
    """The policy of pages; the rest of the headers is the doors'. Without a referrer browsers would hide the
    origin of our own forms, too (Fetch, "append a request Origin header")."""
    answer.headers.setdefault("Content-Security-Policy", POLICY)
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    return answer


def missing() -> Page:
    """The page for addresses where there is none."""

    async def nothing(visit: Visit) -> Response:
        return error_page(visit, 404, visit.t(LOST[0]), visit.t(LOST[1]))

    return Page("GET", "", nothing, "anyone", fresh=False, nav=None)
