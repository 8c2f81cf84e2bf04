"""``posthouse token``: what programs sign in to the API with."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session


@click.group()
def token() -> None:
    """Tokens with which programs use the API."""


@command(token, "add", "token.add")
@click.argument("address")
@click.argument("name")
@click.option(
    "--right",
    "rights",
    multiple=True,
    type=click.Choice(["view", "change", "read_mail", "send"]),
    help="What it may do; may be given several times. `view` if left out.",
)
@click.option("--domain", "domains", multiple=True, help="Limit it to this domain; several times for more.")
@click.option("--network", "networks", multiple=True, help="Take it from this network only; several times.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires (see identity.token_days).")
@click.option("--never-expires", is_flag=True, help="It does not expire.")
def add(
    session: Session,
    address: str,
    name: str,
    rights: tuple[str, ...],
    domains: tuple[str, ...],
    networks: tuple[str, ...],
    days: int | None,
    never_expires: bool,
) -> None:
    """Make a token for the account ADDRESS, called NAME. It never may more than the account."""
    wanted: dict[str, Any] = {
        "address": address,
        "name": name,
        "rights": list(rights) or ["view"],
        "domains": list(domains),
        "networks": list(networks),
        "days": 0 if never_expires else days,
    }
    result = session.call("token.add", wanted)

    def words(made: Any) -> None:
        about = made["about"]
        expires = show.moment(about["expires_at"]) if about["expires_at"] else "never"
        show.line(f"Token {about['id']} for {about['address']}, expires: {expires}. It is shown this once:")
        show.line(made["token"])

    session.show(result, words)


@command(token, "list", "token.list")
@click.argument("address", required=False)
def list_(session: Session, address: str | None) -> None:
    """List the tokens, of the account ADDRESS or all."""
    result = session.call("token.list", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "ACCOUNT", "NAME", "RIGHTS", "DOMAINS", "NETWORKS", "EXPIRES", "LAST USED"),
            [
                (
                    row["id"],
                    row["address"],
                    row["name"],
                    " ".join(row["rights"]),
                    " ".join(row["domains"]) or "all",
                    " ".join(row["networks"]) or "all",
                    show.moment(row["expires_at"]) if row["expires_at"] else "never",
                    f"{show.moment(row['last_used'])} {row['last_peer']}".strip(),
                )
                for row in found["tokens"]
            ],
            "No tokens yet: posthouse token add ADDRESS NAME",
        ),
    )


@command(token, "remove", "token.remove")
@click.argument("id", type=int)
def remove(session: Session, id: int) -> None:
    """Remove a token by its number in the list."""
    result = session.call("token.remove", {"id": id})
    session.show(
        result, lambda gone: show.line(f"Removed token {gone['id']} ({gone['name']}) of {gone['address']}.")
    )
