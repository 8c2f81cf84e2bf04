"""Errors of the uses as answers of HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from posthouse.api.parameters import BadRequest
from posthouse.http import problem
from posthouse.http.who import Asker
from posthouse.manage.errors import Kind, ManageError

STATUS: dict[Kind, int] = {
    "invalid": 422,
    "missing": 404,
    "exists": 409,
    "conflict": 412,
    "refused": 403,
    "unavailable": 503,
    "failed": 500,
}

RETRY_SECONDS = "10"
"""When to ask again what is unavailable now."""


def as_problem(error: ManageError, wanted: Any = None) -> problem.Problem:
    """An error as a value; the field is the one whose value the complaint quotes."""
    return problem.problem(
        STATUS[error.kind],
        error.what,
        error.mend,
        kind=error.kind,
        field=_field(error, wanted),
        problems=error.problems,
    )


def managed(error: ManageError, wanted: Any = None) -> Response:
    """An error as an answer. ``wanted`` are the parameters that led to it."""
    found = as_problem(error, wanted)
    headers = {"retry-after": RETRY_SECONDS} if error.kind == "unavailable" else None
    return Response(msgspec.json.encode(found), found.status, headers, problem.MEDIA_TYPE)


def _field(error: ManageError, wanted: Any) -> str:
    if error.kind not in ("invalid", "exists", "missing") or wanted is None:
        return ""
    what = error.what.lower()
    values = msgspec.structs.asdict(wanted).items()
    quoted = [(len(v), name) for name, v in values if isinstance(v, str) and len(v) > 1 and v.lower() in what]
    return max(quoted)[1] if quoted else ""


def bad(error: BadRequest) -> Response:
    """A request that could not be read."""
    kind = "invalid" if error.status == 422 else ""
    return problem.response(error.status, error.detail, error.mend, kind=kind, field=error.field)


def nobody(asker: Asker) -> Response:
    """Who asks must sign in (RFC 6750 3)."""
    if asker.bad == "token":
        challenge = 'Bearer realm="posthouse", error="invalid_token"'
        return problem.response(
            401,
            "This token is not valid (any more).",
            "Make a new one: posthouse token add, or the page API tokens.",
            headers={"www-authenticate": challenge},
        )
    return problem.response(
        401,
        "Who is asking?",
        "Send an API token: Authorization: Bearer TOKEN. `posthouse token add` makes one.",
        headers={"www-authenticate": 'Bearer realm="posthouse"'},
    )


def too_many_streams() -> Response:
    """More streams open at once than anybody needs."""
    return problem.response(
        429,
        "Too many streams are open.",
        "Close one of them first.",
        headers={"retry-after": RETRY_SECONDS},
    )


def too_often(seconds: float) -> Response:
    """More requests than allowed."""
    wait = max(1, int(seconds + 0.999))
    return problem.response(
        429,
        "Too many requests.",
        f"Wait {wait} seconds; the settings http.rate and http.burst say how many are allowed.",
        headers={"retry-after": str(wait)},
    )
