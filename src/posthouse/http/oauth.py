"""What programs ask of our authorisation server over HTTP; what people see of it are pages (``web.pages.oauth``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posthouse.http.well_known import WellKnown
from posthouse.manage import oauth_rules, oauth_server
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.oauth_rules import OAuthError
from posthouse.observe.log import logger

log = logger("http.oauth")

MAX_BODY = 32 * 1024
_FORM = "application/x-www-form-urlencoded"

Answer = Callable[[Request], Awaitable[dict[str, Any] | None]]


def register(places: WellKnown, context: Context) -> None:
    """Let all of them answer."""
    here = _Places(context)
    for path, method, answer, status in (
        (oauth_rules.METADATA_PLACE, "GET", here.metadata, 200),
        (oauth_rules.TOKEN, "POST", here.token, 200),
        (oauth_rules.DEVICE, "POST", here.device, 200),
        (oauth_rules.REGISTER, "POST", here.register, 201),
        (oauth_rules.REVOKE, "POST", here.revoke, 200),
    ):
        places.add(path, _answering(method, answer, status), plain_ok=False)


def _answering(method: str, answer: Answer, status: int) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        if request.method != method:
            return _json(
                {"error": "invalid_request", "error_description": f"Use {method}."}, 405, {"Allow": method}
            )
        try:
            return _json(await answer(request) or {}, status)
        except OAuthError as error:
            return _json({"error": error.error, "error_description": error.text}, error.status)
        except ManageError as error:
            return _json({"error": "temporarily_unavailable", "error_description": error.what}, 503)

    return handler


def _json(value: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    """RFC 6749 5.1: never to be kept."""
    return JSONResponse(value, status, {"Cache-Control": "no-store", **(headers or {})})


class _Places:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def metadata(self, request: Request) -> dict[str, Any]:
        oauth_server.demand(self._context)
        return oauth_rules.metadata(self._context)

    async def token(self, request: Request) -> dict[str, Any]:
        return await oauth_server.token(self._context, await _form(request))

    async def device(self, request: Request) -> dict[str, Any]:
        return await oauth_server.device_begin(self._context, await _form(request))

    async def revoke(self, request: Request) -> None:
        await oauth_server.revoke(self._context, await _form(request))

    async def register(self, request: Request) -> dict[str, Any]:
        body = await _body(request)
        try:
            wanted = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
            raise OAuthError("invalid_client_metadata", "The body is no JSON object.") from None
        return await oauth_server.register(self._context, wanted, request.scope["client"][0])


async def _body(request: Request) -> bytes:
    """The body, read to its end (the doors bound it). Raises OAuthError."""
    data = b""
    async for piece in request.stream():
        data += piece[: MAX_BODY + 1 - len(data)]
    if len(data) > MAX_BODY:
        raise OAuthError("invalid_request", "The request is too long.", 413)
    return data


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, each of them once (RFC 6749 3.2). Raises OAuthError."""
    body = await _body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise OAuthError("invalid_request", f"The request must be {_FORM}.")
    try:
        found = parse_qs(body.decode(), max_num_fields=40, errors="strict")
    except ValueError:
        raise OAuthError("invalid_request", "The form cannot be read.") from None
    if any(len(values) > 1 for values in found.values()):
        raise OAuthError("invalid_request", "A field is there twice.")
    return {name: values[0] for name, values in found.items()}
