"""``posthouse domain``: the domains this server takes mail for."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def domain() -> None:
    """The domains this server takes mail for."""


@command(domain, "add", "domain.add")
@click.argument("name")
def add(session: Session, name: str) -> None:
    """Take mail for the domain NAME from now on."""
    result = session.call("domain.add", {"name": name})
    session.show(result, lambda added: show.line(f"Added domain {added['name']}."))


@command(domain, "list", "domain.list")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the name.")
def list_(session: Session, search: str) -> None:
    """List the domains."""
    result = every_page(session, "domain.list", "domains", {"search": search})
    session.show(
        result,
        lambda found: show.table(
            ("DOMAIN", "ACCOUNTS", "ALIASES"),
            [(row["name"], row["accounts"], row["aliases"]) for row in found["domains"]],
            "No domains yet: posthouse domain add NAME",
        ),
    )


@command(domain, "show", "domain.show")
@click.argument("name")
def show_(session: Session, name: str) -> None:
    """Show what the domain NAME holds."""
    result = session.call("domain.show", {"name": name})

    def words(found: Any) -> None:
        held = show.count(found["accounts"], "account")
        show.line(f"{found['name']}: {held}, {show.count(found['aliases'], 'alias')}.")

    session.show(result, words)


@command(domain, "remove", "domain.remove")
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Take no more mail for the domain NAME. It must have no accounts and aliases left."""
    result = session.call("domain.remove", {"name": name})
    session.show(result, lambda removed: show.line(f"Removed domain {removed['name']}."))
