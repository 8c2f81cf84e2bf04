"""Listeners as people name and see them, and what is asked and answered about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from posthouse.manage.errors import ManageError
from posthouse.settings.config import Listener

ProtocolName = Literal["smtp", "submission", "lmtp", "imap", "pop3", "http"]
Tls = Literal["none", "starttls", "implicit"]


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


def name_of(listener: Listener) -> str:
    """``*:25``, ``127.0.0.1:2525``, ``[::1]:993``, or the path of a Unix socket."""
    if listener.path:
        return listener.path
    host = f"[{listener.address}]" if ":" in listener.address else listener.address or "*"
    return f"{host}:{listener.port}"


def find(listeners: tuple[Listener, ...], name: str) -> Listener:
    for listener in listeners:
        if name_of(listener) == name.strip():
            return listener
    raise ManageError(
        "missing",
        f"There is no listener {name}.",
        f"There are {', '.join(name_of(one) for one in listeners)}.",
    )


def told(listeners: Iterable[Listener]) -> list[str]:
    return [f"{one.protocol} {name_of(one)} {one.tls}" for one in listeners]


def view(listener: Listener, state: str) -> ListenerView:
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


Place = tuple[str, str, str, int, str]


def key_of(protocol: str, tls: str, address: str, port: int, path: str) -> Place:
    return (protocol, tls, address, port, path)


def keys_of(listener: Listener) -> set[Place]:
    """As the open sockets of this listener are told: one without an address has one for each family."""
    hosts = [listener.address] if listener.address or listener.path else ["0.0.0.0", "::"]  # noqa: S104
    return {key_of(listener.protocol, listener.tls, host, listener.port, listener.path) for host in hosts}
