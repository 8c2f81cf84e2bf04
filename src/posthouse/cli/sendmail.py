"""``posthouse sendmail``, also as ``posthouse-sendmail``: the sendmail command for local programs.

Root and the server's own user hand the message to the running server, which answers for each recipient. Everybody else,
and everybody while the server is stopped, leaves it in the maildrop, from where the server takes it within seconds.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from posthouse.cli import sendmail_message as messages
from posthouse.cli.errors import CommandError
from posthouse.cli.sendmail_drop import drop
from posthouse.cli.sendmail_options import Options, Usage, parse
from posthouse.cli.session import Session
from posthouse.mail.dropped import Dropped, qualified, with_crlf, with_domain
from posthouse.mail.refusal import Refusal
from posthouse.settings.maildrop_place import maildrop_of
from posthouse.wire.smtp import parameters

if TYPE_CHECKING:
    from posthouse.cli.client import ControlClient

EX_OK, EX_USAGE, EX_DATAERR, EX_NOUSER, EX_UNAVAILABLE = 0, 64, 65, 67, 69
EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM = 73, 75, 77

_BY_CONTROL = 8 * 1024 * 1024
"""Larger messages take the maildrop: a request over the control socket has a limit."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is one of sysexits.h."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except Usage as problem:
        return _complain(f"{problem}", EX_USAGE)
    sender = _Sender(Session())
    if options.mode == "nothing":
        return EX_OK
    if options.mode == "list":
        return sender.list_queue()
    if options.mode == "smtp":
        from posthouse.cli.sendmail_smtp import converse

        return converse(sys.stdin.buffer, sys.stdout.buffer, sender.send)
    return _send_input(sender, options, sys.stdin.buffer)


def _send_input(sender: _Sender, options: Options, source: BinaryIO) -> int:
    try:
        message = messages.read(source, dot_ends=options.dot_ends)
    except messages.TooLarge:
        return _complain("the message is too large", EX_DATAERR)
    return sender.send(options, message)


class _Sender:
    """Hands messages in. ``session`` knows the configuration, as far as the user may read it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def send(self, options: Options, message: bytes) -> int:
        """Hand one message in, with LF lines; the exit code."""
        head, body = messages.split(message)
        recipients = [_local(text) for text in options.recipients]
        if options.from_header:
            # With -t the addresses of the command line are those that do not get it, for some; we send to all, as
            # Postfix does.
            recipients += messages.recipients(head)
        if not recipients:
            return _complain("no recipients", EX_USAGE)
        complete = messages.without_bcc(head, body)
        envelope = Dropped(
            sender=_given(options.sender),
            name=options.name,
            recipients=tuple(dict.fromkeys(recipients)),
            notify=options.notify,
            ret=options.ret,
            envid=options.envid,
        )
        try:
            _check(envelope)
        except Refusal as refusal:
            return _complain(refusal.text, EX_USAGE)
        if len(complete) <= _BY_CONTROL:
            code = self._by_control(envelope, complete)
            if code is not None:
                return code
        return self._by_maildrop(envelope, complete)

    def list_queue(self) -> int:
        """-bp: what waits."""
        try:
            found = self._session.call("queue.list", {})
        except CommandError as error:
            return _complain(error.what, EX_NOPERM if error.kind == "refused" else EX_UNAVAILABLE)
        for one in found["messages"]:
            print(
                f"{one['id']:>8} {one['size']:>9} {one['recipients']:>5} recipients  {one['sender'] or '<>'}"
            )
        print(f"{found['total']} messages wait." if found["total"] else "Mail queue is empty")
        return EX_OK

    def _by_control(self, envelope: Dropped, message: bytes) -> int | None:
        """Hand it to the running server; None where there is none, it is not ours to command, or it cannot take the
        message now."""
        from posthouse.cli.client import ControlClient, NotRunning

        try:
            config = self._session.config
            client = ControlClient(config.data, config.control)
        except (NotRunning, CommandError, OSError):
            return None
        try:
            return self._hand_over(client, envelope, message, _server_domain(client) or config.hostname)
        except CommandError as error:
            if error.kind == "unavailable":
                return None
            for problem in error.problems:
                _complain(problem, 0)
            return _complain(error.what, EX_NOUSER if error.problems else EX_DATAERR)
        finally:
            client.close()

    def _hand_over(self, client: ControlClient, envelope: Dropped, message: bytes, domain: str) -> int:
        domain = domain or _domain()
        own = qualified(_user(), domain)
        sender = envelope.sender if envelope.sender != "<>" else ""
        author = qualified(sender, domain) if sender else own
        whole = messages.with_author(with_domain(with_crlf(message), domain), author, envelope.name)
        wanted: dict[str, Any] = {
            "raw": base64.b64encode(whole).decode(),
            "from": author,
            "to": [qualified(text, domain) for text in envelope.recipients],
            "envelope_from": "<>" if envelope.sender == "<>" else "",
            "notify": list(envelope.notify),
            "ret": envelope.ret,
            "envid": envelope.envid,
        }
        result = client.call("message.send", wanted, lambda value: None)
        failed = [one for one in result["recipients"] if not one["accepted"]]
        for one in failed:
            _complain(f"{one['address']}: {one['text']}", 0)
        return EX_NOUSER if failed else EX_OK

    def _by_maildrop(self, envelope: Dropped, message: bytes) -> int:
        folder = Path(maildrop_of(self._data()))
        try:
            drop(folder, envelope, message)
        except PermissionError:
            return _complain(f"{folder}: you may not hand in mail here", EX_NOPERM)
        except FileNotFoundError:
            return _complain(
                f"{folder}: there is no maildrop; the server makes it when it starts", EX_TEMPFAIL
            )
        except OSError as error:
            return _complain(f"{folder}: {error.strerror}", EX_CANTCREAT)
        return EX_OK

    def _data(self) -> str:
        try:
            return self._session.config.data
        except (CommandError, OSError):
            return ""  # a user who may not read the configuration


def _user() -> str:
    if hasattr(os, "getuid"):
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"uid{os.getuid()}"
    import getpass

    return getpass.getuser()


def _server_domain(client: ControlClient) -> str:
    """The domain that the running server completes local names with; "" where it has only the machine's name. Raises
    CommandError."""
    for name in ("sendmail.domain", "server.hostname"):
        value = client.call("setting.get", {"name": name}, lambda found: None)["raw"]
        if value:
            return str(value)
    return ""


def _domain() -> str:
    """The domain of local names where the configuration names none: this machine's."""
    import socket

    name = socket.getfqdn()
    return name.lower() if "." in name else f"{name.lower()}.localdomain"


def _local(text: str) -> str:
    """An address of the command line: ``a@b``, ``<a@b>`` or ``Ann <a@b>``."""
    found = messages.recipients(f"To: {text}\n".encode())
    return found[0] if found else text


def _given(sender: str | None) -> str:
    """The envelope's sender as -f gave it: "" for none, ``<>`` for the null path."""
    if sender is None:
        return ""
    return _local(sender) if sender not in ("", "<>") else "<>"


def _check(envelope: Dropped) -> None:
    """Whether the server will understand it. Raises Refusal."""
    if envelope.notify:
        parameters.notify(",".join(envelope.notify))
    if envelope.ret:
        parameters.ret(envelope.ret)
    if envelope.envid:
        parameters.envid(envelope.envid)


def _complain(text: str, code: int) -> int:
    print(f"sendmail: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
