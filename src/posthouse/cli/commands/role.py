"""``posthouse account show|role|close|open``: one account, what it administers, and whether it may be used."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.commands.account_people import words_of
from posthouse.cli.commands.probation import tell_probation
from posthouse.cli.session import Session

_now = click.option("--now", is_flag=True, help="For good at once, without a time to confirm it.")
_force = click.option("--force", is_flag=True, help="Even the last server administrator.")


def _role(row: Any) -> str:
    if row["role"] == "domain":
        return f"administers {', '.join(row['domains'])}"
    return "administers the server" if row["role"] == "server" else "user"


@command(account, "show", "account.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show the account ADDRESS."""

    def words(row: Any) -> None:
        words_of(row)
        show.line(f"  {'active' if row['active'] else 'closed'}, {_role(row)}")
        held = show.count(row["messages"], "message")
        show.line(f"  {held}, {show.size(row['used'])}; quota {show.quota(row['quota'])}")

    session.show(session.call("account.show", {"address": address}), words)


@command(account, "role", "account.role")
@click.argument("address")
@click.argument("role", type=click.Choice(["server", "domain", "user"]))
@click.argument("domains", nargs=-1)
@_force
@_now
def role(session: Session, address: str, role: str, domains: tuple[str, ...], force: bool, now: bool) -> None:
    """Make ADDRESS an administrator of the server, of the DOMAINS named, or an ordinary user."""
    wanted = {"address": address, "role": role, "domains": list(domains), "force": force, "now": now}

    def words(row: Any) -> None:
        show.line(f"{row['address']}: {_role(row)}.")
        tell_probation(row["probation"])

    session.show(session.call("account.role", wanted), words)


@command(account, "close", "account.active")
@click.argument("address")
@_force
@_now
def close(session: Session, address: str, force: bool, now: bool) -> None:
    """Let ADDRESS receive no mail and nobody sign in to it. Its mail is kept."""
    wanted = {"address": address, "active": False, "force": force, "now": now}

    def words(row: Any) -> None:
        show.line(f"{row['address']} is closed.")
        tell_probation(row["probation"])

    session.show(session.call("account.active", wanted), words)


@command(account, "open", "account.active")
@click.argument("address")
def open_(session: Session, address: str) -> None:
    """Let ADDRESS be used again."""
    result = session.call("account.active", {"address": address, "active": True})
    session.show(result, lambda row: show.line(f"{row['address']} is active."))
