"""``posthouse dns`` and ``posthouse client``: what to publish, and what mail programs have to know."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session

_STATES = {"right": "ok", "missing": "missing", "different": "DIFFERENT", "unknown": "unknown"}


@click.group()
def dns() -> None:
    """What your domains should publish in the DNS."""


@command(dns, "records", "dns.records")
@click.argument("domain")
@click.option("--zone", is_flag=True, help="Print a zone file.")
@click.option("--provider", default="", help="Print what to type at this provider, cloudflare for instance.")
@click.option("--no-check", is_flag=True, help="Do not ask the DNS what is published.")
def records(session: Session, domain: str, zone: bool, provider: str, no_check: bool) -> None:
    """Show what DOMAIN should publish, and whether it does."""
    asked = not no_check and not zone and not provider
    result = session.call("dns.records", {"domain": domain, "check": asked})
    if provider and not session.as_json:
        _provider(result, provider)
        return
    session.show(result, lambda found: click.echo(found["zone"], nl=False) if zone else _records(found))


def _records(found: Any) -> None:
    for record in found["records"]:
        state = f"{_STATES[record['state']]:10}" if found["checked"] else ""
        where = "   (where the address is rented)" if record["elsewhere"] else ""
        show.line(f"{state}{record['text']}{where}")
        if record["state"] == "different":
            show.line(f"          now: {', '.join(record['found'])}. {record['note']}")
    for note in found["notes"]:
        show.line()
        show.line(note)


def _provider(found: Any, key: str) -> None:
    form = next((each for each in found["providers"] if each["key"] == key.lower()), None)
    if form is None:
        known = ", ".join(each["key"] for each in found["providers"])
        raise CommandError("missing", f"The forms of {key} are not known.", f"Give one of {known}.")
    show.line(f"{form['name']}: {form['hint']}")
    for record in form["records"]:
        show.line()
        show.line(record["type"])
        for field in record["fields"]:
            show.line(f"  {field['label']:22}{field['value'] or '(empty)'}")


@click.group()
def client() -> None:
    """What mail programs have to know."""


@command(client, "settings", "client.settings")
@click.argument("address")
def settings(session: Session, address: str) -> None:
    """Show what to enter in a mail program for ADDRESS."""
    session.show(session.call("client.settings", {"address": address}), _settings)


def _settings(found: Any) -> None:
    rows = [
        (
            each["protocol"].upper(),
            each["host"],
            each["port"],
            "SSL/TLS" if each["tls"] == "implicit" else "STARTTLS",
        )
        for each in [*found["incoming"], *found["outgoing"]]
    ]
    show.table(("SERVER", "HOST", "PORT", "SECURITY"), rows, "No listener for mail programs is open.")
    show.line()
    show.line(f"User name: {found['user_name']}, sign in with the password.")
    if found["profile"]:
        show.line(f"iPhone, iPad, Mac: {found['profile']}")


@command(client, "profile", "client.profile")
@click.argument("address")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def profile(session: Session, address: str, file: Path) -> None:
    """Write the profile by which Apple's devices set themselves up for ADDRESS to FILE."""
    made = session.call("client.profile", {"address": address})
    try:
        file.write_bytes(base64.b64decode(made["data"]))
    except OSError as error:
        raise CommandError("failed", f"{file}: {error.strerror}.", "Name another file.") from None
    told = {"name": made["name"], "signed": made["signed"], "file": str(file)}
    words = "signed" if made["signed"] else "not signed"
    session.show(told, lambda _: show.line(f"Wrote {file} ({words}). It holds no password."))
