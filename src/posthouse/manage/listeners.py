"""Listeners: what the server listens on, and changing it.

``posthouse.toml`` holds the initial ones. The first change writes the complete set to ``listeners.toml`` in the
data folder, which counts from then on; ``listener.reset`` removes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.audit import note
from posthouse.manage.context import Context, ListenerState
from posthouse.manage.errors import ManageError
from posthouse.manage.probation import Pending, on_probation, undo
from posthouse.manage.reach import is_local
from posthouse.manage.use import Call, Nothing, use
from posthouse.observe.log import logger
from posthouse.settings.config import Listener, LoadedConfig
from posthouse.settings.listeners_file import MANAGED, remove_managed, write_managed
from posthouse.settings.load import ConfigError, check_listeners, read_managed

log = logger("manage.listeners")

SUBJECT = "listeners"
ENVIRONMENT = "POSTHOUSE_LISTENER"

ProtocolName = Literal["smtp", "submission", "lmtp", "imap", "pop3", "http"]
Tls = Literal["none", "starttls", "implicit"]


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


class NewListener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listener as in posthouse.toml. ``now``: without probation."""

    protocol: ProtocolName
    port: int = 0
    address: str = ""
    path: str = ""
    tls: Tls | None = None
    proxy_from: list[str] = []
    now: bool = False


class ChangedListener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The listener ``name`` with other values; what is left out stays. ``now``: without probation."""

    name: str
    port: int | None = None
    address: str | None = None
    path: str | None = None
    tls: Tls | None = None
    proxy_from: list[str] | None = None
    now: bool = False


class RemovedListener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The listener ``name``. ``now``: without probation."""

    name: str
    now: bool = False


