"""The commands together, and the way errors leave the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
import msgspec

from posthouse import __version__
from posthouse.cli.commands import account_forward as _forward  # noqa: F401 - more commands of `account`
from posthouse.cli.commands import account_people as _people  # noqa: F401 - more commands of `account`
from posthouse.cli.commands import demo, diagnose, measure, repair, serve, server, signin
from posthouse.cli.commands import role as _role  # noqa: F401 - more commands of `account`
from posthouse.cli.commands.account import account
from posthouse.cli.commands.alias import alias
from posthouse.cli.commands.app_password import app_password, client_certificate
from posthouse.cli.commands.audit import audit
from posthouse.cli.commands.backup import backup
from posthouse.cli.commands.ban import ban
from posthouse.cli.commands.bounce import bounce
from posthouse.cli.commands.certificate import certificate
from posthouse.cli.commands.completion import completion
from posthouse.cli.commands.deleted import deleted
from posthouse.cli.commands.dkim import dkim
from posthouse.cli.commands.dns import client, dns
from posthouse.cli.commands.domain import domain
from posthouse.cli.commands.event import event
from posthouse.cli.commands.folder import folder, shared_mailbox
from posthouse.cli.commands.group import group as account_group
from posthouse.cli.commands.ip_range import ip_range
from posthouse.cli.commands.list import list_ as mailing_list
from posthouse.cli.commands.listener import listener
from posthouse.cli.commands.log import log
from posthouse.cli.commands.message import message
from posthouse.cli.commands.network_list import network_list
from posthouse.cli.commands.oauth import oauth
from posthouse.cli.commands.probation import probation
from posthouse.cli.commands.queue import queue
from posthouse.cli.commands.quota import quota
from posthouse.cli.commands.removed import removed
from posthouse.cli.commands.route import route
from posthouse.cli.commands.sending import send_as, sending
from posthouse.cli.commands.sendmail import sendmail
from posthouse.cli.commands.serve import ServeRunner
from posthouse.cli.commands.session import session as sessions
from posthouse.cli.commands.setting import setting
from posthouse.cli.commands.setup import setup
from posthouse.cli.commands.source import source
from posthouse.cli.commands.suppression import suppression
from posthouse.cli.commands.tls import tls
from posthouse.cli.commands.token import token
from posthouse.cli.commands.webhook import webhook
from posthouse.cli.commands.wording import journal
from posthouse.cli.errors import CommandError
from posthouse.cli.session import Session


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="posthouse", message="%(prog)s %(version)s")
def cli() -> None:
    """Posthouse, a mail server.

    Commands work on the running server of a data folder, or on the folder itself while the server is stopped.
    """


for _group in (domain, account, alias, mailing_list, account_group, queue, message, setting, audit):
    cli.add_command(_group)
cli.add_command(certificate)
cli.add_command(demo.demo)
for _group in (ban, ip_range, listener, network_list, probation):
    cli.add_command(_group)
for _group in (setup, dns, dkim, client):
    cli.add_command(_group)
for _group in (deleted, removed, quota):
    cli.add_command(_group)
diagnose.add_to(cli)
repair.add_to(cli)
cli.add_command(completion)
cli.add_command(sendmail)
cli.add_command(token)
cli.add_command(source)
cli.add_command(app_password)
cli.add_command(client_certificate)
cli.add_command(oauth)
cli.add_command(suppression)
cli.add_command(bounce)
cli.add_command(sending)
account.add_command(send_as)
cli.add_command(tls)
cli.add_command(folder)
cli.add_command(shared_mailbox)
cli.add_command(event)
cli.add_command(webhook)
cli.add_command(journal)
cli.add_command(route)
cli.add_command(backup)
signin.add_to(cli)
cli.add_command(sessions)
cli.add_command(log)
server.add_to(cli)
measure.add_to(cli)
serve.add_to(cli)


def main(serve_runner: ServeRunner, arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code. ``serve_runner`` is what ``serve`` calls: it is
    handed in because this folder may not know the server."""
    session = Session()
    session.serve_runner = serve_runner
    try:
        result = cli.main(args=arguments, prog_name="posthouse", obj=session, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except CommandError as error:
        _tell(session, error.kind, error.what, error.mend, error.problems)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        usage = f"See `{context.command_path} --help`." if context else "See `posthouse --help`."
        _tell(session, "invalid", error.format_message(), usage, ())
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:
        # The reader (a pager, head) has gone: nothing is left to say, also not by the interpreter at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _tell(session: Session, kind: str, what: str, mend: str, problems: tuple[str, ...]) -> None:
    from posthouse.cli.show import safe

    if session.as_json:
        error = {"kind": kind, "what": what, "mend": mend, "problems": problems}
        click.echo(msgspec.json.encode({"error": error}).decode(), err=True)
        return
    for problem in problems:
        click.echo(safe(problem), err=True)
    click.echo(f"posthouse: {safe(what)}", err=True)
    click.echo(f"  {safe(mend)}", err=True)
