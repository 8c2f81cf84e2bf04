"""Templates: one environment per language, with what every template may use."""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from posthouse.manage.context import ROLE_ORDER
from posthouse.manage.setup_facts import host_name
from posthouse.settings.values import format_size
from posthouse.web import flash, static_files
from posthouse.web.coded import coded
from posthouse.web.days import shown_day
from posthouse.web.language import NAMES, Language, language
from posthouse.web.mended import mended_at
from posthouse.web.nav import GROUPS
from posthouse.web.page import Page, pages
from posthouse.web.said import said
from posthouse.web.visit import link

if TYPE_CHECKING:
    from posthouse.web.visit import Visit

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment(code: str) -> Environment:
    """The templates in one language. All that a page shows is escaped; a name that is not there is an error."""
    words = language(code)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_translations(words.texts, newstyle=True)  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(
        number=words.number,
        size=words.size,
        span=words.span,
        moment=lambda at: _time(words, at),
        day_field=shown_day,
        log_time=_log_time,
        words=words,
        coded=coded,
        said=partial(said, words),
    )
    made.globals.update(
        static=static_files.address, link=link, mended_at=mended_at, languages=NAMES, zip=zip, exact=_exact
    )
    return made


def _time(words: Language, at: float) -> Markup:
    """``<time>`` with the moment in UTC; the script shows it in the reader's own zone."""
    try:
        machine = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    except (OverflowError, ValueError, OSError):
        return Markup("{}").format(words("unknown"))
    return Markup('<time datetime="{}">{}</time>').format(machine, words.moment(at))


def _log_time(at: float) -> Markup:
    """``<time>`` of a log line: the hour in UTC to the millisecond, the day as its title."""
    try:
        whole = time.gmtime(at)
    except (OverflowError, ValueError, OSError):
        return Markup("")
    day, hour = time.strftime("%Y-%m-%d", whole), time.strftime("%H:%M:%S", whole)
    part = f".{int(at % 1 * 1000):03}"
    return Markup('<time datetime="{day}T{hour}{part}Z" title="{day} UTC">{hour}{part}</time>').format(
        day=day, hour=hour, part=part
    )


def _exact(size: int) -> str:
    """A size as a person would type it; "" for none."""
    return format_size(size) if size else ""


class Pages:
    """Renders templates with what the frame around every page needs."""

    def render(self, visit: Visit, template: str, status: int, values: dict[str, Any]) -> Response:
        """The page as an answer. The text that waited to be shown once is shown with it."""
        waiting = flash.take(visit.request, visit.session.csrf) if visit.session else None
        text = (
            environment(visit.language.code)
            .get_template(template)
            .render(
                visit=visit,
                actor=visit.session.actor if visit.session else None,
                csrf=visit.session.csrf if visit.session else "",
                flash=waiting,
                nav=navigation(visit) if visit.session and not visit.actor.must_change else [],
                hostname=host_name(visit.site.context),
                **values,
            )
        )
        answer = HTMLResponse(text, status)
        if waiting is not None:
            flash.clear(answer)
        return answer


def navigation(visit: Visit) -> list[tuple[str, list[tuple[Page, bool]]]]:
    """The groups with the entries that the visitor may open, each with whether it is where the visitor is."""
    role = visit.actor.role
    here = _place(visit.path)
    groups = []
    for key, heading in GROUPS.items():
        entries = [
            each
            for each in pages()
            if each.nav is not None
            and each.nav.group == key
            and each.open_to != "anyone"
            and ROLE_ORDER[role] >= ROLE_ORDER[each.open_to]
        ]
        entries.sort(key=lambda each: (each.nav.order if each.nav else 0, each.path))
        if entries:
            groups.append((heading, [(each, each.path == here) for each in entries]))
    return groups


def _place(path: str) -> str:
    """The entry of the navigation that a path lies below: the longest that fits."""
    fitting = [
        each.path
        for each in pages()
        if each.nav is not None and (path == each.path or path.startswith(each.path + "/"))
    ]
    return max(fitting, key=len, default="")