class Reset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``now``: without probation."""

    now: bool = False


class ListenerView(msgspec.Struct, frozen=True):
    """A listener. ``name`` is where it listens (``*:25``, ``127.0.0.1:2525``, ``[::1]:993`` or a path). ``state``:
    ``open``; ``at the next start`` (not open yet); ``until the next start`` (removed, still open); ``stopped``
    (the server does not run)."""

    name: str
    protocol: str
    address: str
    port: int
    path: str
    tls: str
    proxy_from: list[str]
    state: str


class Listeners(msgspec.Struct, frozen=True):
    """In their order. ``source`` is where they come from: listeners.toml (changed by administration),
    posthouse.toml, POSTHOUSE_LISTENER or the defaults."""

    listeners: list[ListenerView]
    source: str


class ListenersChanged(msgspec.Struct, frozen=True):
    """What was changed. ``waits`` says why it takes effect at the next start only, "" when it has already;
    ``probation``: the change to confirm, 0 for none."""

    name: str
    waits: str = ""
    probation: int = 0


class FormerListeners(msgspec.Struct, frozen=True):
    """The content of listeners.toml, None where there was none."""

    managed: list[Listener] | None


@use("listener.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> Listeners:
    """List what the server listens on, and where that is said."""
    context = call.context
    live = await context.live()
    open_now = {_key(row.protocol, row.tls, row.address, row.port, row.path) for row in live.listeners}
    managed = _managed(context)
    views = []
    for listener in _initial(context) if managed is None else managed:
        state = "stopped" if not context.running else "at the next start"
        if _keys(listener) & open_now:
            state = "open"
            open_now -= _keys(listener)
        views.append(_view(listener, state))
    for protocol, tls, address, port, path in sorted(open_now):
        name = ListenerState(protocol=protocol, tls=tls, address=address, port=port, path=path).where
        state = "until the next start"
        views.append(ListenerView(name, protocol, address, port, path, tls, [], state))
    return Listeners(views, MANAGED if managed is not None else _source(context))


@use("listener.add", right="change")
async def add(call: Call, wanted: NewListener) -> ListenersChanged:
    """Listen on one more port or Unix socket. On probation."""
    default: Tls = "none" if wanted.protocol in ("http", "lmtp") else "starttls"
    listener = Listener(
        protocol=wanted.protocol,
        address=wanted.address.strip(),
        port=wanted.port,
        path=wanted.path,
        tls=wanted.tls or default,
        proxy_from=tuple(wanted.proxy_from),
    )

    def change(before: tuple[Listener, ...]) -> tuple[Listener, ...]:
        if name_of(listener) in {name_of(other) for other in before}:
            raise ManageError(
                "exists",
                f"{name_of(listener)} is listened on already.",
                "Change that one, or name another port.",
            )
        return (*before, listener)

    summary = f"Listen on {name_of(listener)} ({listener.protocol})"
    return await _change(call, "listener.add", name_of(listener), summary, change, wanted.now)


@use("listener.change", right="change")
async def alter(call: Call, wanted: ChangedListener) -> ListenersChanged:
    """Change port, address, TLS or trusted proxies of a listener. On probation."""
    fields = {
        name: value
        for name, value in (
            ("port", wanted.port),
            ("address", wanted.address),
            ("path", wanted.path),
            ("tls", wanted.tls),
            ("proxy_from", None if wanted.proxy_from is None else tuple(wanted.proxy_from)),
        )
        if value is not None
    }

    def change(before: tuple[Listener, ...]) -> tuple[Listener, ...]:
        old = _find(before, wanted.name)
        return tuple(msgspec.structs.replace(one, **fields) if one is old else one for one in before)

    summary = f"Change the listener {wanted.name}: " + ", ".join(
        f"{key} {value}" for key, value in fields.items()
    )
    return await _change(call, "listener.change", wanted.name, summary, change, wanted.now)


@use("listener.remove", right="change")
async def remove(call: Call, wanted: RemovedListener) -> ListenersChanged:
    """Listen on a port or Unix socket no more; sessions that are open go on. On probation."""

    def change(before: tuple[Listener, ...]) -> tuple[Listener, ...]:
        old = _find(before, wanted.name)
        return tuple(one for one in before if one is not old)

    summary = f"Listen no more on {wanted.name}"
    return await _change(call, "listener.remove", wanted.name, summary, change, wanted.now)


@use("listener.reset", right="change")
async def reset(call: Call, wanted: Reset) -> ListenersChanged:
    """Go back to the listeners of posthouse.toml. On probation."""
    if _managed(call.context) is None:
        raise ManageError(
            "missing",
            "The listeners were not changed by administration.",
            "They are those of posthouse.toml already.",
        )

    summary = "Go back to the listeners of posthouse.toml"
    return await _change(call, "listener.reset", SUBJECT, summary, None, wanted.now)


@undo("listeners.restore")
async def restore(call: Call, former: FormerListeners, row: Pending) -> None:
    """listeners.toml as it was, and its listeners open."""
    if await row.is_due():
        managed = None if former.managed is None else tuple(former.managed)
        _store(call.context, managed)
        await _open(call.context, _initial(call.context) if managed is None else managed)
    await row.settled()


class _Changer(Protocol):
    def __call__(self, before: tuple[Listener, ...], /) -> tuple[Listener, ...]: ...


async def _change(
    call: Call, use_name: str, name: str, summary: str, change: _Changer | None, now: bool
) -> ListenersChanged:
    """Check, write down, carry out; in this order, so that whatever fails on the way is taken back. ``change``
    None: back to the initial ones."""
    context = call.context
    async with context.changing:
        _check_changeable(context)
        managed = _managed(context)
        initial = _initial(context)
        before = initial if managed is None else managed
        after = initial if change is None else change(before)
        _check(call, before, after, use_name)
        prepared = context.doors.prepare(after) if context.doors is not None else None
        waits = prepared.waits if prepared is not None else "the server is stopped"

        def op(tx: Transaction) -> int:
            note(
                tx,
                call.actor,
                use_name,
                name,
                before={"listeners": _told(one for one in before if one not in after)},
                after={"listeners": _told(one for one in after if one not in before)},
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
    if _source(context) == ENVIRONMENT:
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


def _managed(context: Context) -> tuple[Listener, ...] | None:
    if _source(context) == ENVIRONMENT:
        return None
    try:
        return read_managed(context.config.data)
    except ConfigError as error:
        raise ManageError("unavailable", f"{error}.", error.mend) from None


def _initial(context: Context) -> tuple[Listener, ...]:
    config = context.config
    if isinstance(config, LoadedConfig) and config.listeners_from == MANAGED:
        return config.initial_listeners
    return config.listeners


def _source(context: Context) -> str:
    config = context.config
    if not isinstance(config, LoadedConfig):
        return "defaults"
    if config.listeners_from == MANAGED:
        return "posthouse.toml"
    return config.listeners_from


def name_of(listener: Listener) -> str:
    """``*:25``, ``127.0.0.1:2525``, ``[::1]:993``, or the path of a Unix socket."""
    if listener.path:
        return listener.path
    host = f"[{listener.address}]" if ":" in listener.address else listener.address or "*"
    return f"{host}:{listener.port}"


def _find(listeners: tuple[Listener, ...], name: str) -> Listener:
    for listener in listeners:
        if name_of(listener) == name.strip():
            return listener
    raise ManageError(
        "missing",
        f"There is no listener {name}.",
        f"There are {', '.join(name_of(one) for one in listeners)}.",
    )


def _told(listeners: Iterable[Listener]) -> list[str]:
    return [f"{one.protocol} {name_of(one)} {one.tls}" for one in listeners]


def _view(listener: Listener, state: str) -> ListenerView:
    return ListenerView(
        name_of(listener),
        listener.protocol,
        listener.address,
        listener.port,
        listener.path,
        listener.tls,
        list(listener.proxy_from),
        state,
    )


_Place = tuple[str, str, str, int, str]


def _key(protocol: str, tls: str, address: str, port: int, path: str) -> _Place:
    return (protocol, tls, address, port, path)


def _keys(listener: Listener) -> set[_Place]:
    """As the open sockets of this listener are told: one without an address has one for each family."""
    hosts = [listener.address] if listener.address or listener.path else ["0.0.0.0", "::"]  # noqa: S104
    return {_key(listener.protocol, listener.tls, host, listener.port, listener.path) for host in hosts}
