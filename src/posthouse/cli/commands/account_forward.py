"""``posthouse account forward``: where the mail of an account is sent on to."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.session import Session


@account.group()
def forward() -> None:
    """Where the mail of an account is sent on to."""


@command(forward, "show", "account.forward")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show where the mail of ADDRESS is forwarded to, and whether that works."""
    session.show(session.call("account.forward", {"address": address}), _words)


@command(forward, "set", "account.forward_set")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--keep/--no-keep", default=True, help="Leave a copy in the mailbox (default), or do not.")
@click.option("--off", is_flag=True, help="Set it up for later; nothing is sent on yet.")
def set_(session: Session, address: str, targets: tuple[str, ...], keep: bool, off: bool) -> None:
    """Forward the mail of ADDRESS to each TARGET, in place of what was set before."""
    wanted = {"address": address, "targets": list(targets), "keep": keep, "active": not off}
    session.show(session.call("account.forward_set", wanted), _words)


@command(forward, "clear", "account.forward_clear")
@click.argument("address")
def clear(session: Session, address: str) -> None:
    """Do not forward the mail of ADDRESS any more."""
    session.show(session.call("account.forward_clear", {"address": address}), _words)


def _words(found: Any) -> None:
    if not found["targets"]:
        show.line(f"The mail of {found['address']} is not forwarded.")
        return
    copy = "a copy stays in the mailbox" if found["keep"] else "no copy stays here"
    switched = copy if found["active"] else "switched off"
    show.line(f"The mail of {found['address']} is forwarded ({switched}):")
    show.table(("TARGET", "STATE", "SINCE", "WHY"), [_line(each) for each in found["targets"]], "")


def _line(target: Any) -> tuple[str, ...]:
    since = show.moment(target["failing_since"]) if target["failing_since"] else ""
    return target["address"], target["state"], since, target["trouble"]
