"""The command line of sendmail, as programs have used it for forty years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["send", "smtp", "list", "nothing"]


class Usage(Exception):
    """A command line that is not understood; args[0] says why."""


@dataclass(slots=True)
class Options:
    """``sender`` None: not given; "" or ``<>``: the null path."""

    mode: Mode = "send"
    recipients: list[str] = field(default_factory=list)
    from_header: bool = False
    dot_ends: bool = True
    sender: str | None = None
    name: str = ""
    notify: tuple[str, ...] = ()
    ret: str = ""
    envid: str = ""


_MODES: dict[str, Mode] = {"m": "send", "p": "list", "s": "smtp", "i": "nothing"}


def parse(arguments: Sequence[str]) -> Options:
    """Read a command line. Options that mean nothing here are taken and ignored. Raises Usage."""
    options = Options()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            options.recipients += rest
            break
        if len(word) < 2 or word[0] != "-":
            options.recipients.append(word)
            continue
        _option(options, word[1], word[2:], rest)
    return options


def _option(options: Options, letter: str, value: str, rest: list[str]) -> None:
    match letter:
        case "t":
            options.from_header = True
            if "i" in value:
                options.dot_ends = False
        case "i":
            options.dot_ends = False
            if "t" in value:
                options.from_header = True
        case "b":
            _mode(options, value)
        case "q":
            options.mode = "nothing"  # mail leaves by itself
        case "f" | "r":
            options.sender = _value(letter, value, rest)
        case "F":
            options.name = _value(letter, value, rest)
        case "N":
            options.notify = tuple(_value(letter, value, rest).upper().split(","))
        case "R":
            options.ret = _value(letter, value, rest).upper()
        case "V":
            options.envid = _value(letter, value, rest)
        case "o":
            _old(options, _value(letter, value, rest))
        case "B" | "C" | "X" | "O" | "L" | "p" | "h":
            _value(letter, value, rest)
        case "A" | "G" | "U" | "d" | "e" | "m" | "n" | "s" | "v":
            pass
        case _:
            raise Usage(f"option -{letter} is not known")


def _mode(options: Options, value: str) -> None:
    if value[:1] not in _MODES:
        raise Usage(f"-b{value} is not offered; -bm, -bp, -bs are")
    options.mode = _MODES[value[0]]


def _old(options: Options, value: str) -> None:
    """``-oi`` and its kin; others of these set what is no question here."""
    if value.startswith("i"):
        options.dot_ends = False


def _value(letter: str, value: str, rest: list[str]) -> str:
    if value:
        return value
    if not rest:
        raise Usage(f"option -{letter} wants a value")
    return rest.pop(0)
