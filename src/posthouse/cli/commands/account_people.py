"""``posthouse account change|rename|address|masked|empty|sign-out|export``: what an account is besides its mailbox."""

from __future__ import annotations

import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@command(account, "change", "account.change")
@click.argument("address")
@click.option("--first-name", metavar="NAME")
@click.option("--last-name", metavar="NAME")
@click.option("--display-name", metavar="NAME", help="As it stands in mail that is sent.")
@click.option("--language", metavar="CODE", help="Such as en, de or pt-BR; '' for that of the browser.")
@click.option("--time-zone", metavar="ZONE", help="Such as Europe/Berlin; '' for UTC.")
@click.option("--note", metavar="TEXT", help="For administrators only.")
@click.option(
    "--max-message", metavar="SIZE", help="The largest message it takes, such as 20M; none for no limit."
)
@click.option(
    "--protocols", metavar="LIST", help="Of imap, pop3, submission and web, with commas; all for all."
)
@click.option(
    "--networks", metavar="LIST", help="From where it may be signed in to, with commas; all for everywhere."
)
def change(
    session: Session, address: str, protocols: str | None, networks: str | None, **given: str | None
) -> None:
    """Change what is known of ADDRESS, and by which ways it may be signed in to."""
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if protocols is not None:
        wanted["protocols"] = _several(protocols)
    if networks is not None:
        wanted["networks"] = _several(networks)
    if not wanted:
        raise CommandError("invalid", "Nothing was said to change.", "Give an option such as --display-name.")
    session.show(session.call("account.change", {"address": address, **wanted}), words_of)


@command(account, "rename", "account.rename")
@click.argument("address")
@click.argument("new")
@click.option(
    "--keep/--no-keep", default=True, help="Keep the old address as a further one (default), or do not."
)
def rename(session: Session, address: str, new: str, keep: bool) -> None:
    """Give the account ADDRESS the address NEW. Its mail and password stay."""
    result = session.call("account.rename", {"address": address, "new": new, "keep": keep})

    def words(row: Any) -> None:
        show.line(f"{address} is {row['address']} now.")
        if keep:
            show.line("  Mail for the old address still arrives.")

    session.show(result, words)


@command(account, "empty", "account.empty")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
def empty(session: Session, address: str, yes: bool) -> None:
    """Remove all messages of ADDRESS; its folders stay."""
    if not yes:
        if not sys.stdin.isatty():
            raise CommandError("invalid", f"This removes all mail of {address}.", "Say so with --yes.")
        if not click.confirm(f"Remove all messages of {address}?", err=True):
            raise click.Abort
    result = session.call("account.empty", {"address": address})
    session.show(
        result,
        lambda done: show.line(f"Removed {show.count(done['messages'], 'message')} of {done['address']}."),
    )


@command(account, "sign-out", "account.sign_out")
@click.argument("address")
def sign_out(session: Session, address: str) -> None:
    """Sign ADDRESS out everywhere: browsers, and connections of mail programs. The password still lets in."""
    result = session.call("account.sign_out", {"address": address})
    session.show(
        result,
        lambda done: show.line(
            f"{done['address']}: {show.count(done['browsers'], 'browser')} signed out, "
            f"{show.count(done['connections'], 'connection')} ended."
        ),
    )


@command(account, "export", "account.export")
@click.argument("domain", required=False)
def export(session: Session, domain: str | None) -> None:
    """Print the accounts, of one DOMAIN or of all, as CSV (without passwords, which cannot be read back)."""
    result = session.call("account.export", {"domain": domain})
    session.show(result, lambda found: click.echo(found["text"], nl=False))


@account.group()
def address() -> None:
    """Further addresses of an account, as good as its own."""


@command(address, "list", "account.addresses")
@click.argument("address")
def list_further(session: Session, address: str) -> None:
    """List the further addresses of ADDRESS."""
    session.show(session.call("account.addresses", {"address": address}), _further)


