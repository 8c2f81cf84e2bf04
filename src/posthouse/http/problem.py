"""Errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong. ``detail`` names the thing and the trouble, ``mend`` what to do about it, ``field`` the
    parameter that is wrong, ``problems`` further findings, one line each. ``type`` is ``about:blank`` or names the
    kind of error: ``urn:posthouse:invalid``, ``missing``, ``exists``, ``refused``, ``conflict``, ``unavailable`` or
    ``failed``."""

    type: str
    title: str
    status: int
    detail: str
    mend: str = ""
    field: str = ""
    problems: tuple[str, ...] = ()


def response(
    status: int,
    detail: str,
    mend: str = "",
    *,
    kind: str = "",
    field: str = "",
    problems: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """An error as an answer."""
    found = problem(status, detail, mend, kind=kind, field=field, problems=problems)
    return Response(msgspec.json.encode(found), status, headers, MEDIA_TYPE)


def problem(
    status: int,
    detail: str,
    mend: str = "",
    *,
    kind: str = "",
    field: str = "",
    problems: tuple[str, ...] = (),
) -> Problem:
    """An error as a value."""
    extra: dict[str, Any] = {"mend": mend, "field": field, "problems": problems}
    kind = f"urn:posthouse:{kind}" if kind else "about:blank"
    return Problem(type=kind, title=HTTPStatus(status).phrase, status=status, detail=detail, **extra)
