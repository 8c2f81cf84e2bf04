"""``posthouse diagnose``: is everything around the server in place?"""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.session import Session

WORDS = {"ok": "ok     ", "warn": "warning", "bad": "BAD    ", "unknown": "unknown"}


def add_to(group: click.Group) -> None:
    """Declare the command, which stands at the top level."""
    declare = command(group, "diagnose", "diagnose")
    declare(
        click.option("--domain", default="", help="Look at this domain only, besides the server.")(diagnose)
    )


def diagnose(session: Session, domain: str) -> None:
    """Check name, ports, DNS, block lists, clock, disk and certificate, and say how to mend what is wrong.

    Connects to other servers' port 25 and asks the DNS and a time server; the settings diagnostics.* say which.
    """
    result = session.call("diagnose", {"domain": domain}, teller(session))
    session.show(result, counts)


def teller(session: Session) -> Any:
    """Shows each finding as it comes; nothing where the result is printed as JSON."""

    def tell(finding: Any) -> None:
        if not session.as_json and finding.get("type") == "finding":
            finding_line(finding)

    return tell


def finding_line(finding: Any) -> None:
    """One finding, with its mend below."""
    show.line(f"{WORDS[finding['state']]}  {finding['text']}")
    if finding["mend"] and finding["state"] != "ok":
        show.line(f"         {finding['mend']}")


def counts(result: Any) -> None:
    """The last line."""
    found = result["counts"]
    show.line()
    show.line(
        f"{found['ok']} fine, {show.count(found['warn'], 'warning')}, {found['bad']} bad, "
        f"{found['unknown']} that cannot be known from here."
    )