@command(address, "add", "account.address_add")
@click.argument("address")
@click.argument("further")
@click.option(
    "--sign-in/--no-sign-in", default=None, help="May be signed in with, or not; else as the setting says."
)
def add_further(session: Session, address: str, further: str, sign_in: bool | None) -> None:
    """Give the account ADDRESS the address FURTHER, too."""
    wanted = {"address": address, "further": further, "signin": sign_in}
    session.show(session.call("account.address_add", wanted), _further)


@command(address, "remove", "account.address_remove")
@click.argument("address")
@click.argument("further")
def remove_further(session: Session, address: str, further: str) -> None:
    """Take the address FURTHER away from the account ADDRESS."""
    session.show(session.call("account.address_remove", {"address": address, "further": further}), _further)


@account.group()
def masked() -> None:
    """Masked addresses that the owner of an account made to give out in place of their own."""


@command(masked, "list", "account.masked")
@click.argument("address")
def list_masked(session: Session, address: str) -> None:
    """List the masked addresses of ADDRESS."""
    result = session.call("account.masked", {"address": address})
    session.show(
        result,
        lambda found: show.table(
            ("ADDRESS", "STATE", "MESSAGES", "LAST", "NOTE"),
            [
                (
                    row["address"],
                    "takes mail" if row["takes_mail"] else "over" if row["active"] else "off",
                    f"{row['used']} of {row['most']}" if row["most"] else str(row["used"]),
                    show.moment(row["last_used"]) if row["last_used"] else "",
                    row["note"],
                )
                for row in found["masked"]
            ],
            f"{address} has none.",
        ),
    )


@command(masked, "off", "account.masked_switch")
@click.argument("address")
@click.argument("masked")
def masked_off(session: Session, address: str, masked: str) -> None:
    """Refuse mail for the address MASKED of the account ADDRESS."""
    _switch(session, address, masked, False)


@command(masked, "on", "account.masked_switch")
@click.argument("address")
@click.argument("masked")
def masked_on(session: Session, address: str, masked: str) -> None:
    """Take mail for the address MASKED of the account ADDRESS again."""
    _switch(session, address, masked, True)


@command(masked, "remove", "account.masked_remove")
@click.argument("address")
@click.argument("masked")
def remove_masked(session: Session, address: str, masked: str) -> None:
    """Throw the address MASKED of the account ADDRESS away."""
    result = session.call("account.masked_remove", {"address": address, "masked": masked})
    session.show(result, lambda gone: show.line(f"Removed {gone['address']}."))


def words_of(row: Any) -> None:
    """What is known of an account, a line each; what is not is left out."""
    name = " ".join(part for part in (row["first_name"], row["last_name"]) if part)
    facts = (
        ("name", row["display_name"] or name),
        ("further addresses", ", ".join(row["addresses"])),
        ("language", row["language"]),
        ("time zone", row["time_zone"]),
        ("largest message", show.size(row["max_message"]) if row["max_message"] else ""),
        ("protocols", ", ".join(row["protocols"])),
        ("networks", ", ".join(row["networks"])),
        ("last sign-in", show.moment(row["last_signin"]) if row["last_signin"] else ""),
        ("note", row["note"]),
    )
    show.line(f"{row['address']}:")
    for what, value in facts:
        if value:
            show.line(f"  {what}: {value}")


def _several(text: str) -> list[str]:
    return [] if text.strip().lower() in ("", "all") else text.replace(",", " ").split()


def _further(found: Any) -> None:
    show.table(
        ("ADDRESS", "SIGN IN"),
        [(row["address"], "yes" if row["signin"] else "no") for row in found["addresses"]],
        f"{found['address']} has no further address.",
    )


def _switch(session: Session, address: str, masked: str, active: bool) -> None:
    wanted = {"address": address, "masked": masked, "active": active}
    result = session.call("account.masked_switch", wanted)
    session.show(
        result,
        lambda row: show.line(f"{row['address']} {'takes mail' if row['takes_mail'] else 'takes no mail'}."),
    )
