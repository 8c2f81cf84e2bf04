"""``posthouse account forward``: where the mail of an account is sent on to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.session import Session


@account.group()
def forward() -> None:
    """Where the mail of an account is sent on to."""


@command(forward, "show", "account.forward")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show where the mail of ADDRESS is forwarded to, and whether that works."""
    session.show(session.call("account.forward", {"address": address}), _words)


@command(forward, "set", "account.forward_set")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--keep/--no-keep", default=True, help="Leave a copy in the mailbox (default), or do not.")
@click.option("--off", is_flag=True, help="Set it up for later; nothing is sent on yet.")
@click.option("--not-spam", is_flag=True, help="Only what is not marked as spam.")
@click.option("--if-from", "sender", default="", metavar="PATTERN", help="Only from senders like this.")
@click.option("--if-to", "recipient", default="", metavar="PATTERN", help="Only to addresses like this.")
@click.option("--if-subject", "subject", default="", metavar="PATTERN", help="Only with a subject like this.")
@click.option("--max-size", default=0, metavar="BYTES", help="Nothing that is larger.")
@click.option("--from", "begin", type=click.DateTime(["%Y-%m-%d"]), help="From this day on (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Until this day is over (UTC).")
def set_(
    session: Session,
    address: str,
    targets: tuple[str, ...],
    keep: bool,
    off: bool,
    not_spam: bool,
    sender: str,
    recipient: str,
    subject: str,
    max_size: int,
    begin: datetime | None,
    until: datetime | None,
) -> None:
    """Forward the mail of ADDRESS to each TARGET, in place of what was set before. A PATTERN is a part of the text, or
    all of it with * and ?; several with commas between. What meets not every condition stays in the mailbox."""
    wanted = {
        "address": address,
        "targets": list(targets),
        "keep": keep,
        "active": not off,
        "not_spam": not_spam,
        "sender": sender,
        "recipient": recipient,
        "subject": subject,
        "max_size": max_size,
        "starts_at": begin.replace(tzinfo=UTC).timestamp() if begin else 0.0,
        "ends_at": (until.replace(tzinfo=UTC) + timedelta(days=1)).timestamp() if until else 0.0,
    }
    session.show(session.call("account.forward_set", wanted), _words)


@command(forward, "clear", "account.forward_clear")
@click.argument("address")
def clear(session: Session, address: str) -> None:
    """Do not forward the mail of ADDRESS any more."""
    session.show(session.call("account.forward_clear", {"address": address}), _words)


def _words(found: Any) -> None:
    if not found["targets"]:
        show.line(f"The mail of {found['address']} is not forwarded.")
        return
    copy = "a copy stays in the mailbox" if found["keep"] else "no copy stays here"
    switched = copy if found["active"] else "switched off"
    show.line(f"The mail of {found['address']} is forwarded ({switched}):")
    for line in _conditions(found):
        show.line(f"  only {line}")
    show.table(("TARGET", "STATE", "SINCE", "WHY"), [_line(each) for each in found["targets"]], "")


def _line(target: Any) -> tuple[str, ...]:
    since = show.moment(target["failing_since"]) if target["failing_since"] else ""
    return target["address"], target["state"], since, target["trouble"]


def _conditions(found: Any) -> list[str]:
    said = ["what is not marked as spam"] if found.get("not_spam") else []
    for name, words in (("sender", "from"), ("recipient", "to"), ("subject", "with the subject")):
        if found.get(name):
            said.append(f"{words} {found[name]}")
    if found.get("max_size"):
        said.append(f"up to {found['max_size']} bytes")
    if found.get("starts_at"):
        said.append(f"from {show.moment(found['starts_at'])}")
    if found.get("ends_at"):
        said.append(f"until {show.moment(found['ends_at'])}")
    return said
