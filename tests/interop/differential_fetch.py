"""Comparing FETCH: structures field by field, then sections, partials and decoded parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from differential import Findings, Pair, Sent
from imap_answers import Answer, Asker, Fetched
from imap_values import Value

_ENVELOPE = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")
_EXTENSIONS = ("disposition", "language", "location")
_MOST_PARTS = 40
_MOST_ITEMS = 100

Flat = dict[str, object]
Parts = dict[str, str]
"""Part numbers with what they are: ``leaf``, ``multipart`` or ``message``."""


def flat_envelope(value: Value, place: str) -> Flat:
    """The fields of an envelope by name."""
    assert isinstance(value, list)
    assert len(value) == len(_ENVELOPE)
    return {f"{place} {name}": each for name, each in zip(_ENVELOPE, value, strict=True)}


def flat_body(value: Value, place: str, extended: bool, path: tuple[int, ...] = ()) -> Flat:
    """The fields of a BODY or BODYSTRUCTURE by part number and name. What is the same in any case is lower case."""
    assert isinstance(value, list)
    if isinstance(value[0], list):
        return _flat_multipart(value, place, extended, path)
    own = path or (1,)
    label = f"{place} {'.'.join(map(str, own))}"
    kind, subtype, parameters, content_id, description, encoding, octets, *rest = value
    found: Flat = {
        f"{label} type": (_lower(kind), _lower(subtype)),
        f"{label} parameters": _parameters(parameters),
        f"{label} id": content_id,
        f"{label} description": description,
        f"{label} encoding": _lower(encoding),
        f"{label} octets": octets,
    }
    if _lower(kind) == b"message" and rest and isinstance(rest[0], list):
        found |= flat_envelope(rest.pop(0), label)
        inner = rest.pop(0)
        assert isinstance(inner, list)
        inner_path = own if isinstance(inner[0], list) else (*own, 1)
        found |= flat_body(inner, place, extended, inner_path)
        found[f"{label} lines"] = rest.pop(0)
    elif _lower(kind) == b"text":
        found[f"{label} lines"] = rest.pop(0)
    if extended:
        found[f"{label} md5"] = rest.pop(0)
        found |= _flat_extensions(rest, label)
    else:
        assert not rest
    return found


def _flat_multipart(value: list[Value], place: str, extended: bool, path: tuple[int, ...]) -> Flat:
    label = f"{place} {'.'.join(map(str, path)) or '0'}"
    found: Flat = {}
    count = next(index for index, item in enumerate(value) if not isinstance(item, list))
    for number, part in enumerate(value[:count], 1):
        found |= flat_body(part, place, extended, (*path, number))
    found[f"{label} multipart"] = _lower(value[count])
    found[f"{label} parts"] = count
    if extended:
        found[f"{label} multipart parameters"] = _parameters(value[count + 1])
        found |= _flat_extensions(value[count + 2 :], f"{label} multipart")
    return found


def _flat_extensions(rest: list[Value], label: str) -> Flat:
    disposition, language, location = rest
    if isinstance(disposition, list):
        disposition = [_lower(disposition[0]), _parameters(disposition[1])]
    return {
        f"{label} {name}": each
        for name, each in zip(_EXTENSIONS, (disposition, language, location), strict=True)
    }


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, bytes) else value


def _parameters(value: Value) -> Value:
    """Names, and the names of character sets, are the same in any case (RFC 2045 5.1, RFC 2046 4.1.2)."""
    if not isinstance(value, list):
        return value
    return [
        _lower(each) if index % 2 == 0 or _lower(value[index - 1]) == b"charset" else each
        for index, each in enumerate(value)
    ]


def part_numbers(structure: Value, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """The numbers of all parts with what they are: ``leaf``, ``multipart`` or ``message``."""
    assert isinstance(structure, list)
    if isinstance(structure[0], list):
        if path:
            yield path, "multipart"
        for number, part in enumerate(structure, 1):
            if not isinstance(part, list):
                break
            yield from part_numbers(part, (*path, number))
        return
    own = path or (1,)
    if len(structure) > 8 and isinstance(structure[7], list) and isinstance(structure[8], list):
        yield own, "message"
        inner = structure[8]
        yield from part_numbers(inner, own if isinstance(inner[0], list) else (*own, 1))
    else:
        yield own, "leaf"


# FETCH

_WHOLE = (
    "BODY.PEEK[HEADER]",
    "BODY.PEEK[TEXT]",
    "BODY.PEEK[]",
    "BODY.PEEK[]<7.100>",
    "BODY.PEEK[TEXT]<3.20>",
    "BODY.PEEK[HEADER]<90.40>",
    "BODY.PEEK[]<99999999.5>",
    "BODY.PEEK[HEADER.FIELDS (SUBJECT From X-None)]",
    "BODY.PEEK[HEADER.FIELDS (Received DATE Message-Id To)]",
    "BODY.PEEK[HEADER.FIELDS (content-TYPE)]<5.30>",
    "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT From Content-Type)]",
    "BODY.PEEK[HEADER.FIELDS.NOT (X-None)]<11.50>",
    "BODY.PEEK[99]",
    "BODY.PEEK[1.99.1]",
)


def structures(pair: Pair, messages: Sequence[Sent], findings: Findings) -> list[Parts]:
    """Compare ENVELOPE, BODY and BODYSTRUCTURE; returns the parts that either sees in each message."""
    ((ours, theirs),) = pair.ask(["FETCH 1:* (ENVELOPE BODY BODYSTRUCTURE)"])
    assert ours.ok, ours.status
    assert theirs.ok, theirs.status
    parts: list[Parts] = []
    mine, others = ours.fetched(), theirs.fetched()
    for number, message in enumerate(messages, 1):
        left, right = _flattened(mine[number]), _flattened(others[number])
        for item in sorted(left.keys() & right.keys()):
            findings.compare(message.name, item, left[item], right[item])
        left_only, right_only = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
        if left_only or right_only:
            findings.differing[message.name, "BODYSTRUCTURE fields"] = ((left_only, right_only), "as told")

        numbered = dict(part_numbers(others[number]["BODYSTRUCTURE"]))
        numbered |= dict(part_numbers(mine[number]["BODYSTRUCTURE"]))
        parts.append(
            {".".join(map(str, path)): kind for path, kind in sorted(numbered.items())[:_MOST_PARTS]}
        )
    return parts


def _flattened(items: dict[str, Value]) -> Flat:
    """All fields of one message's structure. BODY must say what BODYSTRUCTURE says, on either server."""
    found = flat_body(items["BODYSTRUCTURE"], "BODYSTRUCTURE", True)
    brief = flat_body(items["BODY"], "BODYSTRUCTURE", False)
    assert brief == {name: found[name] for name in brief}
    return found | flat_envelope(items["ENVELOPE"], "ENVELOPE")


