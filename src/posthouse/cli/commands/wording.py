"""``posthouse account signature``, ``auto-reply`` and ``archive``, the same of domains, and ``posthouse journal``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.commands.account import account
from posthouse.cli.commands.domain import domain
from posthouse.cli.session import Session

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DATE = click.DateTime(["%Y-%m-%d"])


def _read(path: Path | None, text: str) -> str:
    if path is None:
        return text
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from None


def _begin(day: datetime | None) -> float:
    return day.replace(tzinfo=UTC).timestamp() if day is not None else 0.0


def _end(day: datetime | None) -> float:
    return (day.replace(tzinfo=UTC) + timedelta(days=1)).timestamp() if day is not None else 0.0


# ---------------------------------------------------------------- signatures


@account.group("signature")
def account_signature() -> None:
    """What stands below the mail of an account."""


@domain.group("signature")
def domain_signature() -> None:
    """What stands below the mail of a domain."""


def _texts(function: Any) -> Any:
    for option in (
        click.option("--html", type=_FILE, help="A file with the HTML form."),
        click.option("--file", type=_FILE, help="A file with the plain text, in place of --text."),
        click.option("--text", default="", help="The plain text."),
    ):
        function = option(function)
    return function


def _switches(function: Any) -> Any:
    for option in (
        click.option("--off", is_flag=True, help="Keep it for later."),
        click.option(
            "--within/--not-within", default=True, help="In mail that stays in the domain, too (default)."
        ),
        click.option("--replies/--no-replies", default=False, help="In replies, too."),
    ):
        function = option(function)
    return function


@command(account_signature, "show", "account.signature")
@click.argument("address")
def show_signature(session: Session, address: str) -> None:
    """Show the signature of ADDRESS."""
    session.show(session.call("account.signature", {"address": address}), _signature)


@command(account_signature, "set", "account.signature_set")
@click.argument("address")
@_texts
@_switches
def set_signature(
    session: Session,
    address: str,
    text: str,
    file: Path | None,
    html: Path | None,
    replies: bool,
    within: bool,
    off: bool,
) -> None:
    """Set the signature of ADDRESS; without a text it is removed."""
    wanted = {
        "address": address,
        "plain": _read(file, text),
        "html": _read(html, ""),
        "active": not off,
        "replies": replies,
        "within": within,
    }
    session.show(session.call("account.signature_set", wanted), _signature)


@command(domain_signature, "show", "domain.signature")
@click.argument("name")
def show_domain_signature(session: Session, name: str) -> None:
    """Show the signature of the domain NAME."""
    session.show(session.call("domain.signature", {"name": name}), _signature)


@command(domain_signature, "set", "domain.signature_set")
@click.argument("name")
@_texts
@_switches
@click.option(
    "--method",
    type=click.Choice(["fallback", "overwrite", "append"]),
    default="fallback",
    show_default=True,
    help="For accounts without one, in place of theirs, or below theirs.",
)
def set_domain_signature(
    session: Session,
    name: str,
    text: str,
    file: Path | None,
    html: Path | None,
    replies: bool,
    within: bool,
    off: bool,
    method: str,
) -> None:
    """Set the signature of the domain NAME; without a text it is removed."""
    wanted = {
        "name": name,
        "plain": _read(file, text),
        "html": _read(html, ""),
        "active": not off,
        "replies": replies,
        "within": within,
        "method": method,
    }
    session.show(session.call("domain.signature_set", wanted), _signature)


def _signature(found: Any) -> None:
    if not found["plain"].strip() and not found["html"].strip():
        show.line(f"{found['of']} has no signature.")
        return
    replies = "also in replies" if found["replies"] else "not in replies"
    within = "also within the domain" if found["within"] else "not within the domain"
    show.line(f"The signature of {found['of']} ({'on' if found['active'] else 'off'}, {replies}, {within}):")
    show.line(found["plain"] or found["html"])


# ---------------------------------------------------------------- automatic replies


@account.group("auto-reply")
def auto_reply() -> None:
    """What an account answers automatically."""


@command(auto_reply, "show", "account.auto_reply")
@click.argument("address")
def show_reply(session: Session, address: str) -> None:
    """Show what ADDRESS answers automatically."""
    session.show(session.call("account.auto_reply", {"address": address}), _reply)


@command(auto_reply, "set", "account.auto_reply_set")
@click.argument("address")
@_texts
@click.option("--subject", default="", help="The subject; %SUBJECT% is that of the mail which is answered.")
@click.option("--from", "begin", type=_DATE, help="The first day (UTC).")
@click.option("--until", type=_DATE, help="The last day (UTC).")
@click.option("--days", default=7, show_default=True, help="Days before the same sender is answered again.")
@click.option(
    "--to",
    "audience",
    type=click.Choice(["everyone", "domain", "outside"]),
    default="everyone",
    show_default=True,
    help="Who is answered.",
)
@click.option("--off", is_flag=True, help="Keep it for later.")
def set_reply(
    session: Session,
    address: str,
    text: str,
    file: Path | None,
    html: Path | None,
    subject: str,
    begin: datetime | None,
    until: datetime | None,
    days: int,
    audience: str,
    off: bool,
) -> None:
    """Set what ADDRESS answers automatically."""
    wanted = {
        "address": address,
        "plain": _read(file, text),
        "html": _read(html, ""),
        "subject": subject,
        "active": not off,
        "starts_at": _begin(begin),
        "ends_at": _end(until),
        "days": days,
        "audience": audience,
    }
    session.show(session.call("account.auto_reply_set", wanted), _reply)


@command(auto_reply, "clear", "account.auto_reply_clear")
@click.argument("address")
def clear_reply(session: Session, address: str) -> None:
    """Answer nothing automatically for ADDRESS any more."""
    session.show(session.call("account.auto_reply_clear", {"address": address}), _reply)


def _reply(found: Any) -> None:
    if not found["plain"].strip() and not found["html"].strip():
        show.line(f"{found['address']} answers nothing automatically.")
        return
    begin = f" from {show.moment(found['starts_at'])}" if found["starts_at"] else ""
    end = f" until {show.moment(found['ends_at'])}" if found["ends_at"] else ""
    state = "on" if found["active"] else "off"
    show.line(
        f"{found['address']} answers {found['audience']} every {found['days']} days{begin}{end} ({state}); "
        f"{found['answered']} senders were answered:"
    )
    show.line(found["plain"] or found["html"])


# ---------------------------------------------------------------- archive rules


@account.group("archive")
def account_archive() -> None:
    """Which mail of an account is archived by itself."""


@domain.group("archive")
def domain_archive() -> None:
    """Which mail of a domain's accounts is archived by itself."""


