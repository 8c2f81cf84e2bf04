"""``posthouse dkim``: the keys that outgoing mail is signed with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session

_DNS = {"right": "ok", "missing": "MISSING", "different": "DIFFERENT", "unknown": "unknown", "": "-"}


@click.group()
def dkim() -> None:
    """The keys that outgoing mail is signed with."""


@command(dkim, "list", "dkim.list")
@click.argument("domain", required=False)
@click.option("--records", is_flag=True, help="Print the records as a zone file has them.")
def list_(session: Session, domain: str | None, records: bool) -> None:
    """List the DKIM keys, of one DOMAIN or of all."""
    result = session.call("dkim.list", {"domain": domain})
    session.show(result, _records if records else _table)


def _table(found: Any) -> None:
    show.table(
        ("DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "SINCE", "DNS"),
        [
            (
                row["domain"],
                row["selector"],
                row["algorithm"],
                row["state"],
                show.moment(row["since"]),
                _DNS[row["dns"]],
            )
            for row in found["keys"]
        ],
        "No keys.",
    )
    for row in found["keys"]:
        if row["note"] and row["state"] != "retired":
            show.line(f"{row['selector']} of {row['domain']}: {row['note']}")


def _records(found: Any) -> None:
    for row in found["keys"]:
        show.line(f"{row['name']}. IN TXT {row['text']}")


@command(dkim, "show", "dkim.show")
@click.argument("domain")
@click.argument("selector")
def show_(session: Session, domain: str, selector: str) -> None:
    """Show the key SELECTOR of DOMAIN with its record."""
    session.show(session.call("dkim.show", {"domain": domain, "selector": selector}), _words)


def _words(row: Any) -> None:
    show.line(f"Key {row['selector']} of {row['domain']} ({row['algorithm']}): {row['state']}")
    show.line(f"  made {show.moment(row['made_at'])}, {row['state']} since {show.moment(row['since'])}")
    if row["checked_at"]:
        show.line(f"  DNS {_DNS[row['dns']]}, asked {show.moment(row['checked_at'])}. {row['note']}")
    show.line(f"  {row['name']}. IN TXT {row['text']}")


@command(dkim, "make", "dkim.make")
@click.argument("domain")
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    type=click.Choice(["rsa-sha256", "ed25519-sha256"]),
    help="Only this kind of key.",
)
def make(session: Session, domain: str, algorithms: tuple[str, ...]) -> None:
    """Make keys for DOMAIN. Each is used once its record is in the DNS."""
    result = session.call("dkim.make", {"domain": domain, "algorithms": list(algorithms)})
    session.show(result, _to_publish)


@command(dkim, "rotate", "dkim.rotate")
@click.argument("domain")
def rotate(session: Session, domain: str) -> None:
    """Let new keys follow those of DOMAIN now."""
    session.show(session.call("dkim.rotate", {"domain": domain}), _to_publish)


def _to_publish(found: Any) -> None:
    show.line("Publish these records; the keys are used once they are seen in the DNS:")
    _records(found)


@command(dkim, "import", "dkim.import")
@click.argument("domain")
@click.argument("selector")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--now", is_flag=True, help="Sign with it at once, without waiting for its record.")
def import_(session: Session, domain: str, selector: str, file: Path, now: bool) -> None:
    """Take over the private key in the PEM file FILE, which another server used as SELECTOR of DOMAIN."""
    wanted = {"domain": domain, "selector": selector, "key": _text(file), "now": now}
    session.show(session.call("dkim.import", wanted), _words)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(64 * 1024).decode("ascii")
    except UnicodeDecodeError:
        raise CommandError(
            "invalid", f"{path} is no PEM file.", "Convert it: openssl pkey -inform DER -in FILE."
        ) from None
    except OSError as error:
        raise CommandError(
            "missing", f"{path} cannot be read ({error.strerror}).", "Correct the path."
        ) from None


@command(dkim, "check", "dkim.check")
@click.argument("domain")
def check(session: Session, domain: str) -> None:
    """Ask the DNS now for the records of DOMAIN's keys; new keys whose record is there are used from now on."""
    session.show(session.call("dkim.check", {"domain": domain}), _table)


@command(dkim, "activate", "dkim.activate")
@click.argument("domain")
@click.argument("selector")
def activate(session: Session, domain: str, selector: str) -> None:
    """Sign with the key SELECTOR from now on, whether its record was seen or not."""
    session.show(session.call("dkim.activate", {"domain": domain, "selector": selector}), _words)


@command(dkim, "retire", "dkim.retire")
@click.argument("domain")
@click.argument("selector")
def retire(session: Session, domain: str, selector: str) -> None:
    """Sign with the key SELECTOR no more; leave its record in the DNS for a while."""
    session.show(session.call("dkim.retire", {"domain": domain, "selector": selector}), _words)


@command(dkim, "remove", "dkim.remove")
@click.argument("domain")
@click.argument("selector")
def remove(session: Session, domain: str, selector: str) -> None:
    """Delete the key SELECTOR of DOMAIN, which must not be signing."""
    result = session.call("dkim.remove", {"domain": domain, "selector": selector})
    session.show(result, lambda row: show.line(f"Removed the key {row['selector']} of {row['domain']}."))
