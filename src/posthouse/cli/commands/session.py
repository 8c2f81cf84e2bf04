"""``posthouse session``: who is connected."""

from __future__ import annotations

import time
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def session() -> None:
    """Open connections of mail programs and servers."""


@command(session, "list", "session.list")
@click.option(
    "--protocol", default="", help="Only this protocol: smtp, submission, lmtp, imap, pop3 or http."
)
@click.option("--account", default="", metavar="ADDRESS", help="Only sessions of this account.")
@click.option("--peer", default="", metavar="NETWORK", help="Only peers in this network, or of this address.")
@click.option("--limit", default=200, show_default=True, help="Show at most this many.")
def list_(session: Session, **filters: Any) -> None:
    """List who is connected, newest first."""
    result = session.call("session.list", filters)

    def words(found: Any) -> None:
        _table(found["sessions"], "Nobody is connected.")
        if found["total"] > len(found["sessions"]):
            show.line(f"{found['total']} sessions in all.")

    session.show(result, words)


@command(session, "disconnect", "session.disconnect")
@click.argument("id", required=False, default="")
@click.option("--account", default="", metavar="ADDRESS", help="End all sessions of this account.")
def disconnect(session: Session, id: str, account: str) -> None:
    """End the session ID, or all sessions of an account. The other side is told, and may connect again."""
    result = session.call("session.disconnect", {"id": id, "account": account})

    def words(found: Any) -> None:
        show.line(f"Ended {show.count(len(found['sessions']), 'session')}.")
        if found["sessions"]:
            _table(found["sessions"], "")

    session.show(result, words)


def _table(sessions: Any, empty: str) -> None:
    now = time.time()
    show.table(
        ("ID", "PROTOCOL", "PEER", "TLS", "ACCOUNT", "CLIENT", "FOR", "LAST", "IN", "OUT", "WORKER"),
        [
            (
                row["id"],
                row["protocol"],
                row["peer"],
                row["tls"] or "-",
                row["account"] or "-",
                row["client"] or "-",
                show.span(max(0.0, now - row["since"])),
                row["command"] or "-",
                show.size(row["received"]),
                show.size(row["sent"]),
                row["worker"],
            )
            for row in sessions
        ],
        empty,
    )
