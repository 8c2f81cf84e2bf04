"""One request to a page, as its handler sees it: who asks, in which language, what the form says, and the ways to
answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from posthouse.http.who import is_https, visitor_of
from posthouse.manage.context import Actor
from posthouse.manage.errors import Kind, ManageError
from posthouse.manage.identity import BrowserSession, Visitor
from posthouse.manage.identity_fresh import NotFresh
from posthouse.manage.use import perform
from posthouse.settings.signin import PASSWORD_WARNING
from posthouse.web import flash
from posthouse.web.language import Language
from posthouse.web.local import local_path
from posthouse.web.page import Page

if TYPE_CHECKING:
    from posthouse.web.site import Site

STATUS: dict[Kind, int] = {
    "invalid": 422,
    "missing": 404,
    "exists": 409,
    "refused": 403,
    "conflict": 409,
    "unavailable": 503,
    "failed": 500,
}
PER_PAGE = 50
"""Rows of a list on one page."""
LONGEST_WORDS = 800
"""Characters of a complaint that are shown."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a form was not carried out. ``field`` names the input it stands beside; "" for above the form."""

    what: str
    mend: str = ""
    field: str = ""
    problems: tuple[str, ...] = ()
    status: int = 422


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A risky change that is undone at ``until`` (seconds since 1970) unless it is confirmed. ``what`` names it."""

    id: int
    what: str
    until: float


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that one page shows. ``page`` counts from 1; ``total`` are all that match."""

    rows: list[Any]
    page: int
    pages: int
    total: int
    first: int


@dataclass(slots=True)
class Visit:
    """See the module. ``form`` holds the first value of each field that was sent (a GET: nothing)."""

    site: Site
    request: Request
    page: Page
    language: Language
    session: BrowserSession | None
    theme: str = "auto"
    form: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, list[str]] = field(default_factory=dict)
    trouble: Trouble | None = None
    on_trial: Sequence[OnTrial] = ()

    @property
    def actor(self) -> Actor:
        """Who asks; only pages that are open to anyone may be without one."""
        assert self.session is not None
        return self.session.actor

    @property
    def password_ends(self) -> float:
        """When the visitor's password expires, once that is near (setting signin.password_warning); else 0."""
        ends = self.session.password_expires_at if self.session is not None else 0.0
        early = self.site.context.settings.now[PASSWORD_WARNING] * 86_400
        return ends if ends and self.now >= ends - early else 0.0

    @property
    def visitor(self) -> Visitor:
        """Where the request comes from."""
        return visitor_of(self.request, "web")

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters after the question mark."""
        return self.request.query_params

    @property
    def path(self) -> str:
        """The path that was asked for, as it was written."""
        return self.request.url.path

    def part(self, name: str) -> str:
        """A parameter of the path."""
        return str(self.request.path_params[name])

    @property
    def next(self) -> str:
        """Where the visitor wanted to go: a path of our own, or ""."""
        return local_path(self.form.get("next") or self.query.get("next", ""))

    def t(self, text: str, **values: object) -> str:
        """The text in the visitor's language, with ``{name}`` places filled in."""
        return self.language(text, **values)

    # --- asking the server ---------------------------------------------------------------------------------

    async def perform(self, use: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run a use. A ManageError becomes the page that says so."""
        return await perform(self.site.context, self.actor, use, dict(parameters or {}))

    async def attempt(
        self, use: str, parameters: Mapping[str, Any] | None = None, *, field: str = ""
    ) -> Any | None:
        """Run the use of a form. None when it was declined: ``trouble`` says why, beside ``field`` or the
        field that the error names; show the form again then."""
        try:
            return await self.perform(use, parameters)
        except ManageError as error:
            if error.kind == "failed" or isinstance(error, NotFresh):
                raise
            self.trouble = trouble_of(error, field, self.form)
            return None

    def complain(self, field: str, what: str, mend: str = "") -> None:
        """Say that an input is no good, without asking the server."""
        self.trouble = Trouble(what, mend, field)

    # --- answering -----------------------------------------------------------------------------------------

    def render(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """The page of this template; after a declined form with the status of its trouble."""
        if self.trouble is not None and status == 200:
            status = self.trouble.status
        return self.site.pages.render(self, template, status, values)

    def go(self, path: str) -> Response:
        """On to another page of ours, by GET."""
        return RedirectResponse(local_path(path) or "/", 303)

    def done(self, path: str, text: str, kind: str = "good") -> Response:
        """A form was carried out: on to ``path``, where ``text`` is shown once."""
        answer = self.go(path)
        self.tell(answer, text, kind)
        return answer

    def tell(self, answer: Response, text: str, kind: str = "good") -> None:
        """Let the next page of this session show the text once."""
        if self.session is not None:
            flash.put(answer, self.session.csrf, text, kind, secure=is_https(self.request))

    # --- lists ---------------------------------------------------------------------------------------------

    def number(self, name: str, default: int = 1) -> int:
        """A positive number of the query; what is none counts as the default."""
        text = self.query.get(name, "")
        return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 16 else default

    def window(self, rows: list[Any]) -> Window:
        """The page of these rows that the query asks for."""
        pages = max(1, -(-len(rows) // PER_PAGE))
        page = min(self.number("page"), pages)
        first = (page - 1) * PER_PAGE
        return Window(rows[first : first + PER_PAGE], page, pages, len(rows), first + 1)

    def here(self, **changed: object) -> str:
        """The address of this page with these parameters of the query changed ("" or None removes one)."""
        values = {**self.query, **changed}
        kept = {key: value for key, value in values.items() if value not in ("", None)}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()


def trouble_of(error: ManageError, field: str, form: Mapping[str, str]) -> Trouble:
    """The error of a use as the form shows it."""
    named = str(getattr(error, "field", "") or "")
    place = named if named in form else field
    return Trouble(shortened(error.what), shortened(error.mend), place, error.problems, STATUS[error.kind])


def shortened(text: str) -> str:
    """A complaint that quotes far too long an input: its beginning and its end, which says what is wrong."""
    return text if len(text) <= LONGEST_WORDS else f"{text[:200]} … {text[-300:]}"


def link(*parts: object) -> str:
    """A path made of parts, each escaped: ``link("admin", "domains", name)``."""
    return "/" + "/".join(quote(str(part), safe="@") for part in parts)
