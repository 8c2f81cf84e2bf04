"""The options that say what a route is; secrets come from standard input or a prompt, never from the command line."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from posthouse.cli.command import Function
from posthouse.cli.errors import CommandError

SECRETS = {"password": "Password", "client_secret": "Client secret", "refresh_token": "Refresh token"}


def conditions(function: Function) -> Function:
    """For which mail it is, besides the recipient."""
    for option in (
        click.option(
            "--account", help="Only mail that this account (or an account of this domain) hands in."
        ),
        click.option("--sender", help="Only mail from this address or domain; <> is the empty sender."),
    ):
        function = option(function)
    return function


_OPTIONS = (
    click.option("--target", help="Hosts: a.example|b.example:587; each may have ,preference,weight."),
    click.option("--port", type=int, help="The port of targets that name none."),
    click.option("--protocol", help="smtp, lmtp or pipe."),
    click.option("--command", help="The command of a pipe, quoted as in a shell (which is not used)."),
    click.option("--security", help="none, may (TLS where offered), starttls or tls."),
    click.option("--verify/--no-verify", default=None, help="Its certificate must be good and name it."),
    click.option("--username", help="Sign in as this user."),
    click.option("--mechanism", help="PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-1 or XOAUTH2; else the best."),
    click.option("--password", "ask_password", is_flag=True, help="Ask for the password."),
    click.option("--client-secret", "ask_client_secret", is_flag=True, help="Ask for it (XOAUTH2)."),
    click.option("--refresh-token", "ask_refresh_token", is_flag=True, help="Ask for it (XOAUTH2)."),
    click.option(
        "--secrets-stdin", is_flag=True, help="Read what would be asked from standard input, a line each."
    ),
    click.option("--token-url", help="Where access tokens come from (XOAUTH2)."),
    click.option("--client-id", help="Who we are there."),
    click.option("--scope", help="What the token is to allow."),
    click.option("--tries", type=int, help="Attempts in all; 0: as set for the queue."),
    click.option("--minutes", type=int, help="Minutes between them; 0: as set for the queue."),
    click.option(
        "--all-addresses/--only-listed", "all_addresses", default=None, help="Which recipients it takes."
    ),
    click.option("--local-recipients/--foreign-recipients", default=None, help="Everybody may send to them."),
    click.option("--local-senders/--foreign-senders", default=None, help="Its senders count as ours."),
    click.option("--hold/--no-hold", default=None, help="Keep mail until its host asks for it (ETRN)."),
    click.option("--etrn-from", "etrn_networks", help="Networks that may ask, with blanks between."),
    click.option("--etrn-as", "etrn_accounts", help="Accounts that may ask, with blanks between."),
    click.option("--source", help="The address of this machine to connect from."),
    click.option("--certificate", help="The host name of the client certificate to show."),
    click.option("--batch", type=int, help="Most recipients at once; 0: as set."),
    click.option("--description", help="What it is for."),
)


def options(function: Function) -> Function:
    """Everything else a route says."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def fields_of(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the use. Raises CommandError."""
    from_stdin = given.pop("secrets_stdin")
    wanted = {name for name in SECRETS if given.pop(f"ask_{name}")}
    values = {name: value for name, value in given.items() if value is not None}
    if "command" in values:
        try:
            values["command"] = shlex.split(values["command"])
        except ValueError as error:
            raise CommandError(
                "invalid", f"The command cannot be read: {error}.", "Close its quotes."
            ) from None
    for name in (each for each in SECRETS if each in wanted):
        values[name] = secret(SECRETS[name], from_stdin)
    return values


def secret(label: str, from_stdin: bool) -> str:
    """One secret, from standard input or by a prompt. Raises CommandError."""
    if from_stdin:
        text = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        text = click.prompt(label, hide_input=True, err=True)
    else:
        raise CommandError("invalid", "There is no terminal to ask for a secret.", "Use --secrets-stdin.")
    if not text:
        raise CommandError("invalid", f"The {label.lower()} is empty.", "Give one.")
    return str(text)
