"""``posthouse source``: where passwords are judged that are not kept here."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import Function, command
from posthouse.cli.commands.route_options import secret
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group()
def source() -> None:
    """Where passwords are judged that are not kept here: LDAP, PAM, a database, a script."""


_OPTIONS = (
    click.option("--active/--inactive", default=None, help="Whether it is used."),
    click.option("--domain", "domains", multiple=True, help="A domain it speaks for; may be repeated."),
    click.option("--create/--no-create", default=None, help="Make accounts at the first sign-in."),
    click.option("--cache-hours", type=int, help="Hours its last password opens an account in an outage."),
    click.option("--timeout", type=int, help="Seconds for each answer."),
    click.option("--connections", type=int, help="Sign-ins under way at once."),
    click.option("--secret", "ask_secret", is_flag=True, help="Ask for the password, or the database's URL."),
    click.option("--secret-stdin", is_flag=True, help="Read it from standard input."),
    click.option("--server", "servers", multiple=True, help="ldaps://HOST or ldap://HOST; may be repeated."),
    click.option("--plain/--tls", default=None, help="Without TLS, over a network nobody else is in."),
    click.option("--ca-file", help="The authorities of the servers' certificates (PEM)."),
    click.option("--bind-template", help="Such as uid={user},ou=people,dc=example or {user}@ad.example."),
    click.option("--bind-dn", help="Who searches."),
    click.option("--search-base", help="Where people are."),
    click.option("--search-filter", help="Finds one of them, such as (mail={address})."),
    click.option("--sync-filter", help="Finds all of them."),
    click.option("--address-attribute", help="Holds the address (mail)."),
    click.option("--display-attribute", help="Holds the display name."),
    click.option("--first-attribute", help="Holds the first name."),
    click.option("--last-attribute", help="Holds the last name."),
    click.option(
        "--map", "maps", multiple=True, help="'DN => group:NAME', list:ADDRESS, role:server or :domain."
    ),
    click.option("--nested/--direct", default=None, help="Members of members (Active Directory)."),
    click.option("--sync-minutes", type=int, help="Synchronise so often; 0: never."),
    click.option("--most-disabled", type=int, help="Most accounts switched off at once, in percent."),
    click.option("--service", help="The PAM service."),
    click.option("--query", help="The SELECT that returns the hash of :address (or :user and :domain)."),
    click.option("--hash", help="The kind of hash; else it says itself."),
    click.option("--command", help="The program, quoted as in a shell (which is not used)."),
)


def settings(function: Function) -> Function:
    """What can be set of a source."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def given(ask_secret: bool, secret_stdin: bool, options: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the use takes it."""
    values = {name: value for name, value in options.items() if value is not None and value != ()}
    for name in ("domains", "servers", "maps"):
        if name in values:
            values[name] = list(values[name])
    if "command" in values:
        try:
            values["command"] = shlex.split(values["command"])
        except ValueError as problem:
            raise CommandError("invalid", f"The command: {problem}.", "Close the quotes.") from None
    if ask_secret or secret_stdin:
        values["secret"] = secret("Secret", secret_stdin)
    return values


@command(source, "list", "source.list")
def list_(session: Session) -> None:
    """List the sources."""
    result = session.call("source.list", {})
    session.show(
        result,
        lambda found: show.table(
            ("SOURCE", "KIND", "ACTIVE", "ACCOUNTS", "SYNCHRONISED"),
            [
                (
                    row["name"],
                    row["kind"],
                    "yes" if row["active"] else "no",
                    str(row["accounts"]),
                    f"{show.moment(row['synced_at'])}: {row['synced']}" if row["synced_at"] else "",
                )
                for row in found["sources"]
            ],
            "No sources.",
        ),
    )


@command(source, "show", "source.show")
@click.argument("name")
def show_(session: Session, name: str) -> None:
    """Show the settings of the source NAME."""
    result = session.call("source.show", {"name": name})
    session.show(
        result,
        lambda found: show.table(
            ("SETTING", "VALUE"),
            [
                (key, "\n".join(value) if isinstance(value, list) else str(value))
                for key, value in found.items()
            ],
            "",
        ),
    )


@command(source, "add", "source.add")
@click.argument("kind")
@click.argument("name")
@settings
def add(session: Session, kind: str, name: str, ask_secret: bool, secret_stdin: bool, **options: Any) -> None:
    """Add the source NAME of the KIND ldap, pam, sql or script."""
    wanted = {"name": name, "kind": kind, **given(ask_secret, secret_stdin, options)}
    result = session.call("source.add", wanted)
    session.show(
        result, lambda made: show.line(f"Added source {made['name']}. Try it: posthouse source test.")
    )


@command(source, "set", "source.change")
@click.argument("name")
@settings
def set_(session: Session, name: str, ask_secret: bool, secret_stdin: bool, **options: Any) -> None:
    """Change the source NAME; what is not given stays as it is."""
    result = session.call("source.change", {"name": name, **given(ask_secret, secret_stdin, options)})
    session.show(result, lambda changed: show.line(f"Changed source {changed['name']}."))


@command(source, "remove", "source.remove")
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Remove the source NAME, which no account uses any more."""
    result = session.call("source.remove", {"name": name})
    session.show(result, lambda removed: show.line(f"Removed source {removed['name']}."))


@command(source, "assign", "source.assign")
@click.argument("address")
@click.argument("name", default="")
def assign(session: Session, address: str, name: str) -> None:
    """Let the account ADDRESS sign in by the source NAME; without one, by a password of its own."""
    result = session.call("source.assign", {"address": address, "source": name})
    session.show(
        result,
        lambda done: show.line(f"{done['address']} signs in by {done['source'] or 'a password of its own'}."),
    )


@command(source, "test", "source.test")
@click.argument("name")
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def test(session: Session, name: str, address: str, password_stdin: bool) -> None:
    """Ask the source NAME whether a password of ADDRESS is good."""
    password = secret("Password", password_stdin)
    result = session.call("source.test", {"name": name, "address": address, "password": password})

    def words(found: Any) -> None:
        reason = f" ({found['reason']})" if found["reason"] else ""
        show.line(f"{found['answer']}{reason}")
        for key, value in found["facts"].items():
            show.line(f"{key}: {value}")

    session.show(result, words)
    if result["answer"] != "accept":
        sys.exit(1)


def _synced(found: Any) -> None:
    for key, title in (
        ("create", "make"),
        ("update", "update"),
        ("disable", "switch off"),
        ("enable", "switch on"),
        ("joins", "join"),
        ("leaves", "leave"),
        ("passed_over", "passed over"),
    ):
        for each in found[key]:
            show.line(f"{title}: {each}")
    if found["refused"]:
        show.line(found["refused"])
    if not any(value for key, value in found.items() if key != "name"):
        show.line("Nothing is to be done.")


@command(source, "preview", "source.preview")
@click.argument("name")
def preview(session: Session, name: str) -> None:
    """Show what a synchronisation with the source NAME would do."""
    session.show(session.call("source.preview", {"name": name}), _synced)


@command(source, "sync", "source.sync")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when more accounts are switched off than allowed at once.")
def sync(session: Session, name: str, force: bool) -> None:
    """Synchronise with the source NAME now."""
    session.show(session.call("source.sync", {"name": name, "force": force}), _synced)
