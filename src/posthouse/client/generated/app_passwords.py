"""App passwords. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.topic import Topic, given, path_of


class AppPassword(msgspec.Struct, frozen=True, kw_only=True):
    """An app password, without its secret; `begins` are its first letters. `expires_at` 0 = never,
    `last_used` 0 = not yet."""

    id: int
    address: str
    name: str
    begins: str
    protocols: list[str]
    networks: list[str]
    created_at: float
    expires_at: float
    last_used: float
    last_peer: str


class AppPasswords(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    app_passwords: list[AppPassword]


class MadeAppPassword(msgspec.Struct, frozen=True, kw_only=True):
    """A new app password, which is shown this once; `qr` is address and password as an SVG picture, for the
    camera of a phone to copy them from."""

    password: str
    qr: str
    about: AppPassword


class AppPasswordsCalls(Topic):
    """Calls of the topic App passwords."""

    def app_password_list(self, *, address: str | None = None) -> AppPasswords:
        """List app passwords, your own or those of an account, with when they were used last. Never the
        passwords. Right: view."""
        return self._link.ask(
            "GET", "/app-passwords", AppPasswords, query=given({}, ("address", address, None))
        )

    def app_password_add(
        self,
        *,
        name: str,
        protocols: Sequence[str] = (),
        networks: Sequence[str] = (),
        days: int = 0,
        address: str | None = None,
        idempotency_key: str = "",
    ) -> MadeAppPassword:
        """Make an app password for a mail program; it is shown once. Right: change."""
        return self._link.ask(
            "POST",
            "/app-passwords",
            MadeAppPassword,
            body=given(
                {"name": name},
                ("protocols", protocols, ()),
                ("networks", networks, ()),
                ("days", days, 0),
                ("address", address, None),
            ),
            key=idempotency_key,
        )

    def app_password_remove(self, id: int) -> AppPassword:
        """Remove an app password; it is refused from then on, by all workers. Right: change."""
        return self._link.ask("DELETE", path_of("/app-passwords/{}", id), AppPassword)
