"""``posthouse alias``: addresses that lead to another one."""

from __future__ import annotations

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def alias() -> None:
    """Addresses that lead to another address."""


@command(alias, "add", "alias.add")
@click.argument("address")
@click.argument("target")
def add(session: Session, address: str, target: str) -> None:
    """Let mail for ADDRESS go to TARGET."""
    result = session.call("alias.add", {"address": address, "target": target})
    session.show(result, lambda added: show.line(f"{added['address']} now leads to {added['target']}."))


@command(alias, "list", "alias.list")
@click.argument("domain", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the address.")
def list_(session: Session, domain: str | None, search: str) -> None:
    """List the aliases, of one DOMAIN or of all."""
    result = every_page(session, "alias.list", "aliases", {"domain": domain, "search": search})
    session.show(
        result,
        lambda found: show.table(
            ("ALIAS", "LEADS TO"),
            [(row["address"], row["target"]) for row in found["aliases"]],
            "No aliases.",
        ),
    )


@command(alias, "show", "alias.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show where the alias ADDRESS leads."""
    result = session.call("alias.show", {"address": address})
    session.show(result, lambda found: show.line(f"{found['address']} leads to {found['target']}."))


@command(alias, "remove", "alias.remove")
@click.argument("address")
def remove(session: Session, address: str) -> None:
    """Remove the alias ADDRESS."""
    result = session.call("alias.remove", {"address": address})
    session.show(result, lambda removed: show.line(f"Removed alias {removed['address']}."))
