"""From a request to the parameters of a use: strictly, and naming the field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.requests import Request

from posthouse.api.route import Route
from posthouse.api.table import fields_beside, names_in
from posthouse.manage.use import uses

MAX_PAIRS = 100


class BadRequest(Exception):
    """The request cannot become parameters. ``status`` is 400 (cannot be read at all), 415 or 422."""

    def __init__(self, status: int, detail: str, mend: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.mend = mend
        self.field = field


async def read(request: Request, route: Route, segments: list[str]) -> Any:
    """The parameter Struct of the route's use. Raises BadRequest."""
    beside = {field.encode_name: field for field in fields_beside(route)}
    given: dict[str, Any] = {**route.fixed, **_from_path(route, segments)}
    if route.method in ("GET", "DELETE"):
        given.update(_from_query(request, beside.values()))
    else:
        given.update(await _from_body(request, route, beside, given))
    try:
        return msgspec.convert(given, uses()[route.use].parameters)
    except msgspec.ValidationError as error:
        raise _wrong(error) from None


def _from_path(route: Route, segments: list[str]) -> dict[str, Any]:
    kinds = {field.encode_name: field.type for field in msgspec.structs.fields(uses()[route.use].parameters)}
    pattern = route.path.strip("/").split("/")
    given = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        for name in names_in(wanted):
            given[name] = _lax(name, _text(segment, name), kinds[name])
    return given


def _text(segment: str, name: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest(400, f"{name} is not UTF-8 text.", "Encode it as UTF-8.", name) from None


def _from_query(request: Request, fields: Iterable[msgspec.structs.FieldInfo]) -> dict[str, Any]:
    known = {field.encode_name: field for field in fields}
    values: dict[str, list[str]] = {}
    for name, value in _pairs(request):
        if name not in known:
            wanted = f"It takes {', '.join(known)}." if known else "It takes none."
            raise BadRequest(422, f"There is no parameter {name[:60]!r} here.", wanted, name[:60])
        values.setdefault(name, []).append(value)
    given: dict[str, Any] = {}
    for name, several in values.items():
        kind = known[name].type
        if is_list(kind):
            given[name] = _lax(name, several, kind)
        elif len(several) > 1:
            raise BadRequest(422, f"{name} is given {len(several)} times.", "Give it once.", name)
        else:
            given[name] = _lax(name, several[0], kind)
    return given


def _pairs(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.scope["query_string"].decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PAIRS)
    except UnicodeDecodeError:
        raise BadRequest(400, "The query is not UTF-8 text.", "Encode it as UTF-8.") from None
    except ValueError:
        raise BadRequest(400, "The query has too many parameters.", f"Give at most {MAX_PAIRS}.") from None


def is_list(kind: Any) -> bool:
    """Whether a parameter takes several values."""
    return getattr(kind, "__origin__", None) in (list, tuple, set, frozenset)


def _lax(name: str, value: Any, kind: Any) -> Any:
    """A text of path or query as the field's type."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(error, name, get_args(kind) if get_origin(kind) is Literal else ()) from None


async def _from_body(
    request: Request,
    route: Route,
    beside: Mapping[str, msgspec.structs.FieldInfo],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if route.body_field and kind == route.body_type:
        others = [field for field in beside.values() if field.encode_name != route.body_field]
        return {route.body_field: _whole(body, beside[route.body_field]), **_from_query(request, others)}
    _from_query(request, ())
    if not body:
        return {}
    if kind != "application/json" and not kind.endswith("+json"):
        wanted = f"application/json or {route.body_type}" if route.body_type else "application/json"
        raise BadRequest(
            415, f"A body of the type {kind[:60] or '(none)'} is not taken here.", f"Send {wanted}."
        )
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(400, f"The body is not JSON: {error}.", "Correct it.") from None
    if not isinstance(found, dict):
        raise BadRequest(422, "The body is JSON, but no object.", 'Send an object: {"name": "value"}.')
    for name in found:
        if name in given and found[name] == given[name]:
            continue
        if name not in beside:
            wanted = f"It takes {', '.join(beside)}." if beside else "It takes none."
            raise BadRequest(422, f"There is no field {name[:60]!r} here.", wanted, name[:60])
    return found


def _whole(body: bytes, field: msgspec.structs.FieldInfo) -> Any:
    if "bytes" in str(field.type):
        return body
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest(400, "The body is not UTF-8 text.", "Save it as UTF-8.", field.encode_name) from None


def _wrong(error: msgspec.ValidationError, name: str = "", choices: tuple[str, ...] = ()) -> BadRequest:
    """msgspec's complaint (``Expected `int`, got `str` - at `$.quota```) with its field in front."""
    text, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").lstrip(".") or name
    if name and path:
        field = name
    missing = re.search(r"missing required field `(\w+)`", text)
    if missing:
        field = f"{field}.{missing[1]}" if field else missing[1]
        return BadRequest(422, f"{field} is missing.", "Give it.", field)
    text = _EXPECTED.sub(_in_words, text).replace("`", "")
    mend = (
        f"Give one of {', '.join(word for word in choices if word)}."
        if choices
        else "Correct this parameter."
    )
    return BadRequest(422, f"{field}: {text}." if field else f"{text}.", mend, field)


_EXPECTED = re.compile(r"^Expected `([^`]+)`, got `([^`]+)`")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _in_words(found: re.Match[str]) -> str:
    """``Expected `int | null`, got `str``` as somebody says it who does not write Python."""
    wanted, got = (
        " or ".join(_KINDS.get(kind, kind) for kind in types.split(" | ")) for types in found.groups()
    )
    return f"this must be {wanted}, not {got}"
