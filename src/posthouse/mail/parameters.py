"""Structured MIME fields: a token, then parameters (RFC 2045 5.1, RFC 2183, RFC 2231).

``Content-Type: text/plain; charset=utf-8`` and its kin, read leniently: comments go, junk up to the next semicolon
is skipped, a quoted string that never ends takes its parameter with it.
"""

from __future__ import annotations

import re

MAX_PARAMETERS = 200
"""Parameters of one field that are kept; no honest field has more."""

_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]++"
_UNNAMED = re.compile(rb"[^;]*+(?=;)")
_TYPE = re.compile(rb"[ \t\r]*+(" + _TOKEN + rb")[ \t\r]*+/[ \t\r]*+(" + _TOKEN + rb")[ \t\r]*+(?=;|\Z)")
_WORD = re.compile(rb"[ \t\r]*+(" + _TOKEN + rb")[ \t\r]*+(?=;|\Z)")
_PARAMETER = re.compile(
    rb";[ \t\r]*+(" + _TOKEN + rb")[ \t\r]*+=[ \t\r]*+"
    rb"(?:\"((?:[^\"\\]|\\.)*+)(\"|\\?\Z)|(" + _TOKEN + rb")?)",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_LEXEME = re.compile(rb"\"(?:[^\"\\]|\\.)*+\"?|\\.|[()]|[^\"\\()]++|\\", re.DOTALL)
_LIST_ITEM = re.compile(rb"[ \t\r]*+(" + _TOKEN + rb")[ \t\r]*+(,|)")
_PIECE = re.compile(r"(.+?)\*([0-9]{1,4})(\*?)")
_ATTRIBUTE_UNSAFE = re.compile(rb"[^!#$&+\-.^_`{|}~0-9A-Za-z]")

Parameters = list[tuple[str, bytes]]


def parse_token_and_parameters(
    value: bytes, *, slash: bool = False, parameters: bool = True
) -> tuple[str | None, Parameters]:
    """The leading token (``type/subtype`` with ``slash``) in lower case and the parameters, names in lower case, values
    unquoted. None for a value that does not begin with a token; without ``parameters`` also for one that goes on
    after it."""
    if b"(" in value:
        value = without_comments(value)
    found = (_TYPE if slash else _WORD).match(value)
    if found is None or (not parameters and found.end() < len(value)):
        return None, []
    words = b"/".join(found.groups()).decode("latin-1").lower()
    if not parameters or found.end() == len(value):
        return words, []
    return words, _parameters(value, found.end())


def parse_disposition(value: bytes) -> tuple[str | None, Parameters]:
    """Content-Disposition. Without a readable type but with parameters it is an attachment (RFC 2183 2.8)."""
    words, params = parse_token_and_parameters(value)
    if words is None:
        if b"(" in value:
            value = without_comments(value)
        found = _UNNAMED.match(value)
        params = _parameters(value, found.end()) if found is not None else []
        return ("attachment" if params else None), params
    return words, params


def _parameters(value: bytes, start: int) -> Parameters:
    params: Parameters = []
    for found in _PARAMETER.finditer(value, start):
        name, quoted, end, plain = found.groups()
        if quoted is not None:
            if end != b'"':
                continue
            plain = _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        params.append((name.decode("latin-1").lower(), plain or b""))
        if len(params) == MAX_PARAMETERS:
            break
    return params


def tokens(value: bytes) -> list[bytes]:
    """A comma-separated list of tokens (Content-Language, RFC 3282), up to the first thing that is none."""
    if b"(" in value:
        value = without_comments(value)
    found: list[bytes] = []
    at = 0
    while len(found) < MAX_PARAMETERS and (item := _LIST_ITEM.match(value, at)):
        found.append(item[1])
        if not item[2]:
            break
        at = item.end()
    return found


def without_comments(value: bytes) -> bytes:
    """The value with its comments (RFC 5322 3.2.2, nested ones too) replaced by a blank. An unclosed comment reaches to
    the end."""
    kept: list[bytes] = []
    depth = 0
    for lexeme in _LEXEME.findall(value):
        if lexeme == b"(":
            depth += 1
        elif depth and lexeme == b")":
            depth -= 1
            if not depth:
                kept.append(b" ")
        elif depth and lexeme[:1] == b'"':
            depth = _depth_after(lexeme, depth)  # quotes mean nothing inside a comment
            if not depth:
                kept.append(b" ")
        elif not depth:
            kept.append(lexeme)
    return b"".join(kept)


def _depth_after(text: bytes, depth: int) -> int:
    """The nesting depth after a stretch of comment that looked like a quoted string."""
    for char in _QUOTED_PAIR.sub(b"", text):
        if char == 0x28:
            depth += 1
        elif char == 0x29 and depth:
            depth -= 1
    return depth


def merged(params: Parameters) -> Parameters:
    """Parameters with RFC 2231 continuations joined (RFC 2231 8 asks this of IMAP's BODYSTRUCTURE).

    ``name*0=a; name*1=b`` becomes ``name=ab``. When a piece is in extended syntax the result is too: ``name*`` with the
    charset in front and every other piece percent-encoded. Joined parameters come after the plain ones, extended ones
    last. Pieces that do not count up from 0 stay as they are.
    """
    if not any("*" in name for name, _ in params):
        return params
    plain: Parameters = []
    extended: Parameters = []
    pieces: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for name, value in params:
        found = _PIECE.fullmatch(name)
        if found is not None:
            pieces.setdefault(found[1], {}).setdefault(int(found[2]), (bool(found[3]), value))
        elif name.endswith("*"):
            extended.append((name, value))
        else:
            plain.append((name, value))
    for name, numbered in pieces.items():
        joined = _join(name, numbered)
        if joined is None:
            plain.extend((key, value) for key, value in params if _belongs(key, name))
        else:
            (extended if joined[0].endswith("*") else plain).append(joined)
    return plain + sorted(extended)


def _belongs(key: str, name: str) -> bool:
    found = _PIECE.fullmatch(key)
    return found is not None and found[1] == name


def _join(name: str, numbered: dict[int, tuple[bool, bytes]]) -> tuple[str, bytes] | None:
    """One parameter from its pieces; None when they are not numbered from 0 without a gap."""
    if max(numbered) != len(numbered) - 1:
        return None
    ordered = [numbered[number] for number in range(len(numbered))]
    if not any(extended for extended, _ in ordered):
        return name, b"".join([value for _, value in ordered])
    written = [value if extended else _percent(value) for extended, value in ordered]
    if not ordered[0][0]:
        written.insert(0, b"''")
    return name + "*", b"".join(written)


def _percent(value: bytes) -> bytes:
    return _ATTRIBUTE_UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], value)
