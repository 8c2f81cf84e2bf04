"""People with API tokens on a running server."""

from __future__ import annotations

import json

from running import RunningServer

RIGHTS = ("view", "change", "read_mail", "send")


def token_of(server: RunningServer, address: str, *rights: str) -> str:
    """A token for an account with these rights, all if none are named."""
    words = [word for right in rights or RIGHTS for word in ("--right", right)]
    made = server.command("token", "add", address, "test", *words, "--json")
    token: str = json.loads(made.stdout)["token"]
    return token


def administrator_token(server: RunningServer, address: str = "root@posthouse.test") -> str:
    """A token with all rights for a new administrator of the server."""
    server.add_account(address)
    server.command("account", "role", address, "server")
    return token_of(server, address)