def _sections(parts: Parts) -> list[str]:
    """What is asked of each part."""
    sections: list[str] = []
    for name, kind in parts.items():
        sections += [f"BODY.PEEK[{name}]", f"BODY.PEEK[{name}.MIME]", f"BODY.PEEK[{name}]<3.10>"]
        if kind == "leaf":
            sections.append(f"BODY.PEEK[{name}.1]")
        if kind == "message":
            sections += [
                f"BODY.PEEK[{name}.HEADER]",
                f"BODY.PEEK[{name}.TEXT]",
                f"BODY.PEEK[{name}.TEXT]<1.8>",
                f"BODY.PEEK[{name}.HEADER.FIELDS (From Subject)]",
                f"BODY.PEEK[{name}.HEADER.FIELDS.NOT (From Subject)]",
            ]
    return sections


def contents(pair: Pair, messages: Sequence[Sent], parts: Sequence[Parts], findings: Findings) -> None:
    """Compare sizes, dates, sections and partials."""
    commands = ["FETCH 1:* (RFC822.SIZE INTERNALDATE)"]
    commands += [f"FETCH 1:* ({item})" for item in _WHOLE]
    for number, items in enumerate(map(_sections, parts), 1):
        for start in range(0, len(items), _MOST_ITEMS):
            commands.append(f"FETCH {number} ({' '.join(items[start : start + _MOST_ITEMS])})")
    mine: Fetched = {}
    others: Fetched = {}
    for command, answers in zip(commands, pair.ask(commands), strict=True):
        for answer, kept in zip(answers, (mine, others), strict=True):
            assert answer.ok, (command, answer.status)
            for number, values in answer.fetched().items():
                kept.setdefault(number, {}).update(values)
    _compare_items(messages, mine, others, findings)


