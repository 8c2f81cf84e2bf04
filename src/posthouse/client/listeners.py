"""Listeners, as ``app.settings.tcp_ip_ports``."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, get_args

from posthouse.client import generated as api
from posthouse.client.collection import Collection, ItemBy, Page
from posthouse.client.edit import UNSAVED
from posthouse.client.errors import NotFound

Protocol = Literal["smtp", "submission", "lmtp", "imap", "pop3", "http"]
Tls = Literal["none", "starttls", "implicit"]


class ConnectionSecurity(IntEnum):
    """How a listener speaks TLS, in hMailServer's numbers. A client may always leave STARTTLS out to deliver mail; to
    sign in it needs TLS, so 2 and 3 are the same here."""

    NONE = 0
    TLS = 1
    STARTTLS_OPTIONAL = 2
    STARTTLS_REQUIRED = 3


_TLS: dict[ConnectionSecurity, Tls] = {
    ConnectionSecurity.NONE: "none",
    ConnectionSecurity.TLS: "implicit",
    ConnectionSecurity.STARTTLS_OPTIONAL: "starttls",
    ConnectionSecurity.STARTTLS_REQUIRED: "starttls",
}
_SECURITY = {
    "none": ConnectionSecurity.NONE,
    "implicit": ConnectionSecurity.TLS,
    "starttls": ConnectionSecurity.STARTTLS_OPTIONAL,
}


class TCPIPPort:
    """A listener. A change is on probation: ``probation`` is its id, and the change goes back by itself unless it is
    confirmed in time (``app.calls.probation_confirm``)."""

    def __init__(self, calls: api.Calls, seen: api.ListenerView | None = None) -> None:
        self._calls = calls
        self._seen = seen
        self._added: list[TCPIPPorts] = []
        self.protocol = seen.protocol if seen is not None else ""
        self.port_number = seen.port if seen is not None else 0
        self.address = seen.address if seen is not None else ""
        self.connection_security = (
            _SECURITY[seen.tls] if seen is not None else ConnectionSecurity.STARTTLS_OPTIONAL
        )
        self.probation = 0
        self.waits = ""
        """Why the last change acts at the next start only; "" when it acts already."""

    def __repr__(self) -> str:
        return f"<TCPIPPort {self.protocol or '(new)'} {self.name}>"

    @property
    def name(self) -> str:
        """Where it listens: ``*:25``, ``127.0.0.1:2525``, or the path of a socket; "" for a new one."""
        return self._seen.name if self._seen is not None else ""

    @property
    def state(self) -> str:
        """``open``, or why it is not."""
        return self._seen.state if self._seen is not None else ""

    def save(self) -> None:
        """Add the listener, or change it."""
        tls = _TLS[ConnectionSecurity(self.connection_security)]
        if self._seen is None:
            self._taken(
                self._calls.listener_add(
                    protocol=_protocol(self.protocol), port=self.port_number, address=self.address, tls=tls
                )
            )
            return
        seen = self._seen
        if self.protocol != seen.protocol:
            raise ValueError("The protocol of a listener cannot be changed; delete it, and add another one.")
        if (self.port_number, self.address, tls) == (seen.port, seen.address, seen.tls):
            return
        changed = self._calls.listener_change(
            name=seen.name,
            port=self.port_number if self.port_number != seen.port else None,
            address=self.address if self.address != seen.address else None,
            tls=tls if tls != seen.tls else None,
        )
        self._taken(changed)

    def delete(self) -> None:
        """Listen there no more."""
        if self._seen is None:
            raise ValueError(UNSAVED)
        changed = self._calls.listener_remove(name=self._seen.name)
        self.probation, self.waits = changed.probation, changed.waits
        self._seen = None

    def _taken(self, changed: api.ListenersChanged) -> None:
        self.probation, self.waits = changed.probation, changed.waits
        for each in self._calls.listener_list().listeners:
            if each.name == changed.name:
                self._seen = each
        for ports in self._added:
            ports.refresh()


class TCPIPPorts(Collection[TCPIPPort]):
    """The listeners."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls
        super().__init__(self._page)

    def _page(self, after: str) -> Page[TCPIPPort]:
        found = [TCPIPPort(self._calls, each) for each in self._calls.listener_list().listeners]
        return Page(found, "", len(found))

    @property
    def item_by_name(self) -> ItemBy[TCPIPPort]:
        """One listener by where it listens (``*:25``). Raises NotFound."""
        return ItemBy(self._find)

    def _find(self, name: str) -> TCPIPPort:
        for each in self._page("").items:
            if each.name == name:
                return each
        raise NotFound(404, f"There is no listener {name}.", field="name")

    def add(self) -> TCPIPPort:
        """A new listener; ``save()`` opens it."""
        port = TCPIPPort(self._calls)
        port._added.append(self)
        return port

    def set_default(self) -> int:
        """Back to the listeners of the configuration file; the id of the change on probation."""
        changed = self._calls.listener_reset()
        self.refresh()
        return changed.probation


def _protocol(text: str) -> Protocol:
    for known in get_args(Protocol):
        if text.lower() == known:
            found: Protocol = known
            return found
    raise ValueError(f"{text!r} is no protocol of a listener; there are {', '.join(get_args(Protocol))}.")
