"""The register of uses: each administrative act once, with its parameters, its result, the right it needs and
its help.

The faces (command line, later API and web) only translate to and from :func:`perform`.
"""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from posthouse.database.contract import DatabaseDamaged, DatabaseUnavailable
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.manage.context import ROLE_ORDER, Actor, Context, Right, Role
from posthouse.manage.errors import ManageError
from posthouse.manage.etag import etag_of
from posthouse.observe.log import logger
from posthouse.store.contract import StoreRefusal

log = logger("manage")

Emit = Callable[[Any], Awaitable[None]]
"""Hands one intermediate value (a Progress or a piece of a message) to the caller while the use still
runs. Waits while the caller is slow; raises ConnectionError once the caller has gone."""

Body = Callable[["Call", Any], Awaitable[Any]]

About = Callable[[Any], Iterable[str]]
"""Which addresses and domains the parameters name; all of them must be the actor's to look after."""


def narrows(wanted: Any) -> Iterable[str]:
    """For ``about``: the body itself shows and changes only what ``call.actor`` governs."""
    return ()


def named(field: str) -> About:
    """For ``about``: the address or domain in this parameter."""
    return lambda wanted: (getattr(wanted, field),)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a use: the server's parts, who asks, where to send intermediate values, and (``expect``) the
    version of the thing that the caller has seen, "" when any will do."""

    context: Context
    actor: Actor
    emit: Emit
    expect: str = ""

    def check(self, current: msgspec.Struct) -> None:
        """Compare what is there now, as its ``show`` gives it, with what the caller has seen. In the unit of the
        change, before it. Raises ManageError ``conflict``."""
        if self.expect not in ("", "*") and not hmac.compare_digest(
            self.expect.encode(), etag_of(current).encode()
        ):
            raise ManageError(
                "conflict",
                "Somebody changed this meanwhile; nothing was done.",
                "Look at it again, then repeat the change if it is still wanted.",
            )


@dataclass(frozen=True, slots=True)
class Use:
    """A registered use. ``parameters`` and ``result`` are msgspec Structs; ``help`` is the docstring's
    first paragraph. ``open_to`` is the least role that may call it, ``about`` says what the call is about
    (always there where ``open_to`` is less than ``server``). ``conditional``: the body calls
    ``call.check``, so a caller may say which version it expects to change."""

    name: str
    parameters: type[msgspec.Struct]
    result: Any
    right: Right
    open_to: Role
    about: About | None
    help: str
    body: Body
    conditional: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a long use has come; ``total`` 0 means unknown."""

    text: str
    done: int = 0
    total: int = 0


class Piece(msgspec.Struct, frozen=True, kw_only=True, tag="piece"):
    """A piece of a message on its way out (base64 on the wire)."""

    data: bytes


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


