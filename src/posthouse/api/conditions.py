"""Conditional requests (RFC 9110 13): the version of a thing as ETag, If-None-Match and If-Match."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request

from posthouse.api.parameters import BadRequest
from posthouse.manage.etag import etag_of

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def tag_of(result: msgspec.Struct) -> str:
    """The ETag of what is shown."""
    return f'"{etag_of(result)}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has this version already (If-None-Match, compared weakly)."""
    value = request.headers.get("if-none-match")
    if value is None:
        return False
    return value.strip() == "*" or tag.strip('"') in _TAG.findall(value)


def expected(request: Request) -> str:
    """The version a change is for (If-Match), "" when any will do. Raises BadRequest when that cannot be told: a weak
    tag never matches, and of several none is the one."""
    value = request.headers.get("if-match")
    if value is None:
        return ""
    value = value.strip()
    found = re.fullmatch(r'"([0-9a-f]{1,64})"', value)
    if value != "*" and found is None:
        raise BadRequest(
            400,
            "If-Match holds no ETag of this server.",
            "Send the ETag of a GET as it was, with its quotes.",
            "If-Match",
        )
    return "*" if found is None else found[1]
