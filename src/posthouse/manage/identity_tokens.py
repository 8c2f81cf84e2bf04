"""What an API token lets its holder do: never more than its account may now."""

from __future__ import annotations

import secrets
from ipaddress import IPv6Address, ip_address, ip_network
from typing import cast

from posthouse.directory.admission import refused
from posthouse.directory.tokens import Token
from posthouse.manage.context import ALL_RIGHTS, Actor, Right, Role
from posthouse.manage.identity import Visitor

PREFIX = "ph_"
"""Begins every token, so that one which leaked into a file or a log is recognised."""


def new_token() -> str:
    """256 random bits under the prefix."""
    return PREFIX + secrets.token_urlsafe(32)


def actor_of_token(
    token: Token, role: Role, domains: frozenset[str], visitor: Visitor, now: float
) -> Actor | None:
    """Who asks with this token; None when it has expired, its account is closed, or it may not be used from
    there. ``role`` and ``domains`` are those of the account now."""
    if refused(token.account, visitor.face, visitor.peer) or 0 < token.expires_at <= now:
        return None
    if token.networks and not _from_one_of(token.networks, visitor.peer):
        return None
    if token.domains:
        named = frozenset(token.domains)
        if role == "server":
            role, domains = "domain", named
        elif role == "domain":
            domains = domains & named
    return Actor(
        name=f"{token.account.address} (token {token.id})",
        source=f"{visitor.face} {visitor.peer}",
        rights=frozenset(cast(Right, right) for right in token.rights) & ALL_RIGHTS,
        role=role,
        account=token.account.address,
        account_id=token.account.id,
        domains=domains,
        fresh_at=0.0,
        token=token.id,
    )


def network(text: str) -> str:
    """A network or an address in its normal form. Raises ValueError."""
    return str(ip_network(text.strip(), strict=False))


def _from_one_of(networks: tuple[str, ...], peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ip_network(each) for each in networks)
