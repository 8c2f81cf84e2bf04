"""``posthouse account``: the people who have a mailbox here."""

from __future__ import annotations

import sys
from typing import Any

import click

from posthouse.cli import passwords, show
from posthouse.cli.command import Function, command
from posthouse.cli.errors import CommandError
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session


@click.group()
def account() -> None:
    """The people who have a mailbox here."""


def _password_options(function: Function) -> Function:
    stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
    generate = click.option("--generate", is_flag=True, help="Make a random password and print it.")
    return stdin(generate(function))


def _with_password(result: Any, password: str, generated: bool) -> Any:
    return {**result, "password": password} if generated else result


@command(account, "add", "account.add")
@click.argument("address")
@_password_options
@click.option(
    "--quota",
    metavar="SIZE",
    help="Most the account may hold, e.g. 2G, or none; if left out, as its domain has it.",
)
def add(session: Session, address: str, password_stdin: bool, generate: bool, quota: str | None) -> None:
    """Add the account ADDRESS. Asks for a password unless told otherwise."""
    password = passwords.obtain(password_stdin, generate)
    result = session.call("account.add", {"address": address, "password": password, "quota": quota})

    def words(added: Any) -> None:
        show.line(f"Added account {added['address']}.")
        if generate:
            show.line(f"Password: {password}")

    session.show(_with_password(result, password, generate), words)


@command(account, "list", "account.list")
@click.argument("domain", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in the address.")
def list_(session: Session, domain: str | None, search: str) -> None:
    """List the accounts, of one DOMAIN or of all."""
    result = every_page(session, "account.list", "accounts", {"domain": domain, "search": search})
    session.show(
        result,
        lambda found: show.table(
            ("ACCOUNT", "MESSAGES", "USED", "QUOTA", "STATE", "ROLE"),
            [
                (
                    row["address"],
                    row["messages"],
                    show.size(row["used"]),
                    show.quota(row["quota"]),
                    "active" if row["active"] else "closed",
                    row["role"],
                )
                for row in found["accounts"]
            ],
            "No accounts yet: posthouse account add ADDRESS",
        ),
    )


@command(account, "remove", "account.remove")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even the last server administrator.")
@click.option("--purge", is_flag=True, help="For good, at once: it cannot be restored.")
def remove(session: Session, address: str, yes: bool, force: bool, purge: bool) -> None:
    """Remove the account ADDRESS and all its mail; it can be restored for some days (setting
    directory.removed_days)."""
    if not yes:
        if not sys.stdin.isatty():
            raise CommandError("invalid", f"Removing {address} takes its mail away.", "Say so with --yes.")
        if not click.confirm(f"Remove {address} and all its mail{' for good' if purge else ''}?", err=True):
            raise click.Abort
    result = session.call("account.remove", {"address": address, "force": force, "purge": purge})
    session.show(
        result,
        lambda removed: show.line(
            f"Removed account {removed['address']} and {show.count(removed['messages'], 'message')}."
        ),
    )


@command(account, "password", "account.password")
@click.argument("address")
@_password_options
def password(session: Session, address: str, password_stdin: bool, generate: bool) -> None:
    """Set the password of ADDRESS."""
    new = passwords.obtain(password_stdin, generate)
    result = session.call("account.password", {"address": address, "password": new})

    def words(changed: Any) -> None:
        show.line(f"Changed the password of {changed['address']}.")
        if generate:
            show.line(f"Password: {new}")

    session.show(_with_password(result, new, generate), words)


@command(account, "quota", "account.quota")
@click.argument("address")
@click.argument("size")
def quota(session: Session, address: str, size: str) -> None:
    """Set the most that ADDRESS may hold to SIZE, e.g. 2G; `none` for no limit."""
    result = session.call("account.quota", {"address": address, "quota": size})
    session.show(
        result,
        lambda now: show.line(
            f"{now['address']}: quota {show.quota(now['quota'])}, used {show.size(now['used'])}."
        ),
    )


@command(account, "import", "account.import")
@click.argument("file", type=click.File("rb"))
@click.option("--skip-existing", is_flag=True, help="Pass over the accounts that are there already.")
def import_(session: Session, file: Any, skip_existing: bool) -> None:
    """Add the accounts of a CSV FILE with the columns address, password and, if wanted, quota.

    The whole file is checked first; with any bad line nothing is added. An import that was cut off goes on with
    --skip-existing. `-` reads standard input.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError("invalid", f"{file.name} is not UTF-8 text.", "Save it as UTF-8.") from None

    def progress(value: Any) -> None:
        if not session.as_json and sys.stderr.isatty():
            click.echo(f"\r{value['text']}: {value['done']} of {value['total']}", err=True, nl=False)

    result = session.call("account.import", {"text": text, "skip": skip_existing}, progress)
    if not session.as_json and sys.stderr.isatty():
        click.echo(err=True)

    def words(done: Any) -> None:
        skipped = f", skipped {done['skipped']}" if done["skipped"] else ""
        show.line(f"Added {show.count(len(done['added']), 'account')}{skipped}.")

    session.show(result, words)


@command(account, "clear-factors", "account.factors_clear")
@click.argument("address")
def clear_factors(session: Session, address: str) -> None:
    """Remove the authenticator programs, passkeys and recovery codes of ADDRESS, whose owner lost them."""
    result = session.call("account.factors_clear", {"address": address})
    session.show(
        result,
        lambda done: show.line(
            f"Removed {show.count(done['removed'], 'factor')} of {done['address']}: the password alone signs in."
        ),
    )
