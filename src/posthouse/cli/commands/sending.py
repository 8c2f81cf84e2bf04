"""``posthouse sending``: how much may be sent, whose mail is held; ``posthouse account send-as``: as whom."""

from __future__ import annotations

from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.pages import every_page
from posthouse.cli.session import Session

_KINDS = (
    ("messages_hour", "messages in an hour"),
    ("recipients_hour", "recipients in an hour"),
    ("messages_day", "messages in 24 hours"),
    ("recipients_day", "recipients in 24 hours"),
    ("burst_hour", "brake: recipients in an hour"),
    ("burst_minutes", "brake: recipients in minutes"),
)


@click.group()
def sending() -> None:
    """How much may be sent, and accounts whose mail is held."""


@command(sending, "limits", "sending.limits")
@click.argument("of")
def limits(session: Session, of: str) -> None:
    """Show the limits of OF (an account, a domain, or an address of strangers) and how much is used."""
    session.show(session.call("sending.limits", {"of": of}), _limits)


def _limits(found: Any) -> None:
    rows = [
        (
            words,
            str(found[name]["used"]),
            str(found[name]["most"] or "none"),
            "exception" if found[name]["exception"] else "setting",
        )
        for name, words in _KINDS
        if found[name] is not None
    ]
    show.table(("LIMIT", "USED", "MOST", "BY"), rows, "")
    if found["usual"]:
        show.line(f"The usual busiest hour of {found['of']} has {found['usual']} recipients.")


@command(sending, "exceptions", "sending.exceptions")
def exceptions(session: Session) -> None:
    """List the accounts and domains with limits of their own."""
    wanted = {"limit": 1000}
    result = session.call("sending.exceptions", wanted)

    def words(found: Any) -> None:
        rows = [
            (row["of"], *("" if row[name] is None else str(row[name] or "none") for name, _ in _KINDS))
            for row in found["exceptions"]
        ]
        heads = ("OF", "MSG/H", "RCPT/H", "MSG/DAY", "RCPT/DAY", "BRAKE/H", "BRAKE/MIN")
        show.table(heads, rows, "Nobody has limits of their own.")

    session.show(result, words)


@command(sending, "set", "sending.set")
@click.argument("of")
@click.option("--messages-hour", type=int, help="Messages in an hour; 0: no limit.")
@click.option("--recipients-hour", type=int, help="Recipients in an hour.")
@click.option("--messages-day", type=int, help="Messages in 24 hours.")
@click.option("--recipients-day", type=int, help="Recipients in 24 hours.")
@click.option("--burst-hour", type=int, help="Recipients in an hour before the brake looks; 0: never.")
@click.option("--burst-minutes", type=int, help="Recipients in ten minutes before the brake looks; 0: never.")
def set_(session: Session, of: str, **given: int | None) -> None:
    """Give OF (an account or a domain) limits of its own, in place of those it had."""
    session.show(session.call("sending.set", {"of": of, **given}), _limits)


@command(sending, "unset", "sending.unset")
@click.argument("of")
def unset(session: Session, of: str) -> None:
    """Take the limits of its own from OF: the settings count again."""
    session.show(session.call("sending.unset", {"of": of}), _limits)


@command(sending, "braked", "sending.braked")
def braked(session: Session) -> None:
    """List the accounts whose mail is held, and those that may not send."""
    result = every_page(session, "sending.braked", "accounts", {})

    def words(found: Any) -> None:
        rows = [
            (row["address"], row["state"], show.moment(row["since"]), str(row["held"]), row["reason"])
            for row in found["accounts"]
        ]
        show.table(("ACCOUNT", "STATE", "SINCE", "HELD", "WHY"), rows, "Everybody may send.")

    session.show(result, words)


