"""``posthouse quota``: what limits an account, and who is near a limit."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def quota() -> None:
    """What accounts may hold, and who is near it."""


@command(quota, "show", "quota.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show every limit of the account ADDRESS and what is there."""
    result = session.call("quota.show", {"address": address})
    session.show(result, _limits)


@command(quota, "messages", "quota.messages")
@click.argument("address")
@click.argument("messages", type=click.IntRange(0))
def messages(session: Session, address: str, messages: int) -> None:
    """Let the account ADDRESS hold at most MESSAGES messages; 0 for any number."""
    result = session.call("quota.messages", {"address": address, "messages": messages})
    session.show(result, _limits)


@command(quota, "warned", "quota.warned")
def warned(session: Session) -> None:
    """List the accounts whose owners were warned that they are nearly full."""
    result = session.call("quota.warned", {})
    session.show(
        result,
        lambda found: show.table(
            ("ACCOUNT", "LEVEL", "WARNED", "USED", "QUOTA"),
            [
                (
                    row["address"],
                    f"{row['level']} %",
                    show.moment(row["warned_at"]),
                    show.size(row["used"]),
                    show.quota(row["quota"]),
                )
                for row in found["accounts"]
            ],
            "No mailbox is nearly full.",
        ),
    )


def _limits(found: Any) -> None:
    most = str(found["messages"]) if found["messages"] else "none"
    show.table(
        ("LIMIT", "MOST", "THERE"),
        [
            ("storage", show.quota(found["quota"]), show.size(found["used"])),
            ("messages", most, str(found["held"])),
            ("largest message", show.quota(found["message"]), ""),
            (
                "domain",
                show.quota(found["domain"]),
                show.size(found["domain_used"]) if found["domain"] else "",
            ),
        ],
        "",
    )