def _rule(function: Any) -> Any:
    for option in (
        click.option("--off", is_flag=True, help="Archive nothing, whatever the domain's rule says."),
        click.option("--folder", default="Archive/%YEAR%/%MONTH%", show_default=True, help="Where to."),
        click.option("--days", default=365, show_default=True, help="How old mail is then."),
        click.option("--copy", is_flag=True, help="Leave the mail where it is, too."),
        click.option(
            "--mail",
            type=click.Choice(["all", "received", "sent"]),
            default="all",
            show_default=True,
            help="Which mail: in the Inbox, in Sent, or both.",
        ),
    ):
        function = option(function)
    return function


def _wanted(mail: str, copy: bool, days: int, folder: str, off: bool) -> dict[str, Any]:
    return {
        "mail": mail,
        "action": "copy" if copy else "move",
        "days": days,
        "folder": folder,
        "active": not off,
    }


@command(account_archive, "show", "account.archive")
@click.argument("address")
def show_archive(session: Session, address: str) -> None:
    """Show the archive rule of ADDRESS."""
    session.show(session.call("account.archive", {"address": address}), _archive)


@command(account_archive, "set", "account.archive_set")
@click.argument("address")
@_rule
def set_archive(
    session: Session, address: str, mail: str, copy: bool, days: int, folder: str, off: bool
) -> None:
    """Set the archive rule of ADDRESS."""
    wanted = {"address": address, **_wanted(mail, copy, days, folder, off)}
    session.show(session.call("account.archive_set", wanted), _archive)


