"""Why a message did not leave, in plain words, with what to do about it: from what the other server said, or from why
it could not be asked."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

Cause = Literal[
    "port",
    "listed",
    "reverse",
    "records",
    "greylisted",
    "sign-in",
    "tls",
    "address",
    "mailbox",
    "dns",
    "other",
]


class Answer(msgspec.Struct, frozen=True):
    """What is known of the last attempt. ``host`` is who was asked, with its address ("" where nobody was);
    ``stage``: the command that was answered, "" for the connection itself."""

    host: str
    words: str
    stage: str


_SAID = re.compile(r"(?P<host>\S+) said: (?P<words>.*?)(?: \(to (?P<stage>[^()]+)\))?\Z", re.DOTALL)
_OURS = re.compile(
    r"(?P<code>(?:\d{3} )?\d\.\d+\.\d+) (?P<host>\S+\[[^\s\]]+\]): (?P<words>.*?)(?: \(to (?P<stage>[^()]+)\))?\Z",
    re.DOTALL,
)
"""What is said in place of a host that did not answer."""
_STATUS = re.compile(r"(?<![\d.])[45]\.(\d{1,3})\.(\d{1,3})(?![\d.])")

MENDS: dict[Cause, tuple[str, str]] = {
    "port": (
        "The other server could not be reached. Most often the provider of this machine blocks port 25 outward.",
        "Ask your provider to open port 25 outward. Where it stays closed, send by a smart host: your provider's mail "
        "server, or one you rent.",
    ),
    "listed": (
        "The other server refuses mail from this server's address, because a block list names the address.",
        "Look the address up at the list that is named, and ask there to be removed; a new address often has a bad "
        "former owner. Until then a smart host helps.",
    ),
    "reverse": (
        "The other server misses a reverse name of this server's address that leads back to it.",
        "Set the reverse name (PTR) of the address to this server's name where you rent the address. Until then a "
        "smart host helps.",
    ),
    "records": (
        "The other server's rules did not find in the DNS that this server may send for the domain (SPF, DKIM, DMARC).",
        "Publish the DNS records of your domain; a few minutes later try again.",
    ),
    "greylisted": (
        "The other server wants a new sender to come again in a while (greylisting). That is usual, and not a fault.",
        "Wait: it is tried again by itself.",
    ),
    "sign-in": (
        "The smart host refuses the sign-in.",
        "Correct user name and password of the smart host.",
    ),
    "tls": (
        "The secure connection that is asked for could not be made.",
        "See the page TLS to other servers for what the other side demands; of a smart host, look at its connection "
        "security.",
    ),
    "address": (
        "There is no such address at the other server.",
        "Correct the address, and send it again.",
    ),
    "mailbox": (
        "The other server cannot take mail for that mailbox now; everything up to there worked.",
        "Make room in that mailbox, or give another address.",
    ),
    "dns": (
        "The other server was not found in the DNS.",
        "Correct the address; if it is right, look at the setting dns.servers and try again.",
    ),
    "other": (
        "The other server did not take the message, for a reason of its own.",
        "Read its words. Where it refuses mail from your address for good, a smart host helps.",
    ),
}

_BY_WORDS: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (
        "listed",
        re.compile(
            r"block ?list|black ?list|deny ?list|\bdnsbl\b|\brbl\b|spamhaus|spamcop|barracuda|sorbs|uceprotect"
            r"|abuseat|\blisted (?:in|on|by|at)\b|poor reputation|bad reputation",
            re.IGNORECASE,
        ),
    ),
    (
        "reverse",
        re.compile(
            r"\bptr\b|reverse[ -](?:dns|name|look|host)|\brdns\b|\bfcrdns\b|cannot find your (?:host|reverse)"
            r"|host ?name.{0,20}does not resolve",
            re.IGNORECASE,
        ),
    ),
    ("records", re.compile(r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated|not authenticated", re.IGNORECASE)),
    ("greylisted", re.compile(r"gr[ae]y-?list|try (?:again )?later|come back", re.IGNORECASE)),
)

_BY_STATUS: dict[str, Cause] = {
    "7.25": "reverse",
    "7.20": "records",
    "7.21": "records",
    "7.22": "records",
    "7.23": "records",
    "7.24": "records",
    "7.26": "records",
    "7.8": "sign-in",
    "7.9": "sign-in",
    "7.5": "tls",
    "7.10": "tls",
    "7.30": "tls",
    "1.1": "address",
    "1.2": "dns",
    "1.3": "address",
    "1.6": "address",
    "1.10": "address",
    "2": "mailbox",
    "4.3": "dns",
    "4.4": "dns",
}


def answer_of(reason: str) -> Answer:
    """The parts of what is kept about a recipient (``deliver.results.Said`` written out)."""
    found = _SAID.match(reason)
    if found is not None:
        return Answer(found["host"], found["words"], found["stage"] or "")
    ours = _OURS.match(reason)
    if ours is not None:
        return Answer(ours["host"], f"{ours['code']} {ours['host']}: {ours['words']}", ours["stage"] or "")
    return Answer("", reason, "")


def cause_of(answer: Answer) -> Cause:
    """Why it did not leave. The words of a remote go before its codes: a list is refused with 5.7.1 like all else."""
    if answer.stage == "AUTH":
        return "sign-in"
    status = _STATUS.search(answer.words)
    code = f"{status[1]}.{status[2]}" if status else ""
    if answer.stage in ("", "CONNECT") and code in ("4.1", "4.2", "4.7"):
        return "port"
    exact = _BY_STATUS.get(code)
    if exact is not None:
        return exact
    for cause, pattern in _BY_WORDS:
        if pattern.search(answer.words) and (cause != "greylisted" or _is_temporary(answer.words)):
            return cause
    if answer.stage == "STARTTLS":
        return "tls"
    if code == "7.1" and _is_temporary(answer.words):
        return "greylisted"
    return _BY_STATUS.get(code.partition(".")[0], "other")


def _is_temporary(words: str) -> bool:
    return words.startswith("4")
