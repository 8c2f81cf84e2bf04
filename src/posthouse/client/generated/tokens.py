"""Tokens. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.topic import Topic, given, path_of


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token with its secret, which is shown this once."""

    token: str
    about: Token


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret. `expires_at` 0 = never, `last_used` 0 = not yet."""

    id: int
    address: str
    name: str
    rights: list[str]
    domains: list[str]
    networks: list[str]
    created_at: float
    expires_at: float
    last_used: float
    last_peer: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    tokens: list[Token]


class TokensCalls(Topic):
    """Calls of the topic Tokens."""

    def token_list(self, *, address: str | None = None) -> Tokens:
        """List API tokens: your own, those of an account, or on the command line all. Never their secrets.
        Right: view."""
        return self._link.ask("GET", "/tokens", Tokens, query=given({}, ("address", address, None)))

    def token_add(
        self,
        *,
        name: str,
        rights: Sequence[Literal["view", "change", "read_mail", "send"]] = ("view",),
        domains: Sequence[str] = (),
        networks: Sequence[str] = (),
        days: int | None = None,
        address: str | None = None,
        idempotency_key: str = "",
    ) -> MadeToken:
        """Make an API token; its secret is shown once. Right: change."""
        return self._link.ask(
            "POST",
            "/tokens",
            MadeToken,
            body=given(
                {"name": name},
                ("rights", rights, ("view",)),
                ("domains", domains, ()),
                ("networks", networks, ()),
                ("days", days, None),
                ("address", address, None),
            ),
            key=idempotency_key,
        )

    def token_remove(self, id: int) -> Token:
        """Remove an API token; it is refused from then on. Right: change."""
        return self._link.ask("DELETE", path_of("/tokens/{}", id), Token)
