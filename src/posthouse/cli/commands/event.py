"""``posthouse event``: what happened, and what happens now."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.session import Session


@click.group()
def event() -> None:
    """What happens: mail, sign-ins, changes, certificates, backups."""


def _filters(function: Function) -> Function:
    for option in (
        click.option("--account", default="", metavar="ADDRESS", help="Only what concerns this account."),
        click.option("--domain", default="", help="Only what concerns this domain."),
        click.option(
            "--kind",
            "kinds",
            multiple=True,
            help="Only this kind or kinds below it (message, message.received); may be given several times.",
        ),
    ):
        function = option(function)
    return function


@command(event, "list", "event.list")
@_filters
@click.option("--limit", default=50, show_default=True, help="Show at most this many.")
@click.option("--after", default="", metavar="ID", help="Those after this event; left out: the newest.")
def list_(session: Session, limit: int, after: str, kinds: tuple[str, ...], **filters: Any) -> None:
    """List what happened, oldest first."""
    wanted = {"limit": limit, "after": after, "kinds": list(kinds), **filters}
    result = session.call("event.list", {**wanted, "order": "oldest" if after else "newest"})

    def words(found: Any) -> None:
        for line in found["events"] if after else reversed(found["events"]):
            _line(session, line)
        if not found["events"]:
            show.line("No such events are kept.")

    session.show(result, words)


@command(event, "watch", "event.watch")
@_filters
@click.option("--after", default="", metavar="ID", help="Begin after this event instead of now.")
@click.option("--seconds", default=0.0, help="Stop after this time; 0 watches until Ctrl-C.")
def watch(session: Session, after: str, seconds: float, kinds: tuple[str, ...], **filters: Any) -> None:
    """Show what happens as it happens, until Ctrl-C."""

    def shown(value: Any) -> None:
        if value["type"] == "event":
            _line(session, value)
        elif value["type"] == "gap" and not session.as_json:
            click.echo(
                f"... events {value['after'] + 1} to {value['before'] - 1} are not kept any more.", err=True
            )

    session.call("event.watch", {"after": after, "seconds": seconds, "kinds": list(kinds), **filters}, shown)


def _line(session: Session, line: Any) -> None:
    if session.as_json:
        click.echo(msgspec.json.encode(line).decode())
    else:
        whom = line["account"] or line["domain"]
        data = msgspec.json.encode(line["data"]).decode()
        show.line(f"{line['id']} {show.moment(line['at'])} {line['kind']}{' ' + whom if whom else ''} {data}")
    sys.stdout.flush()
