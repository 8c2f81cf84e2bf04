"""``posthouse log``: what the server says about itself."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.session import Session

_LEVELS = click.Choice(["debug", "info", "warning", "error"])


@click.group()
def log() -> None:
    """Log lines of the running server."""


def _filters(function: Function) -> Function:
    for option in (
        click.option("--trace", default="", help="Only lines about the message with this trace."),
        click.option(
            "--session", "of_session", default="", metavar="ID", help="Only lines of this connection."
        ),
        click.option(
            "--account", default="", metavar="ADDRESS", help="Only lines about a sign-in of, or mail for, it."
        ),
        click.option("--text", default="", help="Only lines that hold this text, in any case."),
        click.option("--peer", default="", metavar="ADDRESS", help="Only lines about this address."),
        click.option("--protocol", default="", help="Only lines about this protocol: smtp, imap, pop3, ..."),
        click.option(
            "--level", type=_LEVELS, default="debug", show_default=True, help="The least level shown."
        ),
    ):
        function = option(function)
    return function


@command(log, "watch", "log.watch")
@_filters
@click.option("--seconds", default=0.0, help="Stop after this time; 0 watches until Ctrl-C.")
def watch(session: Session, of_session: str, seconds: float, **filters: Any) -> None:
    """Show lines as they are written, of all workers, until Ctrl-C."""

    def shown(value: Any) -> None:
        if value["type"] == "line":
            _line(session, value)
        elif value["dropped"] and not session.as_json:
            click.echo(f"... {show.count(value['dropped'], 'line')} came too fast to be shown.", err=True)

    session.call("log.watch", {**filters, "session": of_session, "seconds": seconds}, shown)


@command(log, "tail", "log.tail")
@_filters
@click.option("--count", default=50, show_default=True, help="Show at most this many lines.")
def tail(session: Session, of_session: str, count: int, **filters: Any) -> None:
    """Show the newest lines that the server keeps in memory."""
    result = session.call("log.tail", {**filters, "session": of_session, "count": count})

    def words(found: Any) -> None:
        for line in found["lines"]:
            _line(session, line)

    session.show(result, words)


def _line(session: Session, line: Any) -> None:
    if session.as_json:
        click.echo(msgspec.json.encode(line).decode())
    else:
        said = (
            f'{key}="{value}"' if " " in value else f"{key}={value}" for key, value in line["fields"].items()
        )
        head = f"{show.moment(line['at'])} {line['worker']} [{line['level']}] {line['event']}"
        show.line(f"{head} [{line['logger']}] {' '.join(said)}")
    sys.stdout.flush()
