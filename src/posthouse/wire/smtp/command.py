"""Command lines and their arguments (RFC 5321 4.1.1 and the extensions announced).

Every parser takes the argument as text and raises :class:`posthouse.mail.refusal.Refusal` with the reply
for what is wrong.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from posthouse.mail.address import Address
from posthouse.mail.refusal import Refusal
from posthouse.wire.smtp import parameters
from posthouse.wire.smtp.path import address_of, parse_path

_HELLO = re.compile(r"[!-~]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CHUNK_DIGITS = 20


class Line(NamedTuple):
    """A command line: the verb in upper case, and everything after the first space."""

    verb: str
    argument: str


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL. ``sender`` None is the null reverse-path; ``size`` 0: not declared."""

    sender: Address | None
    size: int = 0
    body: Literal["7BIT", "8BITMIME"] = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


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


def parse_mail(argument: str) -> Mail:
    """``FROM:<path> parameters``."""
    text = _after("FROM:", argument, "MAIL FROM:<address>")
    try:
        path, rest = parse_path(text)
    except ValueError:
        raise _syntax("MAIL FROM:<address>") from None
    given = parameters.split_parameters(rest)
    size, smtputf8, ret, envid = 0, False, "", ""
    body: Literal["7BIT", "8BITMIME"] = "7BIT"
    for keyword, value in given.items():
        match keyword:
            case "SIZE":
                size = parameters.size(value)
            case "BODY":
                body = _body(value)
            case "SMTPUTF8":
                parameters.no_value(keyword, value)
                smtputf8 = True
            case "RET":
                ret = parameters.ret(value)
            case "ENVID":
                envid = parameters.envid(value)
            case "AUTH":
                # Checked and not used: we trust no peer's word on who wrote a message (RFC 4954 5).
                parameters.xtext(keyword, value)
            case _:
                raise parameters.unknown(keyword)
    sender = address_of(path, smtputf8=smtputf8, sender=True) if path else None
    return Mail(sender, size, body, smtputf8, ret, envid)


def parse_rcpt(argument: str, *, smtputf8: bool) -> Rcpt:
    """``TO:<path> parameters``; ``smtputf8`` as MAIL said it."""
    text = _after("TO:", argument, "RCPT TO:<address>")
    try:
        path, rest = parse_path(text)
    except ValueError:
        raise _syntax("RCPT TO:<address>") from None
    notify: frozenset[str] = frozenset()
    orcpt = ""
    for keyword, value in parameters.split_parameters(rest).items() if rest else ():
        match keyword:
            case "NOTIFY":
                notify = parameters.notify(value)
            case "ORCPT":
                orcpt = parameters.orcpt(value, smtputf8=smtputf8)
            case _:
                raise parameters.unknown(keyword)
    return Rcpt(address_of(path, smtputf8=smtputf8, sender=False), notify, orcpt)


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


def _body(value: str | None) -> Literal["7BIT", "8BITMIME"]:
    word = (value or "").upper()
    if word == "7BIT":
        return "7BIT"
    if word == "8BITMIME":
        return "8BITMIME"
    if word == "BINARYMIME":
        raise Refusal(555, "5.6.1", "BODY=BINARYMIME is not supported")
    raise parameters.bad("BODY takes 7BIT or 8BITMIME")
