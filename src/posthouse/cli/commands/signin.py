"""``posthouse browser``, ``posthouse sign-in-link``: who is signed in by browser, and a way in for whoever lost
password or phone."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def browser() -> None:
    """Browsers that are signed in to the web pages."""


@command(browser, "list", "identity.sessions")
@click.argument("address", required=False)
def list_(session: Session, address: str | None) -> None:
    """List the signed-in browsers, of the account ADDRESS or of all."""
    result = session.call("identity.sessions", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "ACCOUNT", "FROM", "SIGNED IN", "BY", "LAST SEEN", "PROGRAM"),
            [
                (
                    row["id"],
                    row["address"],
                    row["peer"],
                    show.moment(row["created_at"]),
                    row["how"],
                    show.moment(row["last_seen"]),
                    row["agent"],
                )
                for row in found["sessions"]
            ],
            "No browser is signed in.",
        ),
    )


@command(browser, "end", "identity.session_end")
@click.argument("id", type=int)
def end(session: Session, id: int) -> None:
    """Sign a browser out, by its number in the list."""
    result = session.call("identity.session_end", {"id": id})
    session.show(result, lambda gone: show.line(f"Signed {gone['address']} out at {gone['peer']}."))


def add_to(group: click.Group) -> None:
    """Add the commands of this file to the command line."""
    group.add_command(browser)

    @command(group, "sign-in-link", "identity.link")
    @click.argument("address")
    def sign_in_link(session: Session, address: str) -> None:
        """Make a link that signs in once as ADDRESS, within ten minutes, without password and second factor."""
        result = session.call("identity.link", {"address": address})

        def words(made: Any) -> None:
            show.line(f"Good once, until {show.moment(made['expires_at'])}, for {made['address']}.")
            if made["links"]:
                show.line("Open one of these in your browser, while the server runs:")
            else:
                show.line("Start the server, and append this to the address of its web pages (https://HOST):")
            for link in made["links"] or [made["path"]]:
                show.line(link)

        session.show(result, words)
