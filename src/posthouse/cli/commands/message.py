"""``posthouse message``: one message, by ``ACCOUNT/MAILBOX/UID`` or by its trace."""

from __future__ import annotations

import base64
import mimetypes
import sys
import time
from pathlib import Path
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


@command(message, "send", "message.send")
@click.option("--from", "sender", metavar="ADDRESS", default="", help="Who it is from.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Who gets it; may be given several times.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Who gets a copy.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="Who gets a copy without being named.")
@click.option("--subject", default="", help="What it is about.")
@click.option(
    "--attach", multiple=True, type=click.Path(exists=True, dir_okay=False), help="A file to send along."
)
@click.option("--raw", is_flag=True, help="Standard input is a complete message with its header.")
@click.option(
    "--at", "send_at", default="", metavar="TIME", help="Send it later: a time, or seconds from now."
)
@click.option("--priority", type=click.IntRange(-9, 9), default=0, help="From -9 to 9.")
@click.option("--require-tls", is_flag=True, help="Never send it in clear text.")
def send(
    session: Session,
    sender: str,
    to: tuple[str, ...],
    cc: tuple[str, ...],
    bcc: tuple[str, ...],
    subject: str,
    attach: tuple[str, ...],
    raw: bool,
    send_at: str,
    priority: int,
    require_tls: bool,
) -> None:
    """Send a message whose text is read from standard input.

    It goes the way of a message that a mail program submits. With --raw the recipients may be left out: then those
    in its header get it.
    """
    if sys.stdin.isatty():
        click.echo("Type the message, then Ctrl-D.", err=True)
    content = sys.stdin.buffer.read()
    wanted: dict[str, Any] = {"from": sender, "to": list(to), "cc": list(cc), "bcc": list(bcc)}
    wanted |= {"send_at": send_at, "priority": priority, "require_tls": require_tls}
    if raw:
        wanted["raw"] = base64.b64encode(content).decode()
    else:
        try:
            wanted |= {"subject": subject, "text": content.decode()}
        except UnicodeDecodeError:
            raise CommandError("invalid", "The text is not UTF-8.", "Save it as UTF-8.") from None
        wanted["attachments"] = [_attachment(Path(name)) for name in attach]
    result = session.call("message.send", wanted)

    def words(sent: Any) -> None:
        show.line(f"Message {sent['trace']} is on its way.")
        for one in sent["recipients"]:
            show.line(f"  {one['address']}: {one['text']}")

    session.show(result, words)


def _attachment(path: Path) -> dict[str, str]:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith(("message/", "multipart/")):
        kind = "application/octet-stream"
    return {"name": path.name, "type": kind, "content": base64.b64encode(path.read_bytes()).decode()}


@command(message, "trace", "message.trace")
@click.argument("message")
def trace(session: Session, message: str) -> None:
    """Tell what each stage decided about MESSAGE, and why.

    MESSAGE is ACCOUNT/MAILBOX/UID, a trace id, a <Message-ID>, or a mail address: then the newest messages from
    or to it are told of.
    """
    result = session.call("message.trace", {"message": message})

    def words(found: Any) -> None:
        for number, told in enumerate(found["traces"]):
            if number:
                show.line()
            show.line(f"Trace {told['trace']}")
            show.table(
                ("WHEN", "STAGE", "WHAT"),
                [(show.moment(row["at"]), row["stage"], row["text"]) for row in told["steps"]],
                "Nothing was noted.",
            )
            for row in told["waiting"]:
                show.line(f"{row['recipient']} waits in the queue: {_waits(row)} (message {row['queue']})")
                if row["reason"]:
                    show.line(f"  last reply: {row['reason']}")

    session.show(result, words)


def _waits(row: Any) -> str:
    """When it is tried next, and until when."""
    until = f"until {show.moment(row['expires_at'])}"
    if row["state"] == "held":
        return "held until an administrator releases it"
    if row["state"] == "being delivered":
        return "being delivered right now"
    if row["state"] == "paused":
        return f"delivery there is paused; it is kept {until}"
    if row["next_at"] <= time.time():
        return f"tried right now, {until}"
    again = "to be sent" if row["state"] == "scheduled" else "tried again"
    return f"{again} on {show.moment(row['next_at'])}, {until}"
