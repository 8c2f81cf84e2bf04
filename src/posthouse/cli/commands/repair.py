"""``posthouse repair``."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session

LINES = (
    ("aside", "Moved aside: {}"),
    ("left_out", "Left out, because the message is not there: {}"),
    ("damaged", "Damaged, moved aside: {}"),
    ("unnamed", "A message of nobody, kept as: {}"),
    ("missing_tables", "Not in the replica: {}"),
)


def add_to(group: click.Group) -> None:
    """Declare the command that stands at the top level."""
    command(group, "repair")(repair)


@click.option("--keep", is_flag=True, help="Take the database as it is; the replica is put aside.")
@click.option("--from-records", is_flag=True, help="Make the database anew although it can be read.")
def repair(session: Session, keep: bool, from_records: bool) -> None:
    """Make a lost or damaged SQLite database anew, from its replica and the message files.

    The server must be stopped. Nothing is deleted: what cannot be used is moved to the folder `quarantine`.
    """
    from posthouse.manage.errors import ManageError
    from posthouse.manage.replica.repair import repair as work

    shown = not session.as_json and sys.stderr.isatty()

    def tell(text: str, done: int, total: int) -> None:
        if shown:
            of = f" of {total}" if total else ""
            click.echo(f"\r\x1b[K{text} {done}{of}", err=True, nl=False)

    try:
        result = work(session.config, keep=keep, from_records=from_records, tell=tell)
    except ManageError as error:
        raise CommandError(error.kind, error.what, error.mend, error.problems) from None
    finally:
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
    session.show(msgspec.to_builtins(result), _words)


def _words(found: Any) -> None:
    if found["done"] == "nothing":
        show.line("There is nothing to repair.")
        return
    for name, text in LINES:
        for each in found[name]:
            show.line(text.format(each))
    if found["done"] == "kept":
        show.line("The database is taken as it is; a new replica is begun at the next start.")
        return
    held = f"{show.count(found['messages'], 'message')} in {show.count(found['mailboxes'], 'mailbox')}"
    show.line(f"Repaired ({found['reason']}): {held}.")
    show.line("Check it: posthouse verify")
