"""A change of the listeners: checked, written down, carried out, and put back when nobody confirms it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.listener_views import ListenersChanged, told
from posthouse.manage.probation import Pending, on_probation, undo
from posthouse.manage.reach import is_local
from posthouse.manage.use import Call
from posthouse.observe.log import logger
from posthouse.settings.config import Listener, LoadedConfig
from posthouse.settings.config_error import ConfigError
from posthouse.settings.config_listeners import check_listeners
from posthouse.settings.listeners_file import MANAGED, remove_managed, write_managed
from posthouse.settings.load import read_managed

log = logger("manage.listeners")

SUBJECT = "listeners"
ENVIRONMENT = "POSTHOUSE_LISTENER"


class Prepared(Protocol):
    """A change of the listeners whose new sockets are bound. ``waits`` says why it cannot act before the next
    start, "" when it can."""

    waits: str

    async def apply(self) -> None:
        """Listen on the new ones, no more on those that are gone."""

    def drop(self) -> None:
        """Close what was bound: the change is not made."""


class Doors(Protocol):
    """What opens and closes listeners while the server runs."""

    def prepare(self, wanted: tuple[Listener, ...]) -> Prepared:
        """Bind what is new among these listeners, or find that it must wait. Raises ManageError when a port is
        taken or an address is not this machine's."""


class FormerListeners(msgspec.Struct, frozen=True):
    """The content of listeners.toml, None where there was none."""

    managed: list[Listener] | None


@undo("listeners.restore")
async def restore(call: Call, former: FormerListeners, row: Pending) -> None:
    """listeners.toml as it was, and its listeners open."""
    if await row.is_due():
        managed = None if former.managed is None else tuple(former.managed)
        _store(call.context, managed)
        await _open(call.context, initial(call.context) if managed is None else managed)
    await row.settled()


class _Changer(Protocol):
    def __call__(self, before: tuple[Listener, ...], /) -> tuple[Listener, ...]: ...


async def change_listeners(
    call: Call, use_name: str, name: str, summary: str, change: _Changer | None, now: bool
) -> ListenersChanged:
    """Check, write down, carry out; in this order, so that whatever fails on the way is taken back. ``change``
    None: back to the initial ones."""
    context = call.context
    async with context.changing:
        _check_changeable(context)
        managed = managed_here(context)
        at_first = initial(context)
        before = at_first if managed is None else managed
        after = at_first if change is None else change(before)
        _check(call, before, after, use_name)
        prepared = context.doors.prepare(after) if context.doors is not None else None
        waits = prepared.waits if prepared is not None else "the server is stopped"

        def op(tx: Transaction) -> int:
            note(
                tx,
                call.actor,
                use_name,
                name,
                before={"listeners": told(one for one in before if one not in after)},
                after={"listeners": told(one for one in after if one not in before)},
            )
            return on_probation(
                tx,
                call,
                use_name=use_name,
                subject=SUBJECT,
                summary=summary,
                undo_name="listeners.restore",
                former=FormerListeners(None if managed is None else list(managed)),
                now=now,
                at_start=bool(waits),
            )

        probation = 0
        try:
            probation = await context.database.run(op)
            _store(context, None if change is None else after)
        except BaseException:
            if prepared is not None:
                prepared.drop()
            if probation:  # the file could not be written: nothing changed, so nothing waits
                await Pending(context, call.actor, probation).settled()
            raise
        if prepared is not None:
            await prepared.apply()
        return ListenersChanged(name, waits, probation)


def _check_changeable(context: Context) -> None:
    if source(context) == ENVIRONMENT:
        raise ManageError(
            "refused",
            "The listeners are given by the environment variable POSTHOUSE_LISTENER.",
            "Change them there, or take the variable away to change them here.",
        )


def _check(call: Call, before: tuple[Listener, ...], after: tuple[Listener, ...], use_name: str) -> None:
    try:
        check_listeners(after, "the new listeners")
    except ConfigError as error:
        field = error.key.partition("].")[2]
        what = f"{field}: {error.what}" if field else error.what
        raise ManageError("invalid", f"{what[:1].upper()}{what[1:]}.", error.mend) from None
    for listener in after:
        if any(ord(char) < 32 or ord(char) == 127 for char in listener.path):
            raise ManageError("invalid", "Path: it holds control characters.", "Name another path.")
    web = any(one.protocol == "http" for one in after)
    if web or not any(one.protocol == "http" for one in before):
        return
    if use_name == "listener.reset" and is_local(call.actor):
        return
    raise ManageError(
        "refused",
        "Without an http listener nobody could administer this server in the browser any more.",
        "Add another http listener first.",
    )


async def _open(context: Context, wanted: tuple[Listener, ...]) -> None:
    """Listen as before a change, as far as that can be done now."""
    if context.doors is None:
        return
    try:
        prepared = context.doors.prepare(wanted)
    except ManageError as error:
        log.error("listeners.not_restored", reason=error.what, effect="at the next start")
        return
    if prepared.waits:
        log.warning("listeners.restored_later", reason=prepared.waits, effect="at the next start")
    await prepared.apply()


def _store(context: Context, managed: tuple[Listener, ...] | None) -> None:
    data = context.config.data
    try:
        if managed is None:
            remove_managed(data)
        else:
            write_managed(data, managed)
    except OSError as error:
        raise ManageError(
            "unavailable", f"{MANAGED} cannot be written: {error}.", "Check the data folder and its disk."
        ) from error


def managed_here(context: Context) -> tuple[Listener, ...] | None:
    if source(context) == ENVIRONMENT:
        return None
    try:
        return read_managed(context.config.data)
    except ConfigError as error:
        raise ManageError("unavailable", f"{error}.", error.mend) from None


def initial(context: Context) -> tuple[Listener, ...]:
    config = context.config
    if isinstance(config, LoadedConfig) and config.listeners_from == MANAGED:
        return config.initial_listeners
    return config.listeners


def source(context: Context) -> str:
    config = context.config
    if not isinstance(config, LoadedConfig):
        return "defaults"
    if config.listeners_from == MANAGED:
        return "posthouse.toml"
    return config.listeners_from
