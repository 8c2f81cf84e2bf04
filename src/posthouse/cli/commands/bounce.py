"""``posthouse bounce``: what came back."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def bounce() -> None:
    """Mail that came back to addresses here."""


@command(bounce, "list", "bounce.list")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in addresses or words.")
@click.option("--cause", default="", help="Only those of this cause, e.g. no-mailbox.")
@click.option("--sender", default="", metavar="ADDRESS", help="Only mail that came from ADDRESS.")
@click.option("--days", default=0, help="Only those of the last days; 0: all that are kept.")
def list_(session: Session, search: str, cause: str, sender: str, days: int) -> None:
    """List the bounces that came back, the newest first."""
    wanted = {"search": search, "cause": cause, "sender": sender, "days": days}
    result = every_page(session, "bounce.list", "bounces", wanted)
    session.show(
        result,
        lambda found: show.table(
            ("CAME", "MAIL FROM", "TO", "CAUSE", "SAID"),
            [_line(row) for row in found["bounces"]],
            "No bounce came back.",
        ),
    )


def _line(row: Any) -> tuple[str, ...]:
    cause = row["cause"] if row["action"] == "failed" else f"{row['cause']} ({row['action']})"
    return (
        show.moment(row["at"]),
        row["sender"],
        row["recipient"] or "-",
        cause,
        row["said"] or row["status"],
    )


@command(bounce, "causes", "bounce.causes")
@click.option("--days", default=30, show_default=True, help="How far back; 0: all that are kept.")
def causes(session: Session, days: int) -> None:
    """Count the bounces that came back, by cause."""
    result = session.call("bounce.causes", {"days": days})
    session.show(
        result,
        lambda found: show.table(
            ("CAUSE", "BOUNCES"),
            [(row["cause"], str(row["bounces"])) for row in found["causes"]],
            "No bounce came back.",
        ),
    )
