"""``posthouse removed``, and restoring accounts and domains: what was removed and may come back."""

from __future__ import annotations

import sys

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.commands.domain import domain
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group()
def removed() -> None:
    """Accounts and domains that were removed and can be restored."""


@command(removed, "list", "removed.list")
@click.argument("domain", required=False)
def list_(session: Session, domain: str | None) -> None:
    """List what was removed, in one DOMAIN or in all."""
    result = session.call("removed.list", {"domain": domain})
    session.show(
        result,
        lambda found: show.table(
            ("KIND", "NAME", "REMOVED", "BY", "UNTIL"),
            [
                (
                    row["kind"],
                    row["name"],
                    show.moment(row["removed_at"]),
                    row["removed_by"],
                    "going" if row["purging"] else show.moment(row["until"]),
                )
                for row in found["removed"]
            ],
            "Nothing removed can be restored.",
        ),
    )


@command(account, "restore", "account.restore")
@click.argument("address")
def restore_account(session: Session, address: str) -> None:
    """Restore the removed account ADDRESS with everything it had."""
    result = session.call("account.restore", {"address": address})
    session.show(
        result,
        lambda back: show.line(
            f"Restored account {back['address']} with {show.count(back['messages'], 'message')}."
        ),
    )


@command(account, "purge", "account.purge")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_account(session: Session, address: str, yes: bool) -> None:
    """Remove the removed account ADDRESS for good, now. This cannot be undone."""
    sure(f"Remove {address} and all its mail for good?", yes)
    result = session.call("account.purge", {"address": address})
    session.show(result, lambda gone: show.line(f"Account {gone['name']} is gone for good."))


@command(domain, "restore", "domain.restore")
@click.argument("name")
def restore_domain(session: Session, name: str) -> None:
    """Restore the removed domain NAME with all it held."""
    result = session.call("domain.restore", {"name": name})
    session.show(result, lambda back: show.line(f"Restored domain {back['name']}."))


@command(domain, "purge", "domain.purge")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge_domain(session: Session, name: str, yes: bool) -> None:
    """Remove the removed domain NAME with all mail in it for good, now. This cannot be undone."""
    sure(f"Remove {name} and all mail in it for good?", yes)
    result = session.call("domain.purge", {"name": name})
    session.show(result, lambda gone: show.line(f"Domain {gone['name']} is gone for good."))


def sure(question: str, yes: bool) -> None:
    """Ask, unless that was answered already. Raises CommandError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("invalid", "This cannot be undone.", "Say so with --yes.")
    if not click.confirm(question, err=True):
        raise click.Abort
