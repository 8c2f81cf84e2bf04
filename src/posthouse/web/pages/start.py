"""The first address, and what a visitor prefers."""

from __future__ import annotations

from starlette.responses import Response

from posthouse.web import cookies
from posthouse.web.language import NAMES
from posthouse.web.page import page
from posthouse.web.visit import Visit


def home(role: str) -> str:
    """Where somebody with this role begins."""
    return "/me" if role == "user" else "/admin"


@page("GET", "/", open_to="user")
async def start(visit: Visit) -> Response:
    """To the first page of one's role."""
    return visit.go(home(visit.actor.role))


@page("POST", "/preferences", open_to="anyone")
async def preferences(visit: Visit) -> Response:
    """Choose language or colours; they are kept in a cookie, and nowhere else."""
    answer = visit.go(visit.next or "/")
    if visit.form.get("language") in NAMES:
        cookies.prefer(answer, visit.request, cookies.LANGUAGE, visit.form["language"])
    if visit.form.get("theme") in cookies.THEMES:
        cookies.prefer(answer, visit.request, cookies.THEME, visit.form["theme"])
    return answer
