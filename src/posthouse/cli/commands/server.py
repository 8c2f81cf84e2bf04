"""``posthouse status`` and ``posthouse verify``."""

from __future__ import annotations

import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


def add_to(group: click.Group) -> None:
    """Declare the commands that stand at the top level."""
    command(group, "status", "status")(status)
    command(group, "verify", "verify")(verify)


def status(session: Session) -> None:
    """Show whether the server runs, what listens, how much it holds and how much waits."""
    session.show(session.call("status"), _status_words)


def _status_words(found: Any) -> None:
    if found["running"]:
        workers = show.count(found["workers"], "worker")
        show.line(f"Posthouse {found['version']} has run for {show.span(found['uptime'])}, {workers}.")
    else:
        show.line(f"Posthouse {found['version']} is stopped. Its data folder:")
    show.line(f"Data     {found['data']} ({show.size(found['disk_free'])} free)")
    show.line(f"Database {found['database']}")
    things = (("domains", "domain"), ("accounts", "account"), ("aliases", "alias"), ("messages", "message"))
    held = ", ".join(show.count(found[name], thing) for name, thing in things)
    show.line(f"Holds    {held} ({show.size(found['used'])})")
    waiting = found["queue"]
    owed = (
        f"{show.count(waiting['messages'], 'message')} for {show.count(waiting['recipients'], 'recipient')}"
    )
    show.line(f"Queue    {owed}, {waiting['held']} held")
    if found["running"]:
        sessions = ", ".join(f"{count} {name}" for name, count in sorted(found["sessions"].items())) or "none"
        show.line(f"Sessions {sessions}")
        show.line()
        show.table(
            ("PROTOCOL", "LISTENS ON", "TLS"),
            [(row["protocol"], row["where"], row["tls"]) for row in found["listeners"]],
        )
        for fingerprint, hosts in show.by_value(found["certificates"]).items():
            show.line(f"Certificate of {', '.join(hosts)}, SHA-256:")
            show.line(f"  {fingerprint}")


def verify(session: Session) -> None:
    """Check every message's bytes, every row and every counter. Exits with 6 if anything is wrong.

    Reads the whole store; a running server goes on serving meanwhile.
    """

    def progress(value: Any) -> None:
        if not session.as_json and sys.stderr.isatty():
            total = f" of {value['total']}" if value["total"] else ""
            click.echo(f"\r\x1b[K{show.safe(value['text'])} {value['done']}{total}", err=True, nl=False)

    result = session.call("verify", {}, progress)
    if not session.as_json and sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    session.show(result, _verify_words)
    if result["findings"] or result["findings_left_out"]:
        raise CommandError(
            "findings",
            show.count(len(result["findings"]) + result["findings_left_out"], "finding") + ".",
            "See them above; keep the data folder as it is and restore what is damaged from a backup.",
        )


def _verify_words(found: Any) -> None:
    for finding in found["findings"]:
        show.line(f"{finding['kind']}: {finding['text']}")
    if found["findings_left_out"]:
        show.line(f"... and {found['findings_left_out']} more.")
    show.line(
        f"Checked {found['bodies']} bodies, {show.count(found['messages'], 'message')} in "
        f"{show.count(found['mailboxes'], 'mailbox')}: "
        + ("all is well." if not found["findings"] else "something is wrong.")
    )
