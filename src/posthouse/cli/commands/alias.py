"""``posthouse alias``: addresses that lead to another one."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def alias() -> None:
    """Addresses that lead to another address."""


@command(alias, "add", "alias.add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--off", is_flag=True, help="Set it up for later; mail for it is refused until it is switched on."
)
@click.option("--note", default="", metavar="TEXT", help="For administrators only.")
def add(session: Session, address: str, targets: tuple[str, ...], off: bool, note: str) -> None:
    """Let mail for ADDRESS go to each TARGET."""
    wanted = {
        "address": address,
        "target": targets[0],
        "more": list(targets[1:]),
        "active": not off,
        "note": note,
    }
    session.show(session.call("alias.add", wanted), _words)


@command(alias, "change", "alias.change")
@click.argument("address")
@click.argument("targets", nargs=-1, metavar="[TARGET...]")
@click.option("--on/--off", "active", default=None, help="Switch it on or off.")
@click.option("--note", metavar="TEXT")
def change(
    session: Session, address: str, targets: tuple[str, ...], active: bool | None, note: str | None
) -> None:
    """Let mail for ADDRESS go to each TARGET in place of those before, switch it on or off, or change its note."""
    wanted = {"address": address, "targets": list(targets) or None, "active": active, "note": note}
    session.show(session.call("alias.change", wanted), _words)


@command(alias, "import", "alias.import")
@click.argument("file", type=click.File("rb"))
def import_(session: Session, file: Any) -> None:
    """Add the aliases of a CSV FILE with the columns address, targets (spaces between) and, if wanted, active and note.

    With any bad line nothing is added. `-` reads standard input.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError("invalid", f"{file.name} is not UTF-8 text.", "Save it as UTF-8.") from None
    result = session.call("alias.import", {"text": text})
    session.show(result, lambda done: show.line(f"Added {show.count(len(done['added']), 'alias')}."))


@command(alias, "export", "alias.export")
@click.argument("domain", required=False)
def export(session: Session, domain: str | None) -> None:
    """Print the aliases, of one DOMAIN or of all, as CSV."""
    result = session.call("alias.export", {"domain": domain})
    session.show(result, lambda found: click.echo(found["text"], nl=False))


@command(alias, "list", "alias.list")
@click.argument("domain", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the address.")
def list_(session: Session, domain: str | None, search: str) -> None:
    """List the aliases, of one DOMAIN or of all."""
    result = every_page(session, "alias.list", "aliases", {"domain": domain, "search": search})
    session.show(
        result,
        lambda found: show.table(
            ("ALIAS", "LEADS TO", "STATE"),
            [(row["address"], _targets(row), "on" if row["active"] else "off") for row in found["aliases"]],
            "No aliases.",
        ),
    )


@command(alias, "show", "alias.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show where the alias ADDRESS leads."""
    session.show(session.call("alias.show", {"address": address}), _words)


@command(alias, "remove", "alias.remove")
@click.argument("address")
def remove(session: Session, address: str) -> None:
    """Remove the alias ADDRESS."""
    result = session.call("alias.remove", {"address": address})
    session.show(result, lambda removed: show.line(f"Removed alias {removed['address']}."))


def _targets(row: Any) -> str:
    return ", ".join([row["target"], *row["more"]])


def _words(row: Any) -> None:
    off = "" if row["active"] else " (switched off)"
    show.line(f"{row['address']} leads to {_targets(row)}{off}.")
    if row["note"]:
        show.line(f"  {row['note']}")
