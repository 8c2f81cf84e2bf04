"""``posthouse audit``: who changed what."""

from __future__ import annotations

from datetime import datetime

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session

_WHEN = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


@click.group()
def audit() -> None:
    """Who changed what, when, and from where."""


@command(audit, "list", "audit.list")
@click.option("--limit", default=50, show_default=True, help="Show at most this many.")
@click.option("--actor", default="", metavar="TEXT", help="Only by those with TEXT in their name.")
@click.option("--use", default="", metavar="NAME", help="Only uses whose name begins so, e.g. account.")
@click.option("--subject", default="", metavar="TEXT", help="Only about things with TEXT in their name.")
@click.option("--since", type=_WHEN, help="Only from this day or moment on (local time).")
@click.option("--until", type=_WHEN, help="Only before this day or moment (local time).")
def list_(
    session: Session,
    limit: int,
    actor: str,
    use: str,
    subject: str,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """List the newest changes, newest first."""
    result = session.call(
        "audit.list",
        {
            "limit": limit,
            "actor": actor,
            "use": use,
            "subject": subject,
            "since": since.timestamp() if since else None,
            "until": until.timestamp() if until else None,
        },
    )
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
