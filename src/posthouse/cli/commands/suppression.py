"""``posthouse suppression``: addresses outside that senders here are refused."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def suppression() -> None:
    """Addresses elsewhere that mail always comes back from."""


@command(suppression, "add", "suppression.add")
@click.argument("address")
@click.option("--account", default="", help="Refuse only what this account sends.")
@click.option("--reason", default="", help="Why, for administrators.")
@click.option(
    "--for", "duration", default="", metavar="TIME", help="How long, e.g. 12h or 30d; else for ever."
)
def add(session: Session, address: str, account: str, reason: str, duration: str) -> None:
    """Refuse mail to ADDRESS (anna@example.org, or @example.org for all of it)."""
    wanted = {"address": address, "account": account, "reason": reason, "duration": duration}
    result = session.call("suppression.add", wanted)

    def words(added: Any) -> None:
        until = f"until {show.moment(added['expires'])}" if added["expires"] else "until that is lifted"
        show.line(f"Mail to {added['address']} is refused {until}.")

    session.show(result, words)


@command(suppression, "list", "suppression.list")
@click.option(
    "--search", default="", metavar="TEXT", help="Only those with TEXT in address, account or reason."
)
@click.option("--counting", is_flag=True, help="Those too that failed, but too seldom yet to be refused.")
def list_(session: Session, search: str, counting: bool) -> None:
    """List the addresses that senders here are refused."""
    wanted = {"search": search, "counting": counting}
    result = every_page(session, "suppression.list", "suppressions", wanted)
    session.show(
        result,
        lambda found: show.table(
            ("ADDRESS", "ACCOUNT", "SINCE", "LAST", "UNTIL", "FAILURES", "WHY"),
            [_line(row) for row in found["suppressions"]],
            "No address is on the suppression list.",
        ),
    )


def _line(row: Any) -> tuple[str, ...]:
    until = show.moment(row["expires"]) if row["expires"] else "lifted"
    return (
        row["address"],
        row["account"] or "all",
        show.moment(row["first"]),
        show.moment(row["last"]),
        until if row["active"] else "(counted)",
        str(row["hits"] + row["soft_hits"]),
        f"{row['cause']}: {row['said']}" if row["said"] else row["cause"],
    )


@command(suppression, "remove", "suppression.remove")
@click.argument("address")
@click.option("--account", default="", help="The account it was made for.")
def remove(session: Session, address: str, account: str) -> None:
    """Let mail go to ADDRESS again, and forget its failures."""
    result = session.call("suppression.remove", {"address": address, "account": account})
    session.show(result, lambda removed: show.line(f"Mail may go to {removed['address']} again."))
