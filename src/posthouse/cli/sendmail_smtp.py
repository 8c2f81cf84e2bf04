"""``sendmail -bs``: programs that speak SMTP to standard input. As much of RFC 5321 as they use."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from posthouse.cli.sendmail_options import Options
from posthouse.mail.refusal import Refusal
from posthouse.wire.smtp.command import RCPT_PARAMETERS, parse_line, parse_mail, parse_rcpt

Hand = Callable[[Options, bytes], int]
"""Hands a message in; the exit code, 0 when it was taken."""

_LONGEST = 4096
_MAIL = frozenset(("SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"))


def converse(source: BinaryIO, answer: BinaryIO, hand: Hand) -> int:
    """The conversation until QUIT or the end; 0."""
    dialogue = _Dialogue(source, answer, hand)
    dialogue.say("220 localhost ESMTP Posthouse sendmail")
    while line := source.readline(_LONGEST):
        try:
            verb, argument = parse_line(line.rstrip(b"\r\n"))
            if verb == "QUIT":
                dialogue.say("221 2.0.0 Bye")
                break
            dialogue.command(verb, argument)
        except Refusal as refusal:
            dialogue.say(str(refusal))
    return 0


class _Dialogue:
    def __init__(self, source: BinaryIO, answer: BinaryIO, hand: Hand) -> None:
        self._source = source
        self._answer = answer
        self._hand = hand
        self._options: Options | None = None
        self._utf8 = False

    def say(self, text: str) -> None:
        self._answer.write(text.encode() + b"\r\n")
        self._answer.flush()

    def command(self, verb: str, argument: str) -> None:
        match verb:
            case "EHLO":
                self._options = None
                self.say(
                    "250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES"
                )
            case "HELO" | "RSET" | "NOOP":
                self._options = None if verb != "NOOP" else self._options
                self.say("250 2.0.0 OK")
            case "MAIL":
                mail = parse_mail(argument, _MAIL)
                sender = str(mail.sender) if mail.sender is not None else "<>"
                self._options = Options(sender=sender, dot_ends=False, ret=mail.ret, envid=mail.envid)
                self._utf8 = mail.smtputf8
                self.say("250 2.1.0 OK")
            case "RCPT":
                self._rcpt(argument)
            case "DATA":
                self._data()
            case _:
                raise Refusal(502, "5.5.1", "Command not implemented")

    def _rcpt(self, argument: str) -> None:
        if self._options is None:
            raise Refusal(503, "5.5.1", "MAIL first")
        rcpt = parse_rcpt(argument, smtputf8=self._utf8, announced=RCPT_PARAMETERS)
        self._options.recipients.append(str(rcpt.address))
        if rcpt.notify:
            self._options.notify = tuple(sorted(rcpt.notify))
        self.say("250 2.1.5 OK")

    def _data(self) -> None:
        options, self._options = self._options, None
        if options is None or not options.recipients:
            raise Refusal(503, "5.5.1", "RCPT first")
        self.say("354 End with a dot on a line of its own")
        lines = []
        while (line := self._source.readline()) and line.rstrip(b"\r\n") != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        if not line:
            return  # it went away in the middle
        code = self._hand(options, b"".join(lines).replace(b"\r\n", b"\n"))
        if code == 0:
            self.say("250 2.0.0 Message accepted")
        elif code == 75:
            raise Refusal(451, "4.3.0", "Not taken now, try again later")
        else:
            raise Refusal(554, "5.0.0", "Not taken")
