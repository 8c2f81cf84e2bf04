"""``posthouse demo send``: a first message, sent and read as a mail program would."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from posthouse.cli import show
from posthouse.cli.command import command
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group()
def demo() -> None:
    """Try a server that `serve --demo` started."""


@command(demo, "send", "status")
@click.option(
    "--address", default="demo@posthouse.test", show_default=True, help="Sign in and send to this account."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def send(session: Session, address: str, password_stdin: bool) -> None:
    """Send a message over submission with TLS, then read it back over IMAP.

    The password comes from POSTHOUSE_PASSWORD, standard input or a prompt. The certificate must be the one
    the running server names over its control socket.
    """
    found = session.call("status")
    if not found["running"]:
        raise CommandError("unavailable", "The server does not run.", "Start it: posthouse serve --demo")
    password = _password(password_stdin)
    from posthouse.cli.first_message import Places, send_and_read

    result = send_and_read(Places.of(found), address, password, _say(session))

    def words(done: Any) -> None:
        show.line(f"It arrived: INBOX, UID {done['uid']}, after {done['seconds']:.2f} s.")

    session.show(result, words)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    known = os.environ.get("POSTHOUSE_PASSWORD")
    if known:
        return known
    if not sys.stdin.isatty():
        raise CommandError(
            "invalid", "No password was given.", "Set POSTHOUSE_PASSWORD or use --password-stdin."
        )
    return str(click.prompt("Password", hide_input=True, err=True))


def _say(session: Session) -> Any:
    return (lambda text: None) if session.as_json else show.line
