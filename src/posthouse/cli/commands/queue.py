"""``posthouse queue``: what is still owed."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def queue() -> None:
    """Mail that is still to be delivered."""


@command(queue, "list", "queue.list")
@click.option("--limit", default=100, show_default=True, help="Show at most this many.")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in sender or recipients.")
def list_(session: Session, limit: int, search: str) -> None:
    """List the waiting messages, oldest first."""
    result = session.call("queue.list", {"limit": limit, "search": search})

    def words(found: Any) -> None:
        show.table(
            ("ID", "RECEIVED", "SIZE", "FROM", "RECIPIENTS", "HELD", "TRIES", "NEXT TRY"),
            [
                (
                    row["id"],
                    show.moment(row["received_at"]),
                    show.size(row["size"]),
                    row["sender"] or "<>",
                    row["recipients"],
                    row["held"],
                    row["attempts"],
                    show.moment(row["next_at"]),
                )
                for row in found["messages"]
            ],
            "The queue is empty.",
        )
        if found["total"] > len(found["messages"]):
            show.line(f"{found['total']} messages wait in all.")

    session.show(result, words)


@command(queue, "show", "queue.show")
@click.argument("id", type=int)
def show_(session: Session, id: int) -> None:
    """Show one waiting message and each recipient it is still owed to."""
    result = session.call("queue.show", {"id": id})

    def words(found: Any) -> None:
        show.line(f"Message {found['id']} from {found['sender'] or '<>'}, {show.size(found['size'])}")
        show.line(f"Received {show.moment(found['received_at'])}, trace {found['trace']}")
        show.table(
            ("RECIPIENT", "DESTINATION", "TRIES", "NEXT TRY", "STATE", "WHY"),
            [
                (
                    row["recipient"],
                    row["destination"],
                    row["attempts"],
                    show.moment(row["due_at"]),
                    row["state"],
                    row["reason"],
                )
                for row in found["recipients"]
            ],
        )

    session.show(result, words)


@command(queue, "retry", "queue.retry")
@click.argument("id", type=int)
def retry(session: Session, id: int) -> None:
    """Try one waiting message now, also for recipients on hold."""
    result = session.call("queue.retry", {"id": id})
    session.show(
        result,
        lambda done: show.line(
            f"Message {done['id']}: {show.count(done['recipients'], 'recipient')} due now."
        ),
    )