@command(sending, "show", "sending.show")
@click.argument("address")
def show_(session: Session, address: str) -> None:
    """Show whether ADDRESS may send, and how much of its mail is held."""
    result = session.call("sending.show", {"address": address})

    def words(found: Any) -> None:
        show.line(f"{found['address']} is {found['state']}; mail for {found['held']} recipients is held.")
        if found["since"]:
            by = f" by {found['by']}" if found["by"] else ""
            show.line(f"Since {show.moment(found['since'])}{by}: {found['reason'] or 'no reason given'}")

    session.show(result, words)


@command(sending, "samples", "sending.samples")
@click.argument("address")
def samples(session: Session, address: str) -> None:
    """Show whom the first held messages of ADDRESS are for, and their subjects."""
    result = session.call("sending.samples", {"address": address})

    def words(found: Any) -> None:
        rows = [
            (str(row["id"]), show.moment(row["received_at"]), row["recipient"], row["subject"])
            for row in found["samples"]
        ]
        show.table(("ID", "RECEIVED", "RECIPIENT", "SUBJECT"), rows, "No mail is held.")

    session.show(result, words)


@command(sending, "release", "sending.release")
@click.argument("address")
def release(session: Session, address: str) -> None:
    """Let ADDRESS send again, and all its held mail go."""
    result = session.call("sending.release", {"address": address})
    session.show(result, lambda done: show.line(f"Mail for {done['recipients']} recipients goes."))


@command(sending, "reject", "sending.reject")
@click.argument("address")
@click.option("--bounce", is_flag=True, help="Give it back: the account gets notices. Else it is deleted.")
@click.option("--no-block", is_flag=True, help="Let the account go on sending.")
def reject(session: Session, address: str, bounce: bool, no_block: bool) -> None:
    """Throw the held mail of ADDRESS away and block its sending."""
    wanted = {"address": address, "bounce": bounce, "block": not no_block}
    result = session.call("sending.reject", wanted)

    def words(done: Any) -> None:
        what = "given back" if bounce else "deleted"
        show.line(
            f"Mail for {done['recipients']} recipients is {what}; {done['address']} is {done['state']}."
        )

    session.show(result, words)


@command(sending, "block", "sending.block")
@click.argument("address")
@click.option("--reason", default="", help="Why, for administrators.")
def block(session: Session, address: str, reason: str) -> None:
    """Let ADDRESS send nothing more."""
    result = session.call("sending.block", {"address": address, "reason": reason})
    session.show(result, lambda done: show.line(f"{done['address']} may send nothing more."))


@command(sending, "unblock", "sending.unblock")
@click.argument("address")
def unblock(session: Session, address: str) -> None:
    """Let ADDRESS send again; what is held of it goes."""
    result = session.call("sending.unblock", {"address": address})
    session.show(result, lambda done: show.line(f"{done['address']} may send again."))


@click.group("send-as")
def send_as() -> None:
    """Addresses that an account may send as besides its own."""


def _patterns(found: Any) -> None:
    show.table(
        ("SENDS AS",), [(each,) for each in found["patterns"]], f"{found['address']} sends as itself only."
    )


@command(send_as, "list", "account.send_as")
@click.argument("address")
def list_rights(session: Session, address: str) -> None:
    """List the addresses that ADDRESS may send as."""
    session.show(session.call("account.send_as", {"address": address}), _patterns)


@command(send_as, "add", "account.add_send_as")
@click.argument("address")
@click.argument("pattern")
def add_right(session: Session, address: str, pattern: str) -> None:
    """Let ADDRESS send as PATTERN: an address, @example.org for all of it, or * for any."""
    result = session.call("account.add_send_as", {"address": address, "pattern": pattern})
    session.show(result, _patterns)


@command(send_as, "remove", "account.remove_send_as")
@click.argument("address")
@click.argument("pattern")
def remove_right(session: Session, address: str, pattern: str) -> None:
    """Take that right back."""
    result = session.call("account.remove_send_as", {"address": address, "pattern": pattern})
    session.show(result, _patterns)
