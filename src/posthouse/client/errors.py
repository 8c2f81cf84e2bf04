"""What can go wrong when the server is asked, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec


class PosthouseError(Exception):
    """Anything that this client raises about the server and the way to it."""


class ConnectionLost(PosthouseError):
    """The server cannot be reached, or the connection ended before its answer. What was asked for may have been done
    all the same; calls that can be repeated safely were repeated before this was raised."""


class TimedOut(ConnectionLost):
    """The server did not answer in time."""


class UnexpectedAnswer(PosthouseError):
    """The answer is not one of Posthouse's API: another server, a proxy, or a version that is too far away."""


class ApiError(PosthouseError):
    """The server declines. ``status`` is that of HTTP, ``detail`` what is wrong, ``mend`` what to do about it,
    ``field`` the parameter it is about, ``problems`` further findings. ``retry_after``: seconds to wait before asking
    again, if the server named them. ``repeated``: the request had been sent before and its answer was lost."""

    def __init__(
        self,
        status: int,
        detail: str,
        mend: str = "",
        *,
        field: str = "",
        problems: tuple[str, ...] = (),
        retry_after: float | None = None,
        repeated: bool = False,
    ) -> None:
        super().__init__(" ".join(filter(None, [detail, mend, *problems])))
        self.status = status
        self.detail = detail
        self.mend = mend
        self.field = field
        self.problems = problems
        self.retry_after = retry_after
        self.repeated = repeated


class Invalid(ApiError):
    """A parameter is wrong; ``field`` names it where that can be told."""


class NotFound(ApiError):
    """It is not there."""


class Exists(ApiError):
    """It is there already, or something else is in its way."""


class Conflict(ApiError):
    """Somebody changed it meanwhile; nothing was done. ``seen`` is the version that was known here, ``current`` the
    one on the server, ``wanted`` what should have been changed (None where a plain call raised it)."""

    seen: object = None
    current: object = None
    wanted: Mapping[str, object] | None = None


class OutcomeUnknown(ApiError):
    """The server stopped while it carried out the request: look whether it was done."""


class Refused(ApiError):
    """It is not allowed with this token, or not at all."""


class NotSignedIn(ApiError):
    """The token is not valid (any more), or there is none."""


class Unavailable(ApiError):
    """Not possible at the moment; ``retry_after`` says when to ask again."""


class RateLimited(ApiError):
    """More requests than allowed, for longer than the client's patience."""


class Failed(ApiError):
    """The server failed; its log has the details."""


class Problem(msgspec.Struct, frozen=True):
    """An ``application/problem+json`` (RFC 9457) as Posthouse sends it."""

    detail: str
    type: str = ""
    status: int = 0
    mend: str = ""
    field: str = ""
    problems: tuple[str, ...] = ()


_BY_KIND: dict[str, type[ApiError]] = {
    "urn:posthouse:invalid": Invalid,
    "urn:posthouse:missing": NotFound,
    "urn:posthouse:exists": Exists,
    "urn:posthouse:conflict": Conflict,
    "urn:posthouse:refused": Refused,
    "urn:posthouse:unavailable": Unavailable,
    "urn:posthouse:failed": Failed,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: Refused,
    404: NotFound,
    409: Exists,
    412: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: RateLimited,
    500: Failed,
    503: Unavailable,
}


def error_of(
    status: int, body: bytes, *, retry_after: float | None = None, repeated: bool = False
) -> ApiError:
    """The exception for an answer that is no success."""
    try:
        found = msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = Problem(_phrase(status))
    kind = _BY_KIND.get(found.type) or _BY_STATUS.get(status, ApiError)
    if status == 409 and "Idempotency-Key" in found.detail:
        kind = OutcomeUnknown
    return kind(
        status,
        found.detail,
        found.mend,
        field=found.field,
        problems=found.problems,
        retry_after=retry_after,
        repeated=repeated,
    )


def _phrase(status: int) -> str:
    if 300 <= status < 400:
        return f"The server sends the request on to another address ({status}): give that one."
    try:
        return f"The server answers {status} {HTTPStatus(status).phrase}."
    except ValueError:
        return f"The server answers {status}."
