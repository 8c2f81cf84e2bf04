"""Listeners: what the server listens on, and changing it.

``posthouse.toml`` holds the initial ones. The first change writes the complete set to ``listeners.toml`` in the
data folder, which counts from then on; ``listener.reset`` removes it.
"""

from __future__ import annotations

import msgspec

from posthouse.manage.context import ListenerState
from posthouse.manage.errors import ManageError
from posthouse.manage.listener_change import SUBJECT, change_listeners, initial, managed_here, source
from posthouse.manage.listener_views import (
    ChangedListener,
    Listeners,
    ListenersChanged,
    ListenerView,
    NewListener,
    RemovedListener,
    Reset,
    Tls,
    find,
    key_of,
    keys_of,
    name_of,
    view,
)
from posthouse.manage.use import Call, Nothing, use
from posthouse.settings.config import Listener
from posthouse.settings.listeners_file import MANAGED


@use("listener.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> Listeners:
    """List what the server listens on, and where that is said."""
    context = call.context
    live = await context.live()
    open_now = {key_of(row.protocol, row.tls, row.address, row.port, row.path) for row in live.listeners}
    managed = managed_here(context)
    views = []
    for listener in initial(context) if managed is None else managed:
        state = "stopped" if not context.running else "at the next start"
        if keys_of(listener) & open_now:
            state = "open"
            open_now -= keys_of(listener)
        views.append(view(listener, state))
    for protocol, tls, address, port, path in sorted(open_now):
        name = ListenerState(protocol=protocol, tls=tls, address=address, port=port, path=path).where
        state = "until the next start"
        views.append(ListenerView(name, protocol, address, port, path, tls, [], state))
    return Listeners(views, MANAGED if managed is not None else source(context))


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
    return await change_listeners(call, "listener.add", name_of(listener), summary, change, wanted.now)


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
        old = find(before, wanted.name)
        return tuple(msgspec.structs.replace(one, **fields) if one is old else one for one in before)

    summary = f"Change the listener {wanted.name}: " + ", ".join(
        f"{key} {value}" for key, value in fields.items()
    )
    return await change_listeners(call, "listener.change", wanted.name, summary, change, wanted.now)


@use("listener.remove", right="change")
async def remove(call: Call, wanted: RemovedListener) -> ListenersChanged:
    """Listen on a port or Unix socket no more; sessions that are open go on. On probation."""

    def change(before: tuple[Listener, ...]) -> tuple[Listener, ...]:
        old = find(before, wanted.name)
        return tuple(one for one in before if one is not old)

    summary = f"Listen no more on {wanted.name}"
    return await change_listeners(call, "listener.remove", wanted.name, summary, change, wanted.now)


@use("listener.reset", right="change")
async def reset(call: Call, wanted: Reset) -> ListenersChanged:
    """Go back to the listeners of posthouse.toml. On probation."""
    if managed_here(call.context) is None:
        raise ManageError(
            "missing",
            "The listeners were not changed by administration.",
            "They are those of posthouse.toml already.",
        )

    summary = "Go back to the listeners of posthouse.toml"
    return await change_listeners(call, "listener.reset", SUBJECT, summary, None, wanted.now)
