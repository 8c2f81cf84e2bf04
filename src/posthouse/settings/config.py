"""``posthouse.toml``: only what is needed to start. Everything else is a declared setting kept in the
database."""

from __future__ import annotations

from typing import Literal

import msgspec


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One listening socket. ``path`` (a Unix socket) instead of address and port is for LMTP only.

    ``tls``: none, starttls (offered, and demanded before sign-in) or implicit. ``proxy_from``: networks whose
    connections must begin with a PROXY header (v1 or v2); the address in it is the peer from then on.
    ``http`` carries the web pages and the API; its ``tls`` is none or implicit (https).
    """

    protocol: Literal["smtp", "submission", "lmtp", "imap", "pop3", "http"]
    address: str = ""
    port: int = 0
    path: str = ""
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    proxy_from: tuple[str, ...] = ()


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A certificate chain and its key (PEM files) for these host names; the first one listed is the
    default."""

    hosts: tuple[str, ...] = ()
    chain: str
    key: str


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The start-up configuration. Paths are absolute once loaded. ``workers`` 0 means one per core.

    ``database_url`` "" is SQLite at ``<data>/posthouse.db``; else ``postgresql://…``, ``mysql://…`` or
    ``mssql://…``. ``durability`` says how messages become durable on SQLite: through a journal, or each as a file
    of its own; on another database always the latter. ``journal_size`` is how many MiB each of a worker's two
    journal files takes.
    """

    data: str = "data"
    database_url: str = ""
    durability: Literal["journal", "plain"] = "plain"
    journal_size: int = 32
    hostname: str = ""
    run_as: str = ""
    workers: int = 1
    listeners: tuple[Listener, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    control: str = ""
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __repr__(self) -> str:
        # database_url may hold a password
        return f"Config(data={self.data!r})"


class LoadedConfig(Config, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A configuration that knows where its listeners come from: ``listeners_from`` is ``listeners.toml`` (changed
    by administration), ``posthouse.toml``, ``POSTHOUSE_LISTENER`` or ``defaults``. ``initial_listeners`` are those
    without the changes of administration."""

    listeners_from: str = "defaults"
    initial_listeners: tuple[Listener, ...] = ()
