"""``posthouse ban``: who may not connect."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.probation import tell_probation
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def ban() -> None:
    """Addresses and networks that nobody may connect from."""


@command(ban, "add", "ban.add")
@click.argument("network")
@click.option("--reason", default="", help="Why, for administrators; the banned are not told.")
@click.option(
    "--for", "duration", default="", metavar="TIME", help="How long, e.g. 12h or 7d; else for ever."
)
@click.option("--now", is_flag=True, help="For good at once, without a time to confirm it.")
def add(session: Session, network: str, reason: str, duration: str, now: bool) -> None:
    """Let nobody connect from NETWORK (192.0.2.7, 192.0.2.0/24, 2001:db8::/64) any more."""
    wanted = {"network": network, "reason": reason, "duration": duration, "now": now}
    result = session.call("ban.add", wanted)

    def words(added: Any) -> None:
        until = f"until {show.moment(added['until'])}" if added["until"] else "until the ban is removed"
        show.line(f"{added['network']} is banned {until}.")
        tell_probation(added["probation"])

    session.show(result, words)


@command(ban, "list", "ban.list")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in network or reason.")
def list_(session: Session, search: str) -> None:
    """List the bans."""
    result = every_page(session, "ban.list", "bans", {"search": search})
    session.show(
        result,
        lambda found: show.table(
            ("NETWORK", "SINCE", "UNTIL", "KIND", "WHY"),
            [
                (
                    row["network"],
                    show.moment(row["created"]),
                    show.moment(row["until"]) if row["until"] else "removed",
                    row["kind"] or "own",
                    row["reason"],
                )
                for row in found["bans"]
            ],
            "Nobody is banned.",
        ),
    )


@command(ban, "remove", "ban.remove")
@click.argument("network")
def remove(session: Session, network: str) -> None:
    """Lift the ban of NETWORK."""
    result = session.call("ban.remove", {"network": network})
    session.show(result, lambda removed: show.line(f"{removed['network']} may connect again."))
