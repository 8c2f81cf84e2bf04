"""``posthouse route``: which mail leaves by which hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.route_options import conditions, fields_of, options, secret
from posthouse.cli.session import Session

AT_ONCE = 500


@click.group()
def route() -> None:
    """Hosts that take mail in place of the recipient's own ones."""


@command(route, "add", "route.add")
@click.argument("recipient", default="")
@conditions
@options
def add(session: Session, recipient: str, **given: Any) -> None:
    """Add a route for mail to RECIPIENT: a domain, *.example.org, an address, or * for everything."""
    wanted = fields_of(given)
    session.show(session.call("route.add", {"recipient": recipient, **wanted}), _about)


@command(route, "change", "route.change")
@click.argument("id", type=int)
@click.option("--recipient", help="Mail to these recipients.")
@conditions
@options
@click.option("--on/--off", "active", default=None, help="Switch it on or off.")
def change(session: Session, id: int, **given: Any) -> None:
    """Change a route; what is left out stays as it is."""
    session.show(session.call("route.change", {"id": id, **fields_of(given)}), _about)


@command(route, "list", "route.list")
def list_(session: Session) -> None:
    """List the routes in the order in which they are asked."""
    session.show(session.call("route.list"), _table)


@command(route, "show", "route.show", "route.addresses")
@click.argument("id", type=int)
@click.option("--addresses", is_flag=True, help="List the addresses it takes, too.")
def show_(session: Session, id: int, addresses: bool) -> None:
    """Show one route; its secrets are never shown."""
    found = session.call("route.show", {"id": id})
    if addresses:
        found = {**found, "listed": _every_address(session, id)}
    session.show(found, _about)


@command(route, "remove", "route.remove")
@click.argument("id", type=int)
def remove(session: Session, id: int) -> None:
    """Remove a route. What waits for it takes another way."""
    result = session.call("route.remove", {"id": id})
    session.show(result, lambda gone: show.line(f"Removed route {gone['id']} ({_whom(gone)})."))


@command(route, "move", "route.move")
@click.argument("id", type=int)
@click.argument("place", type=int)
def move(session: Session, id: int, place: int) -> None:
    """Put a route at PLACE (1 is first): of several that fit, the first takes the mail."""
    result = session.call("route.move", {"id": id, "place": place})
    session.show(result, lambda moved: show.line(f"Route {moved['id']} is at place {moved['place']}."))


@command(route, "release", "route.release")
@click.argument("id", type=int)
def release(session: Session, id: int) -> None:
    """Try what waits for a route now, as if its host had asked (ETRN)."""
    result = session.call("route.release", {"id": id})
    session.show(
        result, lambda done: show.line(f"{show.count(done['recipients'], 'recipient')} tried from now on.")
    )


@command(route, "test", "route.test")
@click.argument("id", type=int)
@click.option("--domain", default="", help="Whose hosts to ask, for a route without targets.")
def test(session: Session, id: int, domain: str) -> None:
    """Connect to the hosts of a route and tell how far it works; no mail is sent."""
    result = session.call("route.test", {"id": id, "domain": domain})

    def words(done: Any) -> None:
        for step in done["steps"]:
            mark = "ok  " if step["good"] else "FAIL"
            show.line(f"{mark} {step['name']:8} {step['host']}  {step['text']}")
        show.line("The route works." if done["good"] else "The route does not work.")

    session.show(result, words)


@command(route, "smart-host", "route.smart_host")
@click.argument("target", default="")
@click.option("--port", type=int, default=0, help="The port, where TARGET names none.")
@click.option("--security", default="starttls", show_default=True, help="none, may, starttls or tls.")
@click.option("--verify/--no-verify", default=True, help="Its certificate must be good.")
@click.option("--username", default="", help="Sign in as this user.")
@click.option("--password", "ask_password", is_flag=True, help="Ask for the password.")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input.")
@click.option("--none", "nothing", is_flag=True, help="Use none: mail goes to the hosts of its domain.")
def smart_host(
    session: Session, ask_password: bool, password_stdin: bool, nothing: bool, **given: Any
) -> None:
    """Send all mail that takes no other route by TARGET."""
    if bool(given["target"]) == nothing:
        raise click.UsageError("Give a TARGET, or --none.")
    if ask_password or password_stdin:
        given["password"] = secret("Password", password_stdin)
    session.show(session.call("route.smart_host", given), _table)


@command(route, "allow", "route.address_add")
@click.argument("id", type=int)
@click.argument("addresses", nargs=-1)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False), help="One address a line.")
def allow(session: Session, id: int, addresses: tuple[str, ...], path: str | None) -> None:
    """Add to the addresses that a route takes which does not take all."""
    _lists(session, "route.address_add", "added", id, addresses, path)