class Private(msgspec.Struct, frozen=True):
    """Parameters with a secret among them: shown without their values, wherever that may be."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


_uses: dict[str, Use] = {}


def use(
    name: str,
    *,
    right: Right,
    open_to: Role = "server",
    about: About | None = None,
    conditional: bool = False,
) -> Callable[[Body], Body]:
    """Register an ``async def body(call, wanted) -> result`` under ``name`` (``thing.verb``).

    The parameter Struct and the result type are read from its annotations, the help from its docstring.
    Without ``open_to`` only the server's administrator may call it.
    """

    def register(body: Body) -> Body:
        if name in _uses:
            raise ValueError(f"use {name} registered twice")
        if (open_to == "server") != (about is None):
            raise ValueError(
                f"use {name}: say what it is about when it is open to more than the server's role"
            )
        hints = get_type_hints(body)
        wanted = list(inspect.signature(body).parameters)[1]
        text = inspect.getdoc(body) or ""
        _uses[name] = Use(
            name,
            hints[wanted],
            hints["return"],
            right,
            open_to,
            about,
            text.split("\n\n")[0].replace("\n", " "),
            body,
            conditional,
        )
        return body

    return register


def uses() -> dict[str, Use]:
    """All registered uses by name; ``manage.all`` imports every one."""
    return dict(sorted(_uses.items()))


async def nobody_listens(value: Any) -> None:
    """Drops intermediate values."""


async def perform(
    context: Context,
    actor: Actor,
    name: str,
    parameters: Any,
    emit: Emit = nobody_listens,
    expect: str = "",
) -> Any:
    """Check the right, convert the parameters, run the use, return its result (a Struct). Raises
    ManageError only. ``expect`` (see ``etag``) makes a change conditional: kind ``conflict`` when the thing is
    another by now. What was changed holds on all workers of this machine when this returns, or fails half way."""
    agreement = context.agreement
    if agreement is None:
        return await _perform(context, actor, name, parameters, emit, expect)
    before = agreement.changes
    try:
        result = await _perform(context, actor, name, parameters, emit, expect)
    except ManageError:
        await agreement.reach(before)
        raise
    await agreement.reach(before)
    return result


async def _perform(
    context: Context, actor: Actor, name: str, parameters: Any, emit: Emit, expect: str
) -> Any:
    found = _uses.get(name)
    if found is None:
        raise ManageError(
            "missing", f"There is no use called {name!r}.", "Use a client of the server's own version."
        )
    if actor.must_change and name not in WITH_EXPIRED:
        raise ManageError(
            "refused", "Your password has expired.", "Set another one first: it is all that can be done now."
        )
    if not may(actor, name):
        raise not_allowed(actor, name, found.right)
    try:
        wanted = msgspec.convert(parameters, found.parameters)
    except msgspec.ValidationError as error:
        raise _misfit(name, found.parameters, error) from None
    _check_numbers(name, wanted)
    if found.about is not None and not all(actor.governs(_key(each)) for each in found.about(wanted)):
        raise not_allowed(actor, name, found.right)
    if expect and not found.conditional:
        raise ManageError(
            "invalid", f"{name} cannot be tied to a version.", "Leave the condition (If-Match) out."
        )
    try:
        return await found.body(Call(context, actor, emit, expect), wanted)
    except (ManageError, ConnectionError):
        raise
    except DirectoryError as error:
        raise ManageError(error.kind, _sentence(error.text), _sentence(error.mend)) from None
    except DatabaseDamaged as error:
        log.error("manage.database_damaged", use=name, reason=str(error))
        raise ManageError(
            "unavailable",
            f"The database file is damaged ({error}).",
            "Stop the server, keep a copy of the data folder, and restore a backup: docs/manual/backup.md.",
        ) from None
    except DatabaseUnavailable as error:
        log.warning("manage.unavailable", use=name, reason=str(error))
        raise ManageError(
            "unavailable", "The database cannot be reached.", "Check it and try again."
        ) from None
    except StoreRefusal as refusal:
        raise ManageError(
            "refused", f"The mail store declines: {refusal.text}.", "See the reason given."
        ) from None
    except Exception:
        log.exception("manage.failed", use=name, actor=actor.name)
        raise ManageError(
            "failed", f"{name} failed inside the server.", "The server's log has the details."
        ) from None


WITH_EXPIRED = frozenset(("me.show", "me.password"))
"""What can be done by somebody whose password has expired."""


def may(actor: Actor, name: str) -> bool:
    """Whether right and role suffice for this use, whatever it may be about."""
    found = _uses[name]
    if actor.must_change and name not in WITH_EXPIRED:
        return False
    return found.right in actor.rights and ROLE_ORDER[actor.role] >= ROLE_ORDER[found.open_to]


LARGEST = 2**63 - 1
"""What the databases keep as a number."""


def _check_numbers(name: str, wanted: msgspec.Struct) -> None:
    """No database takes a larger number: it would fail there. Raises ManageError."""
    for field in wanted.__struct_fields__:
        value = getattr(wanted, field)
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            raise ManageError("invalid", f"{name}: {field} is out of range.", "Give a smaller number.")


def not_allowed(actor: Actor, name: str, right: Right) -> ManageError:
    """Always the same words, so that nobody learns what exists outside their reach."""
    return ManageError(
        "refused", f"{actor.name} may not do {name} here.", f"Ask someone with the right {right!r}."
    )


def _key(name: str) -> str:
    """An address or a domain as the directory keeps it; what is neither stays as it is and belongs to nobody
    but the server's administrator."""
    try:
        return own_address(name).key if "@" in name else domain_name(name)
    except DirectoryError:
        return name


def _sentence(text: str) -> str:
    """A clause as a sentence; an address or a domain at its start keeps its case."""
    first = text.split(" ", 1)[0]
    return (text[:1].upper() + text[1:] if first.isalpha() else text).rstrip(".") + "."


def _misfit(name: str, parameters: type[Any], error: msgspec.ValidationError) -> ManageError:
    """What does not fit the parameters of a use; where few words are possible, with these."""
    field = str(error).partition("`$.")[2].rstrip("`")
    wanted = get_type_hints(parameters).get(field)
    if get_origin(wanted) is Literal and str(error).startswith("Invalid enum value"):
        given = str(error).removeprefix("Invalid enum value ").partition(" - at ")[0]
        choices = ", ".join(str(word) for word in get_args(wanted) if word != "")
        return ManageError("invalid", f"There is no {field} {given}.", f"Give one of {choices}.")
    return ManageError("invalid", f"{name}: {error}.", "Correct the parameters.")
