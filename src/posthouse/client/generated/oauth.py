"""OAuth. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.topic import Topic, given, path_of


class OAuthClient(msgspec.Struct, frozen=True, kw_only=True):
    """A program. `by_hand`: an administrator entered it, else it made itself known from `peer`. `grants`:
    how many times people let it in."""

    id: int
    client_id: str
    name: str
    redirect_uris: list[str]
    by_hand: bool
    peer: str
    created_at: float
    grants: int


class OAuthClients(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    clients: list[OAuthClient]


class OAuthGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A program that somebody let in. `scopes`: `imap`, `pop`, `smtp`. `last_used` 0 = not yet."""

    id: int
    address: str
    program: str
    scopes: list[str]
    created_at: float
    last_used: float
    last_peer: str


class OAuthGrants(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    grants: list[OAuthGrant]


class OAuthState(msgspec.Struct, frozen=True, kw_only=True):
    """`issuer` is the address of this server's own authorisation server, "" while it gives out no tokens.
    `provider` is the outside one, "" for none; `trouble`: why it cannot be asked now."""

    issuer: str
    registration: bool
    provider: str
    trouble: str


class OauthCalls(Topic):
    """Calls of the topic OAuth."""

    def oauth_show(self) -> OAuthState:
        """Tell whether tokens sign in to mail, and whether the outside provider can be asked. Right: view."""
        return self._link.ask("GET", "/oauth", OAuthState)

    def oauth_client_list(self) -> OAuthClients:
        """List the programs that may ask people to let them in. Right: view."""
        return self._link.ask("GET", "/oauth/clients", OAuthClients)

    def oauth_client_add(
        self, *, name: str, redirect_uris: Sequence[str] = (), idempotency_key: str = ""
    ) -> OAuthClient:
        """Enter a program; its client id is what has to be set in it. Right: change."""
        return self._link.ask(
            "POST",
            "/oauth/clients",
            OAuthClient,
            body=given({"name": name}, ("redirect_uris", redirect_uris, ())),
            key=idempotency_key,
        )

    def oauth_client_remove(self, id: int) -> OAuthClient:
        """Remove a program, and everything people let it do, at once on all workers. Right: change."""
        return self._link.ask("DELETE", path_of("/oauth/clients/{}", id), OAuthClient)

    def oauth_grant_list(self, *, address: str | None = None) -> OAuthGrants:
        """List the programs that you let in, or that the owner of an account did. Right: view."""
        return self._link.ask(
            "GET", "/oauth/grants", OAuthGrants, query=given({}, ("address", address, None))
        )

    def oauth_grant_remove(self, id: int) -> OAuthGrant:
        """Shut out a program that was let in; all its tokens are refused from then on, by all workers.
        Right: change."""
        return self._link.ask("DELETE", path_of("/oauth/grants/{}", id), OAuthGrant)