@command(route, "disallow", "route.address_remove")
@click.argument("id", type=int)
@click.argument("addresses", nargs=-1)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False), help="One address a line.")
def disallow(session: Session, id: int, addresses: tuple[str, ...], path: str | None) -> None:
    """Take from the addresses that a route takes."""
    _lists(session, "route.address_remove", "removed", id, addresses, path)


@command(route, "source", "route.source", "route.sources")
@click.argument("domain", default="")
@click.argument("address", default="")
@click.option("--any", "anything", is_flag=True, help="From any address again.")
def source(session: Session, domain: str, address: str, anything: bool) -> None:
    """Let mail of senders in DOMAIN leave from ADDRESS of this machine; without arguments: list these."""
    if not domain:
        session.show(
            session.call("route.sources"),
            lambda found: show.table(
                ("DOMAIN", "ADDRESS"),
                [(row["domain"], row["address"]) for row in found["sources"]],
                "No domain has an address of its own: posthouse route source DOMAIN ADDRESS",
            ),
        )
        return
    if bool(address) == anything:
        raise click.UsageError("Give an ADDRESS, or --any.")
    result = session.call("route.source", {"domain": domain, "address": address})
    session.show(
        result,
        lambda done: show.line(f"Mail of {done['domain']} leaves from {done['address'] or 'any address'}."),
    )


def _lists(
    session: Session, use: str, word: str, id: int, addresses: tuple[str, ...], path: str | None
) -> None:
    wanted = list(addresses)
    if path is not None:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        wanted += [line.strip() for line in lines if line.strip()]
    if not wanted:
        raise click.UsageError("Give addresses, or --file.")
    changed, total = 0, 0
    for start in range(0, len(wanted), AT_ONCE):
        done = session.call(use, {"id": id, "addresses": wanted[start : start + AT_ONCE]})
        changed, total = changed + done["changed"], done["total"]
    session.show(
        {"id": id, "changed": changed, "total": total},
        lambda done: show.line(f"{done['changed']} {word}; route {id} lists {done['total']} now."),
    )


def _every_address(session: Session, id: int) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = session.call("route.addresses", {"id": id, "limit": 1000, "after": after})
        found += page["addresses"]
        after = page["next"]
        if not after:
            return found


def _table(found: Any) -> None:
    show.table(
        ("PLACE", "ID", "FOR", "BY", "TO", "STATE", "DESCRIPTION"),
        [
            (
                row["place"],
                row["id"],
                _whom(row),
                row["protocol"],
                _where(row),
                _state(row),
                row["description"],
            )
            for row in found["routes"]
        ],
        "No routes: mail goes to the hosts of its domain. posthouse route add RECIPIENT --target HOST",
    )


def _whom(row: Any) -> str:
    parts = [row["recipient"]]
    parts += [f"from {row['sender']}"] if row["sender"] else []
    parts += [f"of {row['account']}"] if row["account"] else []
    return " ".join(filter(None, parts))


def _where(row: Any) -> str:
    return " ".join(row["command"]) or row["target"] or "its own hosts"


def _state(row: Any) -> str:
    return "off" if not row["active"] else "holds" if row["hold"] else "on"


def _about(row: Any) -> None:
    show.line(f"Route {row['id']} (place {row['place']}, {_state(row)}) for {_whom(row)}")
    show.line(f"By {row['protocol']} to {_where(row)}" + (f", port {row['port']}" if row["port"] else ""))
    show.line(f"TLS: {row['security']}" + (", verified" if row["verify"] else ""))
    if row["username"]:
        how = row["mechanism"] or "the best there is"
        show.line(
            f"Signs in as {row['username']} by {how} ({', '.join(row['secrets']) or 'no secret'} stored)"
        )
    if row["tries"] or row["minutes"]:
        show.line(f"Tries: {row['tries'] or 'as set'}, minutes between them: {row['minutes'] or 'as set'}")
    taken = "all addresses" if row["all_addresses"] else f"{show.count(row['addresses'], 'listed address')}"
    show.line(f"Takes {taken}")
    for name, words in (
        ("local_recipients", "Everybody may send to its recipients."),
        ("local_senders", "Its senders count as ours."),
        ("hold", f"Mail waits for ETRN from {row['etrn_networks'] or '-'} or {row['etrn_accounts'] or '-'}."),
    ):
        if row[name]:
            show.line(words)
    for name in ("source", "certificate", "batch", "description"):
        if row[name]:
            show.line(f"{name.capitalize()}: {row[name]}")
    for address in row.get("listed", ()):
        show.line(f"  {address}")
