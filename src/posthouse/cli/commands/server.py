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
    oldest = f", the oldest for {show.span(found['oldest'])}" if found["oldest"] else ""
    show.line(f"Queue    {owed}, {waiting['held']} held, {waiting['due']} due now{oldest}")
    if waiting["down"] or waiting["paused"]:
        show.line(
            f"         {waiting['down']} destinations cannot be reached, {waiting['paused']} are paused"
        )
    if found["running"]:
        sessions = ", ".join(f"{count} {name}" for name, count in sorted(found["sessions"].items())) or "none"
        show.line(f"Sessions {sessions}")
        counts = found["counts"]
        show.line(
            f"Mail     {counts['accepted']} taken, {counts['refused']} refused, {counts['delivered']} delivered, "
            f"{counts['sent']} sent, {counts['deferred']} put off, {counts['failed']} failed since the start"
        )
        recent = found["recent"]
        show.line(
            f"Sending  {recent['sent']} sent, {recent['deferred']} put off, {recent['failed']} failed in the last "
            f"{recent['hours']} hours"
        )
        for process in found["processes"]:
            show.line(
                f"Worker {process['worker']} {show.size(int(process['memory']))} of memory, "
                f"{process['cpu']:.1f} s of processor time, {process['sessions']} connections"
            )
        show.line()
        show.table(
            ("PROTOCOL", "LISTENS ON", "TLS"),
            [(row["protocol"], row["where"], row["tls"]) for row in found["listeners"]],
        )
        for fingerprint, hosts in show.by_value(found["certificates"]).items():
            ends = found["certificate_ends"].get(hosts[0])
            until = f", good until {show.moment(ends)}" if ends else ""
            show.line(f"Certificate of {', '.join(hosts)}{until}, SHA-256:")
            show.line(f"  {fingerprint}")
    _advice(found["warnings"])


def _advice(warnings: Any) -> None:
    """What is to be seen to."""
    for advice in warnings:
        show.line(f"! {advice['what']}")
        show.line(f"  {advice['mend']}")


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
    if result["error_count"]:
        raise CommandError(
            "findings",
            f"{show.count(result['error_count'], 'error')} found.",
            "See above. Keep a copy of the data folder as it is, then restore what is damaged from a backup.",
        )


def _verify_words(found: Any) -> None:
    for word, lines, count in (
        ("warning", found["warnings"], found["warning_count"]),
        ("error", found["errors"], found["error_count"]),
    ):
        for text in lines:
            show.line(f"{word}: {text}")
        if count > len(lines):
            show.line(f"... and {count - len(lines)} more.")
    mailboxes = show.count(found["mailboxes"], "mailbox")
    verdict = "something is wrong." if found["error_count"] else "all is well."
    show.line(
        f"Checked {found['bodies']} bodies, {found['files']} files, {show.count(found['messages'], 'message')} "
        f"in {mailboxes}, {found['deleted']} deleted that may come back, {found['queued']} in the queue: {verdict}"
    )
