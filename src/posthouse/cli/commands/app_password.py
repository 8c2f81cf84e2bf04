"""``posthouse app-password`` and ``posthouse client-certificate``: ways in for one mail program."""

from __future__ import annotations

import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.errors import CommandError
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group("app-password")
def app_password() -> None:
    """Passwords for one mail program each."""


@command(app_password, "add", "app_password.add")
@click.argument("address")
@click.argument("name")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(["imap", "pop3", "submission"]),
    help="What it is good for; several times for more, all if left out.",
)
@click.option("--network", "networks", multiple=True, help="Take it from this network only; several times.")
@click.option("--days", type=click.IntRange(0, 3650), default=0, help="Days until it expires; 0 for never.")
def add(
    session: Session,
    address: str,
    name: str,
    protocols: tuple[str, ...],
    networks: tuple[str, ...],
    days: int,
) -> None:
    """Make an app password for the account ADDRESS, called NAME."""
    wanted = {
        "address": address,
        "name": name,
        "protocols": list(protocols),
        "networks": list(networks),
        "days": days,
    }
    result = session.call("app_password.add", wanted)

    def words(made: Any) -> None:
        about = made["about"]
        show.line(
            f"App password {about['id']} ({about['name']}) for {about['address']}. It is shown this once:"
        )
        show.line(made["password"])

    session.show(result, words)


@command(app_password, "list", "app_password.list")
@click.argument("address")
def list_(session: Session, address: str) -> None:
    """List the app passwords of the account ADDRESS."""
    result = session.call("app_password.list", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "NAME", "BEGINS", "PROTOCOLS", "NETWORKS", "EXPIRES", "LAST USED"),
            [
                (
                    row["id"],
                    row["name"],
                    row["begins"],
                    " ".join(row["protocols"]),
                    " ".join(row["networks"]) or "all",
                    show.moment(row["expires_at"]) if row["expires_at"] else "never",
                    f"{show.moment(row['last_used'])} {row['last_peer']}".strip()
                    if row["last_used"]
                    else "never",
                )
                for row in found["app_passwords"]
            ],
            "No app passwords yet: posthouse app-password add ADDRESS NAME",
        ),
    )


@command(app_password, "remove", "app_password.remove")
@click.argument("id", type=int)
def remove(session: Session, id: int) -> None:
    """Remove an app password by its number in the list; it is refused at once."""
    result = session.call("app_password.remove", {"id": id})
    session.show(
        result,
        lambda gone: show.line(f"Removed app password {gone['id']} ({gone['name']}) of {gone['address']}."),
    )


@click.group("client-certificate")
def client_certificate() -> None:
    """TLS client certificates that sign in without a password."""


@command(client_certificate, "add", "client_certificate.add")
@click.argument("address")
@click.argument("file", type=click.File("r"))
@click.option("--name", default="", help="What to call it; the file's name if left out.")
def certificate_add(session: Session, address: str, file: Any, name: str) -> None:
    """Register the certificate in FILE (PEM) with the account ADDRESS."""
    wanted = {"address": address, "certificate": file.read(65_537), "name": name or file.name}
    result = session.call("client_certificate.add", wanted)
    session.show(
        result, lambda made: show.line(f"Certificate {made['id']} signs in to {made['address']} from now on.")
    )


@command(client_certificate, "list", "client_certificate.list")
@click.argument("address")
def certificate_list(session: Session, address: str) -> None:
    """List the certificates registered with the account ADDRESS."""
    result = session.call("client_certificate.list", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "NAME", "SINCE", "SHA-256"),
            [
                (row["id"], row["name"], show.moment(row["created_at"]), row["fingerprint"])
                for row in found["certificates"]
            ],
            "No certificates yet: posthouse client-certificate add ADDRESS FILE",
        ),
    )


@command(client_certificate, "remove", "client_certificate.remove")
@click.argument("id", type=int)
def certificate_remove(session: Session, id: int) -> None:
    """Remove a certificate by its number in the list."""
    result = session.call("client_certificate.remove", {"id": id})
    session.show(result, lambda gone: show.line(f"Removed certificate {gone['id']} of {gone['address']}."))


@command(account, "app-passwords-only", "account.app_passwords_only")
@click.argument("address")
@click.argument("answer", type=click.Choice(["yes", "no"]))
def only(session: Session, address: str, answer: str) -> None:
    """Say whether mail programs of ADDRESS must use an app password."""
    result = session.call("account.app_passwords_only", {"address": address, "only": answer == "yes"})
    what = "an app password" if answer == "yes" else "the account's password, too"
    session.show(result, lambda now: show.line(f"{now['address']}: mail programs use {what}."))


@command(account, "import-hash", "account.import_hash")
@click.argument("address")
@click.option(
    "--kind",
    type=click.Choice(["plain", "blowfish", "md5", "sha256", "phc", "scheme"]),
    help="How the other server kept it; seen from the hash where it says so itself.",
)
def import_hash(session: Session, address: str, kind: str | None) -> None:
    """Take over the password of ADDRESS from another server: its hash is read from standard input."""
    text = sys.stdin.readline(2048).rstrip("\r\n")
    if not text:
        raise CommandError("invalid", "There is no hash on standard input.", "Pipe it in.")
    result = session.call("account.import_hash", {"address": address, "password_hash": text, "kind": kind})
    session.show(
        result, lambda done: show.line(f"{done['address']} signs in with its former password from now on.")
    )


@command(account, "without-scram", "account.without_scram")
def without_scram(session: Session) -> None:
    """List the accounts that keep SCRAM from being announced."""
    result = every_page(session, "account.without_scram", "accounts", {})
    session.show(
        result,
        lambda found: show.table(
            ("ACCOUNT", "WHY"),
            [(row["address"], row["why"]) for row in found["accounts"]],
            "None: every account can use SCRAM.",
        ),
    )
