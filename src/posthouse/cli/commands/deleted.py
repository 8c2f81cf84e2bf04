"""``posthouse deleted``: deleted messages and folders of an account, which may come back."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.removed import sure
from posthouse.cli.session import Session


@click.group()
def deleted() -> None:
    """Deleted messages and folders that can be brought back."""


@command(deleted, "show", "deleted.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show how much deleted mail of the account ADDRESS is kept."""
    result = session.call("deleted.show", {"address": address})

    def words(found: Any) -> None:
        if not found["days"]:
            show.line("Deleted mail is not kept: setting store.undelete_days is 0.")
        size = show.size(found["size"])
        show.line(f"{found['address']}: {show.count(found['messages'], 'deleted message')}, {size}.")
        if found["oldest"]:
            show.line(f"The oldest was deleted {show.moment(found['oldest'])}.")
        for name in found["folders"]:
            show.line(f"Deleted folder: {name}")

    session.show(result, words)


@command(deleted, "restore", "deleted.restore")
@click.argument("address")
@click.option(
    "--hours", type=float, default=0.0, help="Only what was deleted in the last HOURS; else everything."
)
def restore(session: Session, address: str, hours: float) -> None:
    """Bring back what was deleted in the account ADDRESS."""
    result = session.call("deleted.restore", {"address": address, "hours": hours})

    def words(back: Any) -> None:
        where = f" to {', '.join(back['folders'])}" if back["folders"] else ""
        show.line(f"{show.count(back['messages'], 'message')} came back{where}.")

    session.show(result, words)


@command(deleted, "purge", "deleted.purge")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(session: Session, address: str, yes: bool) -> None:
    """Let all deleted mail of the account ADDRESS go for good, now. This cannot be undone."""
    sure(f"Let all deleted mail of {address} go for good?", yes)
    result = session.call("deleted.purge", {"address": address})
    session.show(result, lambda gone: show.line(f"{show.count(gone['messages'], 'message')} gone for good."))
