"""The cookies of the pages: session, language, theme."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posthouse.http.headers import cookie_name
from posthouse.http.who import is_https

LANGUAGE = "posthouse-language"
THEME = "posthouse-theme"
THEMES = ("auto", "light", "dark")
YEAR = 365 * 86400


def begin(answer: Response, request: Request, cookie: str) -> None:
    """Give the browser the cookie of its new session."""
    answer.set_cookie(
        cookie_name(is_https(request)),
        cookie,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
        path="/",
    )


def end(answer: Response, request: Request) -> None:
    """Take the cookie of a session back."""
    answer.delete_cookie(
        cookie_name(is_https(request)), httponly=True, samesite="lax", secure=is_https(request), path="/"
    )


def prefer(answer: Response, request: Request, name: str, value: str) -> None:
    """Remember the language or the theme for a year."""
    answer.set_cookie(
        name, value, max_age=YEAR, httponly=True, samesite="lax", secure=is_https(request), path="/"
    )


def theme(request: Request) -> str:
    """One of THEMES."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else "auto"
