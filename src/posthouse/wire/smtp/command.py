"""Command lines and their arguments (RFC 5321 4.1.1 and the extensions announced).

Every parser takes the argument as text and raises :class:`posthouse.mail.refusal.Refusal` with the reply
for what is wrong.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from posthouse.mail.address import Address, parse_domain
from posthouse.mail.refusal import Refusal
from posthouse.wire.smtp import parameters
from posthouse.wire.smtp.path import address_of, parse_path

_HELLO = re.compile(r"[!-~]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CHUNK_DIGITS = 20
_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Line(NamedTuple):
    """A command line: the verb in upper case, and everything after the first space."""

    verb: str
    argument: str


BodyType = Literal["7BIT", "8BITMIME", "BINARYMIME"]


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL. ``sender`` None is the null reverse-path; ``size`` 0: not declared.

    ``by``: DELIVERBY (RFC 2852). ``hold_for`` seconds or ``hold_until`` (seconds since 1970): FUTURERELEASE (RFC
    4865), None where not given. ``priority``: MT-PRIORITY (RFC 6710), None where not given. ``require_tls``:
    REQUIRETLS (RFC 8689)."""

    sender: Address | None
    size: int = 0
    body: BodyType = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    by: parameters.By | None = None
    hold_for: int | None = None
    hold_until: float | None = None
    priority: int | None = None
    require_tls: bool = False


MAIL_PARAMETERS = frozenset(
    (
        "SIZE",
        "BODY",
        "SMTPUTF8",
        "RET",
        "ENVID",
        "AUTH",
        "BY",
        "HOLDFOR",
        "HOLDUNTIL",
        "MT-PRIORITY",
        "REQUIRETLS",
    )
)
"""Every parameter of MAIL that is known."""

RCPT_PARAMETERS = frozenset(("NOTIFY", "ORCPT"))
"""Every parameter of RCPT that is known."""


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT."""

    address: Address
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """BDAT (RFC 3030 2)."""

    size: int
    last: bool


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH (RFC 4954 4). ``initial``: the response sent along, None without one, b"" for ``=``."""

    mechanism: str
    initial: bytes | None = field(repr=False)


