"""``posthouse probation``: risky changes that wait to be confirmed."""

from __future__ import annotations

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def probation() -> None:
    """Risky changes that are taken back unless they are confirmed in time."""


def tell_probation(number: int) -> None:
    """Say how to confirm a change; nothing where it is for good already."""
    if number:
        show.line(f"It is on probation. To keep it: posthouse probation confirm {number}")


@command(probation, "list", "probation.list")
def list_(session: Session) -> None:
    """List the changes that wait to be confirmed."""
    result = session.call("probation.list")
    session.show(
        result,
        lambda found: show.table(
            ("ID", "CHANGE", "BY", "MADE", "TAKEN BACK"),
            [
                (
                    row["id"],
                    row["summary"],
                    row["actor"],
                    show.moment(row["at"]),
                    show.moment(row["deadline"]) if row["deadline"] else "after the next start",
                )
                for row in found["changes"]
            ],
            "No change waits to be confirmed.",
        ),
    )


@command(probation, "confirm", "probation.confirm")
@click.argument("id", type=int)
def confirm(session: Session, id: int) -> None:
    """Keep the change ID for good."""
    result = session.call("probation.confirm", {"id": id})
    session.show(result, lambda kept: show.line(f"Kept: {kept['summary']}."))


@command(probation, "revert", "probation.revert")
@click.argument("id", type=int)
def revert(session: Session, id: int) -> None:
    """Take the change ID back now."""
    result = session.call("probation.revert", {"id": id})
    session.show(result, lambda gone: show.line(f"Taken back: {gone['summary']}."))
