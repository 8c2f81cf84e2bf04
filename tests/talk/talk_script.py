"""Reads ``.talk`` files: a list of steps, and the matching of server lines against their patterns."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(
    r"(?P<word>given|only|do|C|C-|C=|S|S/|S\?|S!|S\.\.\.|closed|quiet|connect|close|starttls"
    r"|deflate|wait)(?:\[(?P<name>\w+)\])?(?P<dots>\.\.\.)?(?::(?: (?P<text>.*))?)?$"
)
_PLACEHOLDER = re.compile(r"\{(?:(?P<keep>[a-z_][a-z_0-9]*)=)?(?P<kind>[a-z_][a-z_0-9]*)\}")
_SENT = re.compile(
    r"\{(?:base64:(?P<base64>[^}]*)|repeat:(?P<what>[^}:]*):(?P<count>\d+)|(?P<word>[a-z_][a-z_0-9]*))\}"
)
_KINDS = {"any": rb".*", "word": rb"\S+", "number": rb"\d+"}
MODES = ("memory", "dribble", "socket")


@dataclass(slots=True)
class Step:
    """One line of a talk: ``word`` as in the file, ``name`` of the connection, ``text`` after the colon."""

    word: str
    name: str
    text: str
    line: int


@dataclass(slots=True)
class Talk:
    """A parsed file."""

    path: Path
    given: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    modes: tuple[str, ...] = MODES


def read_talk(path: Path) -> Talk:
    """Parse a file; raises ValueError with the line number for anything that is not a talk line."""
    talk = Talk(path)
    for number, raw in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        line = raw.rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f"{path.name}:{number}: not a talk line: {line!r}")
        word, text = match["word"] + (match["dots"] or ""), match["text"] or ""
        if word in ("given", "only"):
            if talk.steps:
                raise ValueError(f"{path.name}:{number}: {word} belongs at the top")
            if word == "given":
                talk.given.append(text)
            else:
                talk.modes = tuple(text.split())
        else:
            talk.steps.append(Step(word, match["name"] or "", text, number))
    if any(
        step.word == "starttls" or "tls=" in step.text
        for step in talk.steps
        if step.word in ("starttls", "connect")
    ):
        talk.modes = tuple(mode for mode in talk.modes if mode == "socket")
    if not talk.steps or not set(talk.modes) <= set(MODES) or not talk.modes:
        raise ValueError(f"{path.name}: no steps, or no known mode")
    return talk


def unescape(text: str) -> bytes:
    """The escapes of ``C=`` lines."""
    # \xHH are bytes: keep them apart from the UTF-8 of the rest.
    parts = re.split(r"\\(x[0-9a-fA-F]{2}|[rnt0\\])", text)
    out = bytearray()
    for index, part in enumerate(parts):
        if index % 2 == 0:
            out += part.encode()
        elif part[0] == "x":
            out.append(int(part[1:], 16))
        else:
            out += {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}[part]
    return bytes(out)


def sent_bytes(step: Step, kept: dict[str, bytes]) -> bytes:
    """What a ``C`` line puts on the wire."""
    out = bytearray()
    at = 0
    plain = unescape if step.word == "C=" else str.encode
    for match in _SENT.finditer(step.text):
        word = match["word"]
        if word is not None and word != "crlf" and word not in kept:
            continue
        out += plain(step.text[at : match.start()])
        at = match.end()
        if word == "crlf":
            out += b"\r\n"
        elif word is not None:
            out += kept[word]
        elif match["base64"] is not None:
            out += base64.b64encode(unescape(match["base64"]))
        else:
            out += match["what"].encode() * int(match["count"])
    out += plain(step.text[at:])
    if step.word == "C":
        out += b"\r\n"
    return bytes(out)


def pattern(step: Step, kept: dict[str, bytes]) -> re.Pattern[bytes]:
    """The regular expression an ``S`` line stands for (without CRLF)."""
    if step.word == "S/":
        return re.compile(step.text.encode(), re.DOTALL)
    out = bytearray()
    at = 0
    for match in _PLACEHOLDER.finditer(step.text):
        kind, keep = match["kind"], match["keep"]
        if kind not in _KINDS and (keep or kind not in kept):
            continue
        out += re.escape(step.text[at : match.start()].encode())
        at = match.end()
        if kind in _KINDS:
            out += b"(?P<%s>%s)" % (keep.encode(), _KINDS[kind]) if keep else b"(?:%s)" % _KINDS[kind]
        else:
            out += re.escape(kept[kind])
    out += re.escape(step.text[at:].encode())
    return re.compile(bytes(out), re.DOTALL)
