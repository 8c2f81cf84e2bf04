"""The root of the object tree."""

from __future__ import annotations

from types import TracebackType

import httpx2

from posthouse.client import generated as api
from posthouse.client.accounts import Account, Accounts
from posthouse.client.aliases import Alias, Aliases
from posthouse.client.backups import BackupManager
from posthouse.client.collection import ItemBy
from posthouse.client.diagnostics import Diagnostics, Utilities
from posthouse.client.domains import Domain, Domains
from posthouse.client.link import Link, Verify
from posthouse.client.message import Message
from posthouse.client.queue import GlobalObjects
from posthouse.client.settings import Settings
from posthouse.client.status import Status


class Links:
    """Things by their name, wherever they are."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    @property
    def domain(self) -> ItemBy[Domain]:
        """A domain by its name."""
        return Domains(self._calls).item_by_name

    @property
    def account(self) -> ItemBy[Account]:
        """An account by its address."""
        return Accounts(self._calls).item_by_address

    @property
    def alias(self) -> ItemBy[Alias]:
        """An alias by its address."""
        return Aliases(self._calls).item_by_name


class Application:
    """A Posthouse server, as one token may see it.

    ``url`` is ``https://HOST[:PORT]``; unencrypted only on the server itself (``http://localhost``). ``token`` is
    made by ``posthouse token add``. ``verify`` is a PEM file with the certificates to trust, where the system's do
    not do. ``timeout``: seconds to wait for an answer. ``patience``: seconds that a call waits at most when the
    server asks to slow down. One Application for one thread; ``close()`` it, or use ``with``. ``transport`` is for
    tests, and for ways of one's own to the server. Raises ValueError when url or token
    cannot be right.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        verify: Verify = True,
        timeout: float = 60.0,
        patience: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._link = Link(url, token, verify=verify, timeout=timeout, patience=patience, transport=transport)
        self.calls = api.Calls(self._link)
        """Every call of the API."""

    def __repr__(self) -> str:
        return f"Application({self._link.url!r})"

    def __enter__(self) -> Application:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._link.close()

    def connect(self) -> api.Me:
        """Ask who we are: raises what is wrong with address, certificate or token."""
        return self.calls.me_show()

    @property
    def version(self) -> str:
        """The server's version."""
        return self.calls.status().version

    @property
    def status(self) -> Status:
        """How the server is now."""
        return Status(self.calls)

    @property
    def domains(self) -> Domains:
        """The domains, as they are now."""
        return Domains(self.calls)

    @property
    def settings(self) -> Settings:
        """The settings."""
        return Settings(self.calls)

    @property
    def links(self) -> Links:
        """Domains, accounts and aliases by their name."""
        return Links(self.calls)

    @property
    def global_objects(self) -> GlobalObjects:
        """The queue."""
        return GlobalObjects(self.calls)

    @property
    def diagnostics(self) -> Diagnostics:
        """Checks of everything around the server."""
        return Diagnostics(self.calls)

    @property
    def backup_manager(self) -> BackupManager:
        """Backups."""
        return BackupManager(self.calls)

    @property
    def utilities(self) -> Utilities:
        """What is useful besides."""
        return Utilities(self.calls)

    def message(self) -> Message:
        """A new message; ``save()`` sends it."""
        return Message(self.calls)
