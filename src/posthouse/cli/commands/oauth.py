"""``posthouse oauth``: programs that sign in by a page in the browser."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def oauth() -> None:
    """Access tokens: programs, what people let them do, the outside provider."""


@oauth.group("client")
def client() -> None:
    """Programs that may ask people to let them in."""


@oauth.group("grant")
def grant() -> None:
    """Programs that people let in."""


@command(oauth, "show", "oauth.show")
def show_(session: Session) -> None:
    """Tell whether tokens sign in to mail, and whether the outside provider can be asked."""

    def words(found: Any) -> None:
        show.line(f"Own server  {found['issuer'] or 'off (setting oauth.server, and a listener for https)'}")
        show.line(f"Programs make themselves known  {'yes' if found['registration'] else 'no'}")
        show.line(f"Provider  {found['provider'] or 'none (setting oauth.provider)'}")
        if found["trouble"]:
            show.line(f"The provider cannot be used: {found['trouble']}.")

    session.show(session.call("oauth.show"), words)


@command(client, "list", "oauth.client_list")
def client_list(session: Session) -> None:
    """List the programs."""
    session.show(
        session.call("oauth.client_list"),
        lambda found: show.table(
            ("ID", "CLIENT ID", "NAME", "RETURNS TO", "ENTERED", "BY", "LET IN"),
            [
                (
                    row["id"],
                    row["client_id"],
                    row["name"],
                    " ".join(row["redirect_uris"]) or "-",
                    show.moment(row["created_at"]),
                    "hand" if row["by_hand"] else row["peer"],
                    row["grants"],
                )
                for row in found["clients"]
            ],
            "No programs yet: posthouse oauth client add NAME",
        ),
    )


@command(client, "add", "oauth.client_add")
@click.argument("name")
@click.option(
    "--redirect-uri", "uris", multiple=True, help="Where the browser may return to; several times for more."
)
def client_add(session: Session, name: str, uris: tuple[str, ...]) -> None:
    """Enter the program NAME; prints its client id."""
    result = session.call("oauth.client_add", {"name": name, "redirect_uris": list(uris)})
    session.show(
        result, lambda made: show.line(f"Program {made['id']} has the client id {made['client_id']}")
    )


@command(client, "remove", "oauth.client_remove")
@click.argument("id", type=int)
def client_remove(session: Session, id: int) -> None:
    """Remove a program by its number; everybody who let it in is free of it at once."""
    result = session.call("oauth.client_remove", {"id": id})
    session.show(result, lambda gone: show.line(f"Removed {gone['name']} ({gone['client_id']})."))


@command(grant, "list", "oauth.grant_list")
@click.argument("address")
def grant_list(session: Session, address: str) -> None:
    """List the programs that the owner of ADDRESS let in."""
    session.show(
        session.call("oauth.grant_list", {"address": address}),
        lambda found: show.table(
            ("ID", "PROGRAM", "RIGHTS", "SINCE", "LAST USED"),
            [
                (
                    row["id"],
                    row["program"],
                    " ".join(row["scopes"]),
                    show.moment(row["created_at"]),
                    f"{show.moment(row['last_used'])} {row['last_peer']}".strip()
                    if row["last_used"]
                    else "never",
                )
                for row in found["grants"]
            ],
            "None.",
        ),
    )


@command(grant, "remove", "oauth.grant_remove")
@click.argument("id", type=int)
def grant_remove(session: Session, id: int) -> None:
    """Shut out a program that was let in, by its number in the list."""
    result = session.call("oauth.grant_remove", {"id": id})
    session.show(result, lambda gone: show.line(f"{gone['program']} is shut out of {gone['address']}."))
