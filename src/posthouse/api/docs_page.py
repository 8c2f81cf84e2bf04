"""``/api/docs``: the OpenAPI document as a page for people. No script, nothing from elsewhere."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from posthouse.api.openapi import describe
from posthouse.api.table import PREFIX

_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of Posthouse</title><link rel="stylesheet" href="/api/docs.css"></head><body>"""

STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; border-radius: .4rem; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: 0 .75rem; }
summary { cursor: pointer; padding: .5rem 0; }
summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); }
nav ul { columns: 12rem; padding-left: 1.2rem; }
"""


async def page(request: Request) -> Response:
    """The page."""
    response = Response(_page(), media_type="text/html; charset=utf-8")
    response.headers["content-security-policy"] = _POLICY
    return response


async def style(request: Request) -> Response:
    """Its style sheet."""
    return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})


@lru_cache(maxsize=1)
def _page() -> str:
    described = describe()
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    links = "".join(f'<li><a href="#{_id(tag)}">{escape(tag)}</a></li>' for tag in sorted(by_tag))
    topics = "".join(
        f'<h2 id="{_id(tag)}">{escape(tag)}</h2>{"".join(entries)}' for tag, entries in sorted(by_tag.items())
    )
    schemas = "".join(_schema(name, schema) for name, schema in described["components"]["schemas"].items())
    return (
        f"{_HEAD}<main><h1>The API of Posthouse</h1>{_text(described['info']['description'])}"
        f'<pre>curl -H "Authorization: Bearer TOKEN" https://mail.example.org{PREFIX}/status</pre>'
        f'<p>For programs: <a href="{PREFIX}/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f'<nav aria-label="Topics"><ul>{links}<li><a href="#answers">Answers</a></li></ul></nav>'
        f'{topics}<h2 id="answers">Answers</h2>{schemas}</main></body></html>'
    )


def _id(tag: str) -> str:
    return escape(tag.lower().replace(" ", "-"))


def _text(text: str) -> str:
    """Paragraphs with code in backticks."""
    made = ""
    for paragraph in text.split("\n\n"):
        pieces = [escape(piece) for piece in paragraph.split("`")]
        words = "".join(f"<code>{p}</code>" if number % 2 else p for number, p in enumerate(pieces))
        made += f"<p>{words}</p>"
    return made


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (each["name"], each["in"], each["schema"], each["required"], each.get("description", ""))
        for each in operation["parameters"]
    ]
    body = operation.get("requestBody", {}).get("content", {})
    schema = body.get("application/json", {}).get("schema", {})
    needed = schema.get("required", [])
    rows += [
        (name, "body", field, name in needed, field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    good = next(iter(operation["responses"].values()))
    example = body.get("application/json", {}).get("example")
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(PREFIX + path)}</code> "
        f"{escape(operation['summary'])}</summary>{_text(operation['description'])}{_rows(rows)}"
        f"{_example(method, path, example)}<p>Answers: {_kind(good)} {escape(good['description'])}</p></details>"
    )


def _rows(rows: list[tuple[str, str, dict[str, Any], bool, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{place}</td><td>{escape(type_of(schema))}"
        f"{', needed' if required else ''}</td><td>{_text(note) if note else ''}</td></tr>"
        for name, place, schema, required, note in rows
    )
    head = "<thead><tr><th>Name</th><th>In</th><th>Type</th><th></th></tr></thead>"
    return f"<table>{head}<tbody>{cells}</tbody></table>"


def _example(method: str, path: str, example: Any) -> str:
    if not example:
        return ""
    body = msgspec.json.encode(example).decode().replace("'", "'\\''")
    command = (
        f'curl -X {method.upper()} -H "Authorization: Bearer TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d '{body}' https://mail.example.org{PREFIX}{path}"
    )
    return f"<pre>{escape(command)}</pre>"


def _kind(answer: dict[str, Any]) -> str:
    for kind, content in answer.get("content", {}).items():
        reference = content["schema"].get("$ref", "")
        if reference:
            name = reference.rpartition("/")[2]
            return f'<a href="#schema-{escape(name)}">{escape(name)}</a>.'
        return f"<code>{escape(kind)}</code>."
    return ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    rows = [
        (field, "", shape, field in needed, shape.get("description", ""))
        for field, shape in schema.get("properties", {}).items()
    ]
    cells = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{escape(type_of(shape))}</td></tr>"
        for field, _, shape, _, _ in rows
    )
    text = _text(schema.get("description", ""))
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{text}<table>{cells}</table></section>'
    )


def type_of(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    return str(kind)