def parse_line(line: bytes) -> Line:
    """Split a command line. Raises Refusal for octets that no command has."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(500, "5.5.2", "Command line is not UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):
        raise Refusal(500, "5.5.2", "Control character in the command line")
    verb, _, argument = text.partition(" ")
    return Line(verb.upper(), argument.strip(" "))


def parse_hello(argument: str) -> str:
    """The name in HELO, EHLO or LHLO. Many clients send what is no domain; anything printable without
    spaces is taken."""
    if not _HELLO.fullmatch(argument):
        raise Refusal(501, "5.5.4", "Give your host name or address literal")
    return argument


def parse_mail(argument: str, announced: Container[str] = MAIL_PARAMETERS) -> Mail:
    """``FROM:<path> parameters``; ``announced`` are the parameters that this client may use."""
    text = _after("FROM:", argument, "MAIL FROM:<address>")
    try:
        path, rest = parse_path(text)
    except ValueError:
        raise _syntax("MAIL FROM:<address>") from None
    given = parameters.split_parameters(rest) if rest else {}
    mail = _PLAIN
    for keyword, value in given.items():
        if keyword not in announced or keyword not in _READERS:
            raise parameters.unknown(keyword)
        mail = _READERS[keyword](mail, value)
    if mail.hold_for is not None and mail.hold_until is not None:
        raise parameters.bad("HOLDFOR and HOLDUNTIL do not go together")
    sender = address_of(path, smtputf8=mail.smtputf8, sender=True) if path else None
    return replace(mail, sender=sender) if given else Mail(sender)


_PLAIN = Mail(None)


def _smtputf8(mail: Mail, value: str | None) -> Mail:
    parameters.no_value("SMTPUTF8", value)
    return replace(mail, smtputf8=True)


def _auth(mail: Mail, value: str | None) -> Mail:
    # Checked and not used: we trust no peer's word on who wrote a message (RFC 4954 5).
    parameters.xtext("AUTH", value)
    return mail


def _require_tls(mail: Mail, value: str | None) -> Mail:
    parameters.no_value("REQUIRETLS", value)
    return replace(mail, require_tls=True)


_READERS: dict[str, Callable[[Mail, str | None], Mail]] = {
    "SIZE": lambda mail, value: replace(mail, size=parameters.size(value)),
    "BODY": lambda mail, value: replace(mail, body=_body(value)),
    "SMTPUTF8": _smtputf8,
    "RET": lambda mail, value: replace(mail, ret=parameters.ret(value)),
    "ENVID": lambda mail, value: replace(mail, envid=parameters.envid(value)),
    "AUTH": _auth,
    "BY": lambda mail, value: replace(mail, by=parameters.by(value)),
    "HOLDFOR": lambda mail, value: replace(mail, hold_for=parameters.hold_for(value)),
    "HOLDUNTIL": lambda mail, value: replace(mail, hold_until=parameters.hold_until(value)),
    "MT-PRIORITY": lambda mail, value: replace(mail, priority=parameters.priority(value)),
    "REQUIRETLS": _require_tls,
}


def parse_rcpt(argument: str, *, smtputf8: bool, announced: Container[str] = RCPT_PARAMETERS) -> Rcpt:
    """``TO:<path> parameters``; ``smtputf8`` as MAIL said it, ``announced`` as for MAIL."""
    text = _after("TO:", argument, "RCPT TO:<address>")
    try:
        path, rest = parse_path(text)
    except ValueError:
        raise _syntax("RCPT TO:<address>") from None
    notify: frozenset[str] = frozenset()
    orcpt = ""
    for keyword, value in parameters.split_parameters(rest).items() if rest else ():
        if keyword not in announced:
            raise parameters.unknown(keyword)
        match keyword:
            case "NOTIFY":
                notify = parameters.notify(value)
            case "ORCPT":
                orcpt = parameters.orcpt(value, smtputf8=smtputf8)
            case _:
                raise parameters.unknown(keyword)
    return Rcpt(address_of(path, smtputf8=smtputf8, sender=False), notify, orcpt)


def parse_etrn(argument: str) -> str:
    """The node of ETRN (RFC 1985 5): a domain in its normal form, with ``@`` before it where its subdomains are meant
    too; or ``#`` and the name of a queue."""
    option, name = (argument[0], argument[1:]) if argument[:1] in ("@", "#") else ("", argument)
    if option == "#":
        if not _QUEUE.fullmatch(name):
            raise _syntax("ETRN #queue")
        return argument
    try:
        domain = parse_domain(name)
    except ValueError:
        raise _syntax("ETRN domain") from None
    if domain.startswith("["):
        raise _syntax("ETRN domain")
    return option + domain


def parse_bdat(argument: str) -> Chunk:
    """``size [LAST]``. After a Refusal the stream cannot be followed: how much to skip is not known."""
    words = argument.split()
    digits = words[0] if words else ""
    last = len(words) == 2 and words[1].upper() == "LAST"
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _CHUNK_DIGITS or len(words) > 1 + last:
        raise Refusal(501, "5.5.4", "Syntax: BDAT size [LAST]", close=True)
    return Chunk(int(digits), last)


def parse_auth(argument: str) -> Auth:
    """``mechanism [initial-response]``."""
    words = argument.split(" ")
    if not words[0] or len(words) > 2:
        raise Refusal(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
    if len(words) == 1:
        return Auth(words[0].upper(), None)
    return Auth(words[0].upper(), b"" if words[1] == "=" else parse_response(words[1].encode("utf-8")))


def parse_response(line: bytes) -> bytes:
    """A SASL response in base64 (RFC 4954 4)."""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise Refusal(501, "5.5.2", "The response is not base64") from None


def _after(word: str, argument: str, syntax: str) -> str:
    """What follows ``FROM:`` or ``TO:``. Spaces before the path are wrong, frequent and harmless."""
    if argument[: len(word)].upper() != word:
        raise _syntax(syntax)
    return argument[len(word) :].lstrip(" ")


def _syntax(what: str) -> Refusal:
    return Refusal(501, "5.5.4", f"Syntax: {what}")


def _body(value: str | None) -> BodyType:
    word = (value or "").upper()
    if word == "7BIT":
        return "7BIT"
    if word == "8BITMIME":
        return "8BITMIME"
    if word == "BINARYMIME":
        return "BINARYMIME"
    raise parameters.bad("BODY takes 7BIT, 8BITMIME or BINARYMIME")
