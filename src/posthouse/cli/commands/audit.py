"""``posthouse audit``: who changed what."""

from __future__ import annotations

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def audit() -> None:
    """Who changed what, when, and from where."""


@command(audit, "list", "audit.list")
@click.option("--limit", default=50, show_default=True, help="Show at most this many.")
def list_(session: Session, limit: int) -> None:
    """List the newest changes, newest first."""
    result = session.call("audit.list", {"limit": limit})
    session.show(
        result,
        lambda found: show.table(
            ("WHEN", "WHO", "USE", "WHAT", "BEFORE", "AFTER"),
            [
                (
                    show.moment(row["at"]),
                    row["actor"],
                    row["use"],
                    row["subject"],
                    row["before"],
                    row["after"],
                )
                for row in found["lines"]
            ],
            "No changes yet.",
        ),
    )
