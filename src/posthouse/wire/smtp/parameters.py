"""Parameters of MAIL and RCPT: ``KEYWORD[=VALUE]`` (RFC 5321 4.1.2) and what each one may hold."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from posthouse.mail.refusal import Refusal

_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00- =\x7f]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_ORCPT = re.compile(r"[A-Za-z0-9!#$&'*+\-./^_`{|}~]+;\S+")
_MAX_ORCPT = 500
_MAX_ENVID = 100
_MAX_SIZE_DIGITS = 20
_BY = re.compile(r"([+-]?[0-9]{1,9});([NR])(T?)", re.IGNORECASE)
_HOLD_FOR = re.compile(r"[1-9][0-9]{0,8}")
_HOLD_UNTIL = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE | re.ASCII,
)
_PRIORITY = re.compile(r"0|-?[1-9]", re.ASCII)


class By(NamedTuple):
    """BY (RFC 2852 4): deliver within ``seconds`` (negative: the time is over already), else ``mode`` says what
    happens: ``R`` return the message, ``N`` notify the sender. ``trace``: tell of each relay."""

    seconds: int
    mode: str
    trace: bool


def split_parameters(text: str) -> dict[str, str | None]:
    """Parameters by keyword in upper case; None for those without a value. Raises Refusal (501)."""
    found: dict[str, str | None] = {}
    if not text:
        return found
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise bad("Malformed parameter")
        keyword = match[1].upper()
        if keyword in found:
            raise bad(f"{keyword} was given twice")
        found[keyword] = match[2]
    return found


def bad(text: str) -> Refusal:
    """The refusal of a parameter that is known but wrong."""
    return Refusal(501, "5.5.4", text)


def unknown(keyword: str) -> Refusal:
    """The refusal of a parameter nobody announced (RFC 5321 4.1.1.11)."""
    return Refusal(555, "5.5.4", f"Parameter {keyword[:40]} is not supported")


def size(value: str | None) -> int:
    """SIZE (RFC 1870 4)."""
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > _MAX_SIZE_DIGITS:
        raise bad("SIZE takes a number")
    return int(value)


def no_value(keyword: str, value: str | None) -> None:
    """For parameters that have none."""
    if value is not None:
        raise bad(f"{keyword} takes no value")


def xtext(keyword: str, value: str | None, longest: int = 2048) -> str:
    """A value in xtext (RFC 3461 4), kept as it was written."""
    if value is None or len(value) > longest or not _XTEXT.fullmatch(value):
        raise bad(f"{keyword} takes an xtext value")
    return value


def envid(value: str | None) -> str:
    """ENVID (RFC 3461 4.4)."""
    return xtext("ENVID", value, _MAX_ENVID)


def ret(value: str | None) -> str:
    """RET (RFC 3461 4.3)."""
    word = (value or "").upper()
    if word not in ("FULL", "HDRS"):
        raise bad("RET takes FULL or HDRS")
    return word


def notify(value: str | None) -> frozenset[str]:
    """NOTIFY (RFC 3461 4.1)."""
    words = frozenset((value or "").upper().split(","))
    if words != {"NEVER"} and not words <= {"SUCCESS", "FAILURE", "DELAY"}:
        raise bad("NOTIFY takes NEVER, or a list of SUCCESS, FAILURE and DELAY")
    return words


def orcpt(value: str | None, *, smtputf8: bool) -> str:
    """ORCPT (RFC 3461 4.2; RFC 6533 3 for UTF-8), kept as it was written."""
    if value is None or len(value) > _MAX_ORCPT or not _ORCPT.fullmatch(value):
        raise bad("ORCPT takes an address type and an address")
    if not value.isascii() and not smtputf8:
        raise bad("This ORCPT needs SMTPUTF8")
    return value


def by(value: str | None) -> By:
    """BY (RFC 2852 4). A message that is to be returned must have some time left."""
    found = _BY.fullmatch(value or "")
    if found is None:
        raise bad("BY takes seconds and a mode, like 3600;R")
    seconds, mode = int(found[1]), found[2].upper()
    if mode == "R" and seconds <= 0:
        raise bad("BY with mode R takes more than 0 seconds")
    return By(seconds, mode, bool(found[3]))


def hold_for(value: str | None) -> int:
    """HOLDFOR (RFC 4865 4): seconds."""
    if value is None or not _HOLD_FOR.fullmatch(value):
        raise bad("HOLDFOR takes seconds")
    return int(value)


def hold_until(value: str | None) -> float:
    """HOLDUNTIL (RFC 4865 4): a date-time of RFC 3339, as seconds since 1970."""
    if value is None or not _HOLD_UNTIL.fullmatch(value):
        raise bad("HOLDUNTIL takes a time like 2030-01-31T08:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).timestamp()
    except (ValueError, OverflowError):
        raise bad("HOLDUNTIL takes a time like 2030-01-31T08:00:00Z") from None


def priority(value: str | None) -> int:
    """MT-PRIORITY (RFC 6710 5): -9 to 9."""
    if value is None or not _PRIORITY.fullmatch(value):
        raise bad("MT-PRIORITY takes a number from -9 to 9")
    return int(value)