@command(account_archive, "clear", "account.archive_clear")
@click.argument("address")
def clear_archive(session: Session, address: str) -> None:
    """Remove the archive rule of ADDRESS; its domain's holds then."""
    session.show(session.call("account.archive_clear", {"address": address}), _archive)


@command(domain_archive, "show", "domain.archive")
@click.argument("name")
def show_domain_archive(session: Session, name: str) -> None:
    """Show the archive rule of the domain NAME."""
    session.show(session.call("domain.archive", {"name": name}), _archive)


@command(domain_archive, "set", "domain.archive_set")
@click.argument("name")
@_rule
def set_domain_archive(
    session: Session, name: str, mail: str, copy: bool, days: int, folder: str, off: bool
) -> None:
    """Set the archive rule of the domain NAME."""
    wanted = {"name": name, **_wanted(mail, copy, days, folder, off)}
    session.show(session.call("domain.archive_set", wanted), _archive)


@command(domain_archive, "clear", "domain.archive_clear")
@click.argument("name")
def clear_domain_archive(session: Session, name: str) -> None:
    """Remove the archive rule of the domain NAME."""
    session.show(session.call("domain.archive_clear", {"name": name}), _archive)


def _archive(found: Any) -> None:
    if not found["there"]:
        show.line(f"{found['of']} has no archive rule.")
        return
    verb = "is copied to" if found["action"] == "copy" else "is moved to"
    state = "on" if found["active"] else "off"
    show.line(
        f"Mail of {found['of']} ({found['mail']}) {verb} {found['folder']} after {found['days']} days ({state})."
    )


# ---------------------------------------------------------------- journals


@click.group()
def journal() -> None:
    """Where copies of all mail are sent."""


@command(journal, "list", "journal.list")
def list_journals(session: Session) -> None:
    """List the journals."""
    session.show(
        session.call("journal.list", {}),
        lambda found: show.table(
            ("OF", "TO", "MAIL", "FORM", "STATE"),
            [_line(each) for each in found["journals"]],
            "No copies are sent to anybody.",
        ),
    )


@command(journal, "set", "journal.set")
@click.argument("address")
@click.option("--domain", "of", default="", metavar="NAME", help="Of this domain only.")
@click.option(
    "--mail",
    type=click.Choice(["all", "incoming", "outgoing"]),
    default="all",
    show_default=True,
    help="Which mail.",
)
@click.option(
    "--form",
    type=click.Choice(["report", "copy"]),
    default="report",
    show_default=True,
    help="The message in a report of its envelope, or the message itself.",
)
@click.option("--off", is_flag=True, help="Set it up for later.")
def set_journal(session: Session, address: str, of: str, mail: str, form: str, off: bool) -> None:
    """Send copies of all mail to ADDRESS."""
    wanted = {"address": address, "of": of, "mail": mail, "form": form, "active": not off}
    session.show(
        session.call("journal.set", wanted),
        lambda made: show.line(f"Mail of {made['of']} is copied to {made['address']}."),
    )


@command(journal, "remove", "journal.remove")
@click.option("--domain", "of", default="", metavar="NAME", help="That of this domain.")
def remove_journal(session: Session, of: str) -> None:
    """Send no more copies."""
    session.show(
        session.call("journal.remove", {"of": of}),
        lambda gone: show.line(f"Mail of {gone['of']} is no longer copied to {gone['address']}."),
    )


def _line(each: Any) -> tuple[str, ...]:
    return each["of"], each["address"], each["mail"], each["form"], "on" if each["active"] else "off"
