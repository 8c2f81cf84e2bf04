"""``posthouse group``: groups of accounts, for lists and for rights."""

from __future__ import annotations

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def group() -> None:
    """Groups of accounts, for lists and for rights on shared folders."""


@command(group, "add", "group.add")
@click.argument("name")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
def add(session: Session, name: str, description: str) -> None:
    """Make the group NAME (plain, or like staff@example.org for one of a domain)."""
    result = session.call("group.add", {"name": name, "description": description})
    session.show(result, lambda made: show.line(f"Made group {made['name']}."))


@command(group, "list", "group.list")
@click.argument("domain", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the name.")
def list_(session: Session, domain: str | None, search: str) -> None:
    """List the groups, of one DOMAIN or of all."""
    result = every_page(session, "group.list", "groups", {"domain": domain, "search": search})
    session.show(
        result,
        lambda found: show.table(
            ("GROUP", "MEMBERS", "DESCRIPTION"),
            [(row["name"], str(row["members"]), row["description"]) for row in found["groups"]],
            "No groups.",
        ),
    )


@command(group, "show", "group.show")
@click.argument("name")
def show_(session: Session, name: str) -> None:
    """Show who is in the group NAME."""
    result = session.call("group.show", {"name": name})
    session.show(
        result,
        lambda found: show.table(
            ("MEMBER", "KIND"),
            [(each, "account") for each in found["accounts"]] + [(each, "group") for each in found["groups"]],
            "Nobody is in it.",
        ),
    )


@command(group, "set", "group.change")
@click.argument("name")
@click.option("--name", "new_name", metavar="NEW", help="Another name, in the same domain.")
@click.option("--description", metavar="TEXT", help="What it is for.")
def set_(session: Session, name: str, new_name: str | None, description: str | None) -> None:
    """Rename the group NAME, or describe it anew."""
    result = session.call("group.change", {"name": name, "new_name": new_name, "description": description})
    session.show(result, lambda changed: show.line(f"Changed group {changed['name']}."))


@command(group, "remove", "group.remove")
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Remove the group NAME; its accounts stay."""
    result = session.call("group.remove", {"name": name})
    session.show(result, lambda removed: show.line(f"Removed group {removed['name']}."))


@command(group, "join", "group.member_add")
@click.argument("name")
@click.argument("member")
def join(session: Session, name: str, member: str) -> None:
    """Put MEMBER (an account or another group) into the group NAME."""
    result = session.call("group.member_add", {"name": name, "member": member})
    session.show(result, lambda found: show.line(f"{member} is in {found['name']} now."))


@command(group, "leave", "group.member_remove")
@click.argument("name")
@click.argument("member")
def leave(session: Session, name: str, member: str) -> None:
    """Take MEMBER out of the group NAME."""
    result = session.call("group.member_remove", {"name": name, "member": member})
    session.show(result, lambda found: show.line(f"{member} is out of {found['name']}."))
