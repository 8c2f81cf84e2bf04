"""Command lines (RFC 1939 3, RFC 2449, RFC 2595 4, RFC 5034, RFC 6856)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a session is (RFC 1939 3); the update state has no commands."""

    AUTHORIZATION = 1
    TRANSACTION = 2


_BOTH = (State.AUTHORIZATION, State.TRANSACTION)

_KNOWN: dict[str, tuple[tuple[State, ...], int, int]] = {
    # states, fewest and most arguments; PASS and USER take the rest of the line as one
    "CAPA": (_BOTH, 0, 0),
    "QUIT": (_BOTH, 0, 0),
    "USER": ((State.AUTHORIZATION,), 1, 1),
    "PASS": ((State.AUTHORIZATION,), 1, 1),
    "AUTH": ((State.AUTHORIZATION,), 0, 2),
    "STLS": ((State.AUTHORIZATION,), 0, 0),
    "UTF8": ((State.AUTHORIZATION,), 0, 0),
    "STAT": ((State.TRANSACTION,), 0, 0),
    "LIST": ((State.TRANSACTION,), 0, 1),
    "UIDL": ((State.TRANSACTION,), 0, 1),
    "RETR": ((State.TRANSACTION,), 1, 1),
    "TOP": ((State.TRANSACTION,), 2, 2),
    "DELE": ((State.TRANSACTION,), 1, 1),
    "RSET": ((State.TRANSACTION,), 0, 0),
    "NOOP": ((State.TRANSACTION,), 0, 0),
}

_NUMBERS = frozenset(("LIST", "UIDL", "RETR", "TOP", "DELE"))


@dataclass(frozen=True, slots=True)
class Command:
    """A well-formed command for the present state. ``text`` holds the arguments of USER, PASS and AUTH,
    ``numbers`` those of the others."""

    verb: str
    text: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no command here; ``text`` is for the client."""

    text: str


def parse(line: bytes, state: State) -> Command | Bad:
    """Read one command line (without its line end)."""
    word, _, rest = line.partition(b" ")
    try:
        verb = word.decode("ascii").upper()
    except UnicodeDecodeError:
        return Bad("Unknown command")
    known = _KNOWN.get(verb)
    if known is None:
        return Bad("Unknown command")
    states, fewest, most = known
    if state not in states:
        return Bad("Not before sign-in" if state is State.AUTHORIZATION else "Not after sign-in")
    if verb in ("USER", "PASS"):
        # RFC 1939 7: a password may contain spaces. One trailing space is not part of a name.
        arguments = [rest if verb == "PASS" else rest.strip(b" ")] if rest else []
    else:
        arguments = rest.split()
    if not fewest <= len(arguments) <= most:
        return Bad(f"{verb} takes {'no' if most == 0 else 'other'} arguments")
    if verb in _NUMBERS:
        return _numbers(verb, arguments)
    try:
        text = tuple(argument.decode("utf-8") for argument in arguments)
    except UnicodeDecodeError:
        return Bad("The argument is not UTF-8")
    if any(not character.isprintable() for argument in text for character in argument):
        return Bad("The argument has control characters")
    return Command(verb, text)


def _numbers(verb: str, arguments: list[bytes]) -> Command | Bad:
    numbers = []
    for place, argument in enumerate(arguments):
        # isdigit of bytes is ASCII only; ten digits are more messages than a mailbox can hold.
        if not argument.isdigit() or len(argument) > 10:
            return Bad("That is no message number" if place == 0 else "That is no number of lines")
        numbers.append(int(argument))
    return Command(verb, (), tuple(numbers))