def _compare_items(messages: Sequence[Sent], ours: Fetched, theirs: Fetched, findings: Findings) -> None:
    for number in sorted(ours.keys() | theirs.keys()):
        mine, others = ours.get(number, {}), theirs.get(number, {})
        if "INTERNALDATE" in mine:
            for items in (mine, others):
                items["INTERNALDATE"] = _moment(items["INTERNALDATE"])
        for item in sorted(mine.keys() | others.keys()):
            left, right = mine.get(item, "missing"), others.get(item, "missing")
            if left is None and right in (b"", others.get(item.replace(".1]", "]"))):
                findings.compared += 1
                findings.absent += 1
            else:
                findings.compare(messages[number - 1].name, item, left, right)


def _moment(value: Value) -> int:
    assert isinstance(value, bytes)
    return int(datetime.strptime(value.decode().strip(), "%d-%b-%Y %H:%M:%S %z").timestamp())


def binaries(pair: Pair, messages: Sequence[Sent], parts: Sequence[Parts], findings: Findings) -> None:
    """Compare BINARY and BINARY.SIZE of parts without parts. One by one, since one that cannot be decoded makes a whole
    FETCH fail, or Dovecot hang up. It decodes all parts to tell the size of one, so where it refused any, no size is
    asked of it."""
    for number, (message, numbered) in enumerate(zip(messages, parts, strict=True), 1):
        leaves = [path for path, kind in numbered.items() if kind == "leaf"]
        refused = False
        for path in leaves:
            whole = f"BINARY[{path}]"
            ours, theirs = _binary(pair, number, whole, whole)
            findings.compare(message.name, whole, ours, theirs)
            _check_own_binary(pair.ours, number, path, ours)
            if isinstance(theirs, list):
                refused = True
            elif ours == theirs:
                left, right = _binary(pair, number, f"{whole}<2.9>", f"{whole}<2>")
                findings.compare(message.name, f"{whole}<2>", left, right)
        for path in leaves if not refused else ():
            size = f"BINARY.SIZE[{path}]"
            findings.compare(message.name, size, *_binary(pair, number, size, size))


def _binary(pair: Pair, number: int, asked: str, label: str) -> tuple[Value, Value]:
    """One item of both."""
    command = f"FETCH {number} ({asked.replace('BINARY[', 'BINARY.PEEK[')})"
    ((ours, theirs),) = pair.ask([command])
    return _only(ours, number, label), _only(theirs, number, label)


def _check_own_binary(ours: Asker, number: int, path: str, whole: Value) -> None:
    """The size and a piece that Posthouse tells must fit what it sends, whatever Dovecot says."""
    size = _only(ours.ask(f"FETCH {number} (BINARY.SIZE[{path}])"), number, f"BINARY.SIZE[{path}]")
    piece = _only(ours.ask(f"FETCH {number} (BINARY.PEEK[{path}]<1.4>)"), number, f"BINARY[{path}]<1>")
    if isinstance(whole, bytes):
        assert (size, piece) == (len(whole), whole[1:5]), (number, path)
    else:
        assert (size, piece) == (0 if whole is None else whole, whole), (number, path)


def _only(answer: Answer, number: int, label: str) -> Value:
    """The one item of an answer; a refusal counts as a value, made of a list."""
    if not answer.ok:
        return [answer.status.split()[0].encode(), answer.status.partition("[")[2].partition("]")[0].encode()]
    return answer.fetched().get(number, {}).get(label, [b"missing"])
