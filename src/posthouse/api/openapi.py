"""The OpenAPI 3.1 document, made from the routes and the uses' own declarations."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse import __version__
from posthouse.api import prose
from posthouse.api.route import Route
from posthouse.api.table import PREFIX, every_route, fields_beside, names_in
from posthouse.http.problem import MEDIA_TYPE, Problem
from posthouse.manage.use import Use, uses

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"

ERRORS: dict[str, str] = {
    "400": "The request cannot be read.",
    "401": "Nobody is signed in: send a token.",
    "403": "The caller lacks the right, or it is not the caller's to look after.",
    "404": "The thing is not there.",
    "405": "The address does not take this method: the parameter is a word that has a call of its own.",
    "409": "It is there already, or the first request with this Idempotency-Key still runs.",
    "412": "Somebody changed the thing since the version of If-Match.",
    "413": "The body is too large.",
    "415": "The body's type is not taken here.",
    "422": "A parameter is wrong; `field` names it.",
    "429": "Too many requests; Retry-After says when to come back.",
    "500": "The server failed; its log has the details.",
    "503": "Not possible at the moment.",
}


def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(_describe())


def describe() -> Json:
    """The document as a value, of nothing but what JSON knows."""
    described: Json = msgspec.json.decode(document())
    return described


def _describe() -> Json:
    found = every_route()
    kinds: list[Any] = [Problem]
    kinds += [uses()[route.use].parameters for route in found]
    kinds += [uses()[route.use].result for route in found]
    schemas, components = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    by_kind = dict(zip(dict.fromkeys(kinds), schemas, strict=True))
    _tidy(components)
    paths: Json = {}
    for route in found:
        operation = _operation(route, uses()[route.use], by_kind, components)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Posthouse",
            "version": __version__,
            "description": prose.INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in found})],
        "paths": paths,
        "components": {
            "schemas": _used(components, paths),
            "responses": {f"Error{status}": _error(status, text) for status, text in ERRORS.items()},
            "headers": {"RequestLimit": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": prose.TOKEN},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-posthouse",
                    "description": prose.SESSION,
                },
            },
        },
    }


def _operation(route: Route, use: Use, by_kind: dict[Any, Json], components: Json) -> Json:
    shape = _shape(use.parameters, by_kind, components)
    beside = [field.encode_name for field in fields_beside(route)]
    operation: Json = {
        "operationId": _operation_id(route),
        "tags": [route.tag],
        "summary": use.help.split(". ")[0].rstrip("."),
        "description": prose.operation(use, route),
        "parameters": _parameters(route, use, shape, beside),
        "responses": _responses(route, use, by_kind),
        "x-right": use.right,
        "x-least-role": use.open_to,
        "x-use": use.name,
    }
    if route.method not in ("GET", "DELETE") and beside:
        operation["requestBody"] = _body(route, use, shape, beside)
    return operation


def _operation_id(route: Route) -> str:
    words = route.use.replace(".", "_").replace("-", "_")
    same = [other for other in every_route() if other.use == route.use]
    return words if len(same) == 1 else f"{words}_{route.method.lower()}_{same.index(route)}"


def _shape(kind: Any, by_kind: dict[Any, Json], components: Json) -> Json:
    """The schema of a parameter Struct itself, not a reference to it."""
    schema = by_kind[kind]
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Json = components[name] if name else schema
    return found


def _parameters(route: Route, use: Use, shape: Json, beside: list[str]) -> list[Json]:
    properties = shape.get("properties", {})
    notes = prose.fields_of(use.parameters)
    found: list[Json] = []
    for name in names_in(route.path):
        found.append(_parameter(name, "path", properties[name], notes, required=True))
    query = beside if route.method in ("GET", "DELETE") else []
    for name in query:
        required = name in shape.get("required", [])
        found.append(_parameter(name, "query", properties[name], notes, required=required))
    if route.method != "GET" and use.conditional:
        found.append(_header("If-Match", prose.IF_MATCH))
    if route.method == "POST" and not route.stream:
        found.append(_header("Idempotency-Key", prose.IDEMPOTENCY_KEY))
    return found


def _parameter(name: str, place: str, schema: Json, notes: dict[str, str], *, required: bool) -> Json:
    found: Json = {"name": name, "in": place, "required": required, "schema": _plain(schema)}
    if place == "path":
        found["schema"] = {key: value for key, value in found["schema"].items() if key != "default"}
        if found["schema"].get("type") == "string":
            found["schema"].setdefault("minLength", 1)
    if name in notes:
        found["description"] = notes[name]
    return found


def _plain(schema: Json) -> Json:
    """What a query can say of it: a value that may be none is just left out."""
    choices = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(choices) == 1 and len(choices) < len(schema["anyOf"]):
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**choices[0], **rest}
    return schema


def _header(name: str, text: str) -> Json:
    schema: Json = {"type": "string"}
    if name == "Idempotency-Key":
        schema.update(pattern="^[!-~]+$", minLength=1, maxLength=255)
    else:
        schema.update(pattern='^("[0-9a-f]{32}"|\\*)$')
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


def _body(route: Route, use: Use, shape: Json, beside: list[str]) -> Json:
    notes = prose.fields_of(use.parameters)
    properties = {}
    for name in beside:
        schema = dict(shape["properties"][name])
        if name in notes and "$ref" not in schema:
            schema.setdefault("description", notes[name])
        properties[name] = schema
    required = [name for name in shape.get("required", []) if name in beside]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    content: Json = {"application/json": {"schema": schema}}
    example = prose.EXAMPLES.get(use.name)
    if example is not None:
        content["application/json"]["example"] = {k: v for k, v in example.items() if k in beside}
    if route.body_field:
        content[route.body_type] = {"schema": {"type": "string"}}
    return {"required": bool(required), "content": content}


def _responses(route: Route, use: Use, by_kind: dict[Any, Json]) -> Json:
    good: Json = {"description": prose.result(use)}
    schema = by_kind[use.result]
    if route.media_type:
        good["content"] = {route.media_type: {"schema": {"type": "string", "format": "binary"}}}
    elif route.stream:
        good["content"] = {
            "text/event-stream": {"schema": {}},  # events of several kinds, one after another
            "application/json": {"schema": schema},
        }
    elif route.status != 204:
        good["content"] = {"application/json": {"schema": schema}}
    if route.etag and route.method == "GET":
        good["headers"] = {"ETag": {"description": prose.ETAG, "schema": {"type": "string"}}}
    elif "next" in getattr(use.result, "__struct_fields__", ()):
        good["headers"] = {"Link": {"description": prose.LINK, "schema": {"type": "string"}}}
    answers: Json = {"200" if route.stream else str(route.status): good}
    if route.etag and route.method == "GET":
        answers["304"] = {"description": "The client has this version already (If-None-Match)."}
    for status in ERRORS:
        answers[status] = {"$ref": f"#/components/responses/Error{status}"}
    return answers


def _error(status: str, text: str) -> Json:
    schema = {"$ref": _REF.format(name="Problem")}
    found: Json = {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
    if status == "401":
        found["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}}
    if status in ("429",):
        found["headers"] = {"Retry-After": {"$ref": "#/components/headers/RequestLimit"}}
    return found


def _tidy(components: Json) -> None:
    """Descriptions as people write them in a document: without the marks of docstrings."""
    for schema in components.values():
        if "description" in schema:
            schema["description"] = prose.tidy(schema["description"])


def _used(components: Json, paths: Json) -> Json:
    """The schemas that something refers to; those of parameters are written out where they are used."""
    used: dict[str, Any] = {}
    waiting = ["Problem"]
    text = msgspec.json.encode(paths).decode()
    waiting += [name for name in components if f'"{_REF.format(name=name)}"' in text]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = components[name]
            inner = msgspec.json.encode(components[name]).decode()
            waiting += [other for other in components if f'"{_REF.format(name=other)}"' in inner]
    return dict(sorted(used.items()))
