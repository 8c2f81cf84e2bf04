"""``posthouse list``: distribution lists, who is on them, and posts that wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session

MODES = ("public", "members", "announcements", "domain", "server")


@click.group(name="list")
def list_() -> None:
    """Distribution lists: one address, many readers."""


def _fields(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--name", metavar="TEXT", help="Its name for people."),
            click.option("--description", metavar="TEXT", help="What it is for."),
            click.option("--active/--inactive", default=None, help="Whether it takes mail."),
            click.option("--mode", type=click.Choice(MODES), help="Who may write to it."),
            click.option("--signed-in/--anybody", default=None, help="Whether only after a sign-in."),
            click.option(
                "--moderation", type=click.Choice(("none", "strangers", "all")), help="Whose posts wait."
            ),
            click.option(
                "--joining", type=click.Choice(("closed", "confirm", "open")), help="Who may join by mail."
            ),
            click.option("--tag", metavar="TEXT", help="A word before each subject, shown in brackets."),
            click.option("--replies", type=click.Choice(("sender", "list")), help="Whom answers go to."),
            click.option("--max-size", type=int, metavar="BYTES", help="The largest post; 0 for no limit."),
            click.option("--own-from/--keep-from", default=None, help="Whether From is the list's address."),
            click.option("--owner", "owners", multiple=True, metavar="ADDRESS", help="Who looks after it."),
            click.option(
                "--moderator", "moderators", multiple=True, metavar="ADDRESS", help="Who lets posts pass."
            ),
            click.option("--sender", "senders", multiple=True, metavar="ADDRESS", help="Who may announce."),
        )
    ):
        function = option(function)
    return function


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ()}


@command(list_, "add", "list.add")
@click.argument("address")
@_fields
def add(session: Session, address: str, **fields: Any) -> None:
    """Make the list ADDRESS."""
    result = session.call("list.add", {"address": address, **_given(fields)})
    session.show(result, lambda made: show.line(f"Made list {made['address']}."))


@command(list_, "list", "list.list")
@click.argument("domain", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in address or name.")
def list_all(session: Session, domain: str | None, search: str) -> None:
    """List the distribution lists, of one DOMAIN or of all."""
    result = every_page(session, "list.list", "lists", {"domain": domain, "search": search})
    session.show(
        result,
        lambda found: show.table(
            ("LIST", "WHO MAY WRITE", "MEMBERS", "ACTIVE"),
            [
                (row["address"], row["mode"], str(row["members"]), "yes" if row["active"] else "no")
                for row in found["lists"]
            ],
            "No lists.",
        ),
    )


@command(list_, "show", "list.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show the list ADDRESS."""

    def text(found: dict[str, Any]) -> None:
        for name, value in found.items():
            words = ", ".join(value) if isinstance(value, list) else str(value)
            show.line(f"{name.replace('_', ' ')}: {words}")

    session.show(session.call("list.show", {"address": address}), text)


@command(list_, "set", "list.change")
@click.argument("address")
@_fields
def set_(session: Session, address: str, **fields: Any) -> None:
    """Change the list ADDRESS; what is not named stays."""
    result = session.call("list.change", {"address": address, **_given(fields)})
    session.show(result, lambda changed: show.line(f"Changed list {changed['address']}."))


@command(list_, "remove", "list.remove")
@click.argument("address")
def remove(session: Session, address: str) -> None:
    """Remove the list ADDRESS; mail for it is refused from then on."""
    result = session.call("list.remove", {"address": address})
    session.show(result, lambda removed: show.line(f"Removed list {removed['address']}."))


@command(list_, "members", "list.members")
@click.argument("address")
def members(session: Session, address: str) -> None:
    """Show who is on the list ADDRESS."""
    result = every_page(session, "list.members", "members", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("MEMBER", "KIND", "AWAY", "CAME BACK"),
            [(row["name"], row["kind"], row["away"], str(row["bounces"])) for row in found["members"]],
            "No members.",
        ),
    )


@command(list_, "join", "list.member_add")
@click.argument("address")
@click.argument("member")
def join(session: Session, address: str, member: str) -> None:
    """Put MEMBER (an address, a group or another list) onto the list ADDRESS."""
    result = session.call("list.member_add", {"address": address, "member": member})
    session.show(result, lambda done: show.line(f"{done['member']} is on {done['address']} now."))


@command(list_, "leave", "list.member_remove")
@click.argument("address")
@click.argument("member")
def leave(session: Session, address: str, member: str) -> None:
    """Take MEMBER off the list ADDRESS."""
    result = session.call("list.member_remove", {"address": address, "member": member})
    session.show(result, lambda done: show.line(f"{done['member']} is off {done['address']}."))


@command(list_, "suspend", "list.member_switch")
@click.argument("address")
@click.argument("member")
@click.option("--again", is_flag=True, help="Let mail go there again.")
def suspend(session: Session, address: str, member: str, again: bool) -> None:
    """Let MEMBER of the list ADDRESS get no mail for a while."""
    result = session.call("list.member_switch", {"address": address, "member": member, "active": again})
    words = "gets mail again" if again else "gets no mail for now"
    session.show(result, lambda done: show.line(f"{done['member']} {words}."))


@command(list_, "import", "list.import")
@click.argument("address")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"), default="-")
def import_(session: Session, address: str, file: Any) -> None:
    """Put the addresses in FILE (CSV, the first column) onto the list ADDRESS."""
    result = session.call("list.import", {"address": address, "text": file.read()})
    session.show(result, lambda done: show.line(f"{done['new']} of {done['lines']} are new."))


@command(list_, "export", "list.export")
@click.argument("address")
def export(session: Session, address: str) -> None:
    """Write the members of the list ADDRESS as CSV."""
    result = session.call("list.export", {"address": address})
    session.show(result, lambda found: click.echo(found["text"], nl=False))


@command(list_, "held", "list.held")
@click.argument("address")
def held(session: Session, address: str) -> None:
    """Show the posts to the list ADDRESS that wait for a moderator."""
    result = session.call("list.held", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("POST", "SINCE", "FROM", "SUBJECT", "WHY"),
            [
                (
                    str(row["post"]),
                    datetime.fromtimestamp(row["at"]).isoformat(" ", "minutes"),
                    row["sender"],
                    row["subject"],
                    row["reason"],
                )
                for row in found["posts"]
            ],
            "Nothing waits.",
        ),
    )


@command(list_, "approve", "list.approve")
@click.argument("address")
@click.argument("post", type=int)
def approve(session: Session, address: str, post: int) -> None:
    """Let POST go to the members of the list ADDRESS."""
    result = session.call("list.approve", {"address": address, "post": post})
    session.show(result, lambda done: show.line(f"Post {done['post']} goes to {done['address']}."))


@command(list_, "reject", "list.reject")
@click.argument("address")
@click.argument("post", type=int)
@click.option("--reason", default="", metavar="TEXT", help="A word to its sender.")
def reject(session: Session, address: str, post: int, reason: str) -> None:
    """Refuse POST to the list ADDRESS; its sender is told."""
    result = session.call("list.reject", {"address": address, "post": post, "reason": reason})
    session.show(result, lambda done: show.line(f"Post {done['post']} goes back to its sender."))
