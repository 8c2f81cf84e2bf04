"""``posthouse history`` and ``posthouse metrics``."""

from __future__ import annotations

import time
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session

BAR = 40
BYTES = frozenset(("disk.free", "memory"))


def add_to(group: click.Group) -> None:
    """Declare the commands that stand at the top level."""
    command(group, "history", "status.history")(history)
    command(group, "metrics", "status.metrics")(metrics)


@click.argument("topic")
@click.option("--hours", default=24.0, show_default=True, help="How far to look back.")
@click.option("--points", default=24, show_default=True, help="How many values to show, 300 at most.")
def history(session: Session, topic: str, hours: float, points: int) -> None:
    """Show how a measurement went: messages.accepted, messages.refused, messages.delivered, messages.sent,
    messages.deferred, messages.failed, signin.failures,
    connections, sessions.smtp, sessions.submission, sessions.imap, sessions.pop3, queue.messages, queue.age,
    disk.free, cpu or memory."""
    since = time.time() - hours * 3600
    result = session.call("status.history", {"topic": topic, "since": since, "points": points})

    def words(found: Any) -> None:
        most = max((point["value"] for point in found["points"]), default=0.0) or 1.0
        for point in found["points"]:
            value = point["value"]
            shown = show.size(int(value)) if found["topic"] in BYTES else f"{value:.1f}"
            show.line(f"{show.moment(point['at'])} {shown:>12} {'#' * round(value / most * BAR)}".rstrip())
        if not found["points"]:
            show.line("Nothing was measured in that time.")

    session.show(result, words)


def metrics(session: Session) -> None:
    """Show all counters in Prometheus's text format, as /metrics gives them."""
    session.show(session.call("status.metrics"), lambda found: click.echo(found["text"], nl=False))
