"""``posthouse message``: one message, by ``ACCOUNT/MAILBOX/UID`` or by its trace."""

from __future__ import annotations

import base64
import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group()
def message() -> None:
    """One message: what it is, its bytes, and what became of it."""


@command(message, "show", "message.show")
@click.argument("message")
def show_(session: Session, message: str) -> None:
    """Show where MESSAGE is kept, its flags, its header and its parts.

    MESSAGE is ACCOUNT/MAILBOX/UID, as in anna@example.org/INBOX/12, or a trace id.
    """
    result = session.call("message.show", {"message": message})

    def words(found: Any) -> None:
        for copy in found["copies"]:
            show.line(f"{copy['account']}/{copy['mailbox']}/{copy['uid']}")
            flags = " ".join(copy["flags"]) or "no flags"
            show.line(f"  {show.size(copy['size'])}, {show.moment(copy['internal_date'])}, {flags}")
            show.line(f"  body {copy['body']}, modseq {copy['modseq']}, thread {copy['thread_id']}")
        show.line()
        for line in found["header"].splitlines():
            show.line(line.expandtabs())
        show.line()
        for part in found["parts"]:
            show.line(f"{part['section'] or 'message':8} {part['type']:30} {show.size(part['size'])}")

    session.show(result, words)


@command(message, "raw", "message.raw")
@click.argument("message")
def raw(session: Session, message: str) -> None:
    """Write the bytes of MESSAGE to standard output, just as IMAP would give them."""
    pieces: list[str] = []

    def piece(value: Any) -> None:
        if session.as_json:
            pieces.append(value["data"])
        else:
            sys.stdout.buffer.write(base64.b64decode(value["data"]))

    if sys.stdout.isatty() and not session.as_json:
        raise CommandError("invalid", "A message may hold anything.", "Send the output to a file or a pager.")
    result = session.call("message.raw", {"message": message}, piece)
    if session.as_json:
        content = b"".join(base64.b64decode(value) for value in pieces)
        session.show({**result, "content": base64.b64encode(content).decode()}, lambda _: None)
    sys.stdout.buffer.flush()


@command(message, "trace", "message.trace")
@click.argument("message")
def trace(session: Session, message: str) -> None:
    """Tell what each stage decided about MESSAGE, and why.

    MESSAGE is ACCOUNT/MAILBOX/UID, a trace id, a <Message-ID>, or a mail address: then the newest messages from
    or to it are told of.
    """
    result = session.call("message.trace", {"message": message})

    def words(found: Any) -> None:
        for told in found["traces"]:
            show.line(f"Trace {told['trace']}")
            show.table(
                ("WHEN", "STAGE", "WHAT"),
                [(show.moment(row["at"]), row["stage"], row["text"]) for row in told["steps"]],
                "Nothing was noted.",
            )

    session.show(result, words)
