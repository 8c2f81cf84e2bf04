"""How far an actor's hand reaches into lists and to the accounts of other administrators."""

from __future__ import annotations

import math
from collections.abc import Collection

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.names import domain_name, own_address
from posthouse.directory.roles import actor_of, is_last_server
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, not_allowed

MAX_PAGE = 1000
"""Most entries of one page, however many are asked for."""


def is_local(actor: Actor) -> bool:
    """Whether this is the control socket or a command on the stopped server's folder: somebody who owns the
    machine, and whom no sign-in can shut out."""
    return not actor.account and actor.role == "server" and actor.fresh_at == math.inf


def within(call: Call, name: str, domain: str | None) -> Collection[str] | None:
    """The domains a list shows: all (None), the one asked for, or those that the actor looks after. Raises
    ManageError when the one asked for is not the actor's."""
    actor = call.actor
    if domain is not None:
        wanted = domain_name(domain)
        if not actor.governs(wanted):
            raise not_allowed(actor, name, "view")
        return (wanted,)
    return None if actor.role == "server" else actor.domains


def page_size(limit: int) -> int:
    """How many entries a page really holds."""
    return max(1, min(limit, MAX_PAGE))


def guard(tx: Transaction, call: Call, name: str, account: Account) -> None:
    """Refuse a domain administrator who would change somebody of a higher role, somebody whose domains are not
    all theirs too, or their own account outside their domains. Raises ManageError."""
    actor = call.actor
    if actor.role == "server":
        return
    role, domains = actor_of(tx, account)
    inside = account.address.rpartition("@")[2] in actor.domains
    if not inside or role == "server" or not domains <= actor.domains:
        raise not_allowed(actor, name, "change")


def guard_detail(tx: Transaction, call: Call, name: str, address: str) -> None:
    """Mail for ``chief+bank@`` goes to ``chief@`` until somebody else has that very address: refuse a domain
    administrator who would take it from somebody :func:`guard` protects. Raises ManageError."""
    base, plus, _ = address.partition("@")[0].partition("+")
    if call.actor.role == "server" or not plus or not base:
        return
    whole = f"{base}@{address.rpartition('@')[2]}"
    if admin.taken_by(tx, own_address(whole).key) == "account":
        guard(tx, call, name, admin.find_account(tx, whole))


def keep_a_server(tx: Transaction, call: Call, account: Account, what: str, force: bool) -> None:
    """Refuse to lose the last server administrator who can sign in. ``what`` is a verb (removed). With ``force``
    the machine's own administrator may: the control socket is a way in that stays. Raises ManageError."""
    if not is_last_server(tx, account):
        return
    if force and is_local(call.actor):
        return
    raise ManageError(
        "refused",
        f"{account.address} is the last server administrator who can sign in and cannot be {what}.",
        "Make another account a server administrator first (or, on the machine itself, say --force).",
    )
