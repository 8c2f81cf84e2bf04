"""``posthouse range``: what peers may do, by their address."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.probation import tell_probation
from posthouse.cli.session import Session


@click.group(name="range")
def ip_range() -> None:
    """IP ranges: what peers may do, by their address."""


@command(ip_range, "put", "range.put")
@click.argument("name")
@click.argument("addresses")
@click.option("--priority", type=int, default=20, help="Of ranges that overlap, the highest rules.")
@click.option(
    "--rules",
    default=None,
    metavar="WORDS",
    help="What it permits and demands, with commas between (`range list` shows the words); else what is usual.",
)
@click.option(
    "--for", "duration", default="", metavar="TIME", help="How long, e.g. 12h or 7d; else for ever."
)
@click.option("--connections", type=int, default=0, help="Most connections open from one address.")
@click.option(
    "--connection-rate", type=int, default=0, help="Most new connections of one address in a minute."
)
@click.option("--message-rate", type=int, default=0, help="Most messages of one address in a minute.")
@click.option("--now", is_flag=True, help="For good at once, without a time to confirm it.")
def put(session: Session, name: str, addresses: str, rules: str | None, **given: Any) -> None:
    """Add the range NAME of ADDRESSES (192.0.2.0/24, 2001:db8::/32, 192.0.2.1-192.0.2.9), or replace it."""
    words = None if rules is None else [word for word in rules.replace(",", " ").split() if word]
    result = session.call("range.put", {"name": name, "addresses": addresses, "rules": words, **given})

    def told(made: Any) -> None:
        show.line(f"{made['name']}: {made['addresses']} may {', '.join(made['rules']) or 'do nothing'}.")
        tell_probation(made["probation"])

    session.show(result, told)


@command(ip_range, "list", "range.list")
def list_(session: Session) -> None:
    """List the IP ranges in the order in which they rule."""
    session.show(
        session.call("range.list"),
        lambda found: show.table(
            ("PRIORITY", "NAME", "ADDRESSES", "UNTIL", "RULES"),
            [
                (
                    str(row["priority"]),
                    row["name"],
                    row["addresses"],
                    show.moment(row["until"]) if row["until"] else "",
                    " ".join(row["rules"]),
                )
                for row in found["ranges"]
            ],
            "There are none yet; they are made when the server is started.",
        ),
    )


@command(ip_range, "remove", "range.remove")
@click.argument("name")
@click.option("--now", is_flag=True, help="For good at once, without a time to confirm it.")
def remove(session: Session, name: str, now: bool) -> None:
    """Remove the range NAME."""
    result = session.call("range.remove", {"name": name, "now": now})

    def told(gone: Any) -> None:
        show.line(f"The IP range {gone['name']} is removed.")
        tell_probation(gone["probation"])

    session.show(result, told)


@command(ip_range, "try", "range.try")
@click.argument("address")
def try_(session: Session, address: str) -> None:
    """Tell what ADDRESS may do, and why it is kept out."""

    def told(found: Any) -> None:
        if found["banned"]:
            show.line(f"{found['address']} is banned.")
        place = f"is in the range {found['range']}" if found["range"] else "is in no range"
        show.line(f"{found['address']} {place}: {', '.join(found['rules']) or 'nothing is permitted'}.")
        _tell_lists(found)

    session.show(session.call("range.try", {"address": address}), told)


def _tell_lists(found: Any) -> None:
    """What block lists, allow lists and countries say."""
    if found["country"]:
        show.line(f"Its country is {found['country']}.")
    for word, why in found["judged"].items():
        show.line(f"  {word}: {why}{' (kept out)' if word in found['refused'] else ''}")
    if found["judged"] and found["above"]:
        show.line("Its range decides before all lists and countries.")
    elif found["judged"] and found["spared"]:
        show.line("Lists and countries never keep it out.")
