"""``posthouse alias``: addresses that lead to another one."""

from __future__ import annotations

import click

from posthouse.cli import show
from posthouse.cli.command import command
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
def list_(session: Session, domain: str | None) -> None:
    """List the aliases, of one DOMAIN or of all."""
    result = session.call("alias.list", {"domain": domain})
    session.show(
        result,
        lambda found: show.table(
            ("ALIAS", "LEADS TO"),
            [(row["address"], row["target"]) for row in found["aliases"]],
            "No aliases.",
        ),
    )


@command(alias, "remove", "alias.remove")
@click.argument("address")
def remove(session: Session, address: str) -> None:
    """Remove the alias ADDRESS."""
    result = session.call("alias.remove", {"address": address})
    session.show(result, lambda removed: show.line(f"Removed alias {removed['address']}."))
