"""A strict reader of parenthesised IMAP values, to prove that what we render is well-formed (RFC 9051 9)."""

from __future__ import annotations

import re
from typing import TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"

_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_NUMBER = re.compile(rb"\d+")


def read_value(data: bytes) -> Value:
    """The one value ``data`` holds. Raises ValueError where a client would be right to complain."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise ValueError(f"something follows at {end}: {data[end : end + 40]!r}")
    return value


def read_value_at(data: bytes, at: int) -> tuple[Value, int]:
    """The value that begins at ``at``, and where it ends. Raises ValueError."""
    return _read(data, at, 0)


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    start = data[at : at + 1]
    if start == b"(":
        return _read_list(data, at + 1, depth + 1)
    if start == b'"':
        found = _QUOTED.match(data, at)
        if found is None:
            raise ValueError(f"bad quoted string at {at}: {data[at : at + 40]!r}")
        return re.sub(rb"\\(.)", rb"\1", found[1]), found.end()
    if start == b"{":
        found = _LITERAL.match(data, at)
        if found is None or found.end() + int(found[1]) > len(data):
            raise ValueError(f"bad literal at {at}")
        text = data[found.end() : found.end() + int(found[1])]
        if b"\0" in text:
            raise ValueError(f"NUL in literal at {at}")
        return text, found.end() + len(text)
    if start == b"~":  # literal8: any octet (RFC 3516 4.2)
        found = _LITERAL.match(data, at + 1)
        if found is None or found.end() + int(found[1]) > len(data):
            raise ValueError(f"bad literal8 at {at}")
        return data[found.end() : found.end() + int(found[1])], found.end() + int(found[1])
    if data[at : at + 3] == b"NIL":
        return None, at + 3
    found = _NUMBER.match(data, at)
    if found is None:
        raise ValueError(f"no value at {at}: {data[at : at + 40]!r}")
    return int(found[0]), found.end()


def _read_list(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    """Items parted by one blank; only lists may stand side by side without one."""
    items: list[Value] = []
    while data[at : at + 1] != b")":
        if items:
            if data[at : at + 1] == b" ":
                at += 1
            elif not (isinstance(items[-1], list) and data[at : at + 1] == b"("):
                raise ValueError(f"blank missing at {at}: {data[at - 20 : at + 20]!r}")
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at + 1


def check_envelope(value: Value) -> None:
    """Raise AssertionError unless this is the envelope of RFC 9051 9."""
    assert isinstance(value, list)
    assert len(value) == 10
    for place in (0, 1, 8, 9):
        assert value[place] is None or isinstance(value[place], bytes)
    for addresses in value[2:8]:
        assert addresses is None or (isinstance(addresses, list) and addresses)
        for address in addresses or []:
            assert isinstance(address, list)
            assert len(address) == 4
            assert all(each is None or isinstance(each, bytes) for each in address)


def check_body(value: Value, extended: bool) -> None:
    """Raise AssertionError unless this is a ``body`` of RFC 9051 9; all extension data must be there, or none."""
    assert isinstance(value, list)
    if isinstance(value[0], list):
        parts = [item for item in value if isinstance(item, list)]
        count = next(place for place, item in enumerate(value) if not isinstance(item, list))
        for part in value[:count]:
            check_body(part, extended)
        assert parts
        assert isinstance(value[count], bytes)
        assert len(value) == count + (5 if extended else 1)
        if extended:
            _check_parameters(value[count + 1])
            _check_common(value[count + 2 :])
        return
    kind, subtype, parameters, content_id, description, encoding, octets, *rest = value
    assert isinstance(kind, bytes)
    assert isinstance(subtype, bytes)
    _check_parameters(parameters)
    assert content_id is None or isinstance(content_id, bytes)
    assert description is None or isinstance(description, bytes)
    assert isinstance(encoding, bytes)
    assert isinstance(octets, int)
    if kind == b"text":
        assert isinstance(rest.pop(0), int)
    elif kind == b"message" and subtype in (b"rfc822", b"global"):
        check_envelope(rest.pop(0))
        check_body(rest.pop(0), extended)
        assert isinstance(rest.pop(0), int)
    assert len(rest) == (4 if extended else 0)
    if extended:
        assert rest[0] is None or isinstance(rest[0], bytes)
        _check_common(rest[1:])


def _check_parameters(value: Value) -> None:
    if value is None:
        return
    assert isinstance(value, list)
    assert value
    assert len(value) % 2 == 0
    assert all(isinstance(each, bytes) for each in value)


def _check_common(value: list[Value]) -> None:
    disposition, language, location = value
    if disposition is not None:
        assert isinstance(disposition, list)
        assert len(disposition) == 2
        assert isinstance(disposition[0], bytes)
        _check_parameters(disposition[1])
    assert language is None or (
        isinstance(language, list) and all(isinstance(each, bytes) for each in language)
    )
    assert location is None or isinstance(location, bytes)
