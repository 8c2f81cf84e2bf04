"""``posthouse tls``: TLS to other servers."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def tls() -> None:
    """TLS to other servers: what is known of them, what is demanded, what they report."""


@command(tls, "domains", "tls.domains")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in domain or host.")
def domains(session: Session, search: str) -> None:
    """List the domains that mail went to, with their TLS."""
    result = every_page(session, "tls.domains", "domains", {"search": search})
    session.show(
        result,
        lambda found: show.table(
            ("DOMAIN", "LAST", "BEST", "BY", "MTA-STS", "LAST SESSION", "GOOD", "BAD", "TROUBLE"),
            [
                (
                    row["domain"],
                    f"{row['last']} (less than before)" if row["downgraded_at"] else row["last"],
                    row["best"],
                    row["source"] or "-",
                    row["sts_mode"] or "-",
                    show.moment(row["last_at"]),
                    row["good"],
                    row["bad"],
                    row["trouble"] or row["sts_trouble"],
                )
                for row in found["domains"]
            ],
            "No mail went to other servers yet.",
        ),
    )


@command(tls, "forget", "tls.forget")
@click.argument("domain")
def forget(session: Session, domain: str) -> None:
    """Drop what is known of DOMAIN, its MTA-STS policy too."""
    result = session.call("tls.forget", {"domain": domain})
    session.show(result, lambda done: show.line(f"What was known of {done['domain']} is forgotten."))


@command(tls, "policy", "tls.policy")
@click.argument("domain")
def policy(session: Session, domain: str) -> None:
    """Ask now what TLS mail to DOMAIN would need, host by host, and why."""
    result = session.call("tls.policy", {"domain": domain})

    def words(found: Any) -> None:
        if found["trouble"]:
            show.line(found["trouble"])
        for host in found["hosts"]:
            level = host["level"] + (" (testing)" if host["testing"] else "")
            show.line(f"{host['host']} (preference {host['preference']}): {level}")
            for step in host["steps"]:
                show.line(f"  {step['name']}: {step['text']}")

    session.show(result, words)


@command(tls, "reports", "tls.reports")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in domain or organisation.")
@click.option("--limit", default=50, show_default=True, help="Show at most this many.")
@click.option("--after", default="", metavar="ID", help="Those older than this report.")
def reports(session: Session, search: str, limit: int, after: str) -> None:
    """List what other servers report about TLS with ours, newest first."""
    result = session.call("tls.reports", {"search": search, "limit": limit, "after": after})
    session.show(
        result,
        lambda found: show.table(
            ("ID", "DOMAIN", "BY", "FROM", "UNTIL", "GOOD", "BAD", "FAILURES"),
            [
                (
                    row["id"],
                    row["domain"],
                    row["organisation"],
                    show.moment(row["begins_at"]),
                    show.moment(row["ends_at"]),
                    row["good"],
                    row["bad"],
                    ", ".join(sorted({each["result"] for each in row["failures"]})),
                )
                for row in found["reports"]
            ],
            "No reports came yet.",
        ),
    )
