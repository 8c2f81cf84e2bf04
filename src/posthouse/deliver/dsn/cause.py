"""Why a message was not taken, in one word: for notices, lists of the queue and statistics.

What servers say is read in this order: their words, where they are telling (many servers send a code that means
something else: ``550 5.7.1 User unknown``), then the enhanced status code (RFC 3463, RFC 5248), then the reply code.
"""

from __future__ import annotations

import re
from typing import Literal

from posthouse.deliver.dsn.cause_words import RULES
from posthouse.deliver.results import Said

Cause = Literal[
    "no-mailbox",
    "mailbox-full",
    "disabled",
    "spam",
    "blocked",
    "unauthenticated",
    "policy",
    "too-large",
    "relay-denied",
    "dns",
    "unreachable",
    "tls",
    "greylisted",
    "rate-limited",
    "content",
    "loop",
    "other",
]
"""``blocked``: our server's address or name is not wanted there. ``unauthenticated``: SPF, DKIM or DMARC failed.
``dns``: the domain does not exist or takes no mail. ``disabled``: the mailbox is there and closed."""

HARD: frozenset[Cause] = frozenset(("no-mailbox", "disabled"))
"""Causes that will be the same for the next message."""

_MOST = 1000
"""Characters of a reply that are looked at."""

_STATUS = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})")

_BY_STATUS: dict[str, Cause] = {
    "1.1": "no-mailbox",
    "1.2": "dns",
    "1.3": "no-mailbox",
    "1.4": "no-mailbox",
    "1.6": "no-mailbox",
    "1.7": "policy",
    "1.8": "policy",
    "1.10": "dns",
    "2.1": "disabled",
    "2.2": "mailbox-full",
    "2.3": "too-large",
    "3.2": "rate-limited",
    "3.4": "too-large",
    "4.1": "unreachable",
    "4.2": "unreachable",
    "4.3": "dns",
    "4.4": "dns",
    "4.5": "rate-limited",
    "4.6": "loop",
    "5.3": "rate-limited",
    "6.1": "content",
    "6.3": "content",
    "7.1": "policy",
    "7.4": "tls",
    "7.5": "tls",
    "7.10": "tls",
    "7.11": "tls",
    "7.20": "unauthenticated",
    "7.21": "unauthenticated",
    "7.22": "unauthenticated",
    "7.23": "unauthenticated",
    "7.24": "unauthenticated",
    "7.25": "blocked",
    "7.26": "unauthenticated",
    "7.27": "dns",
    "7.29": "unauthenticated",
    "7.30": "tls",
    "7.28": "rate-limited",
}
_BY_SUBJECT: dict[str, Cause] = {"6": "content", "7": "policy"}
"""By the second number, where the third is none of those above."""


def cause_of(said: Said) -> Cause:
    """The cause behind an answer, a remote's or our own."""
    return cause_of_words(said.code, said.status, said.text)


def cause_of_words(code: int, status: str, text: str) -> Cause:
    """The cause behind a reply code (0: none), an enhanced status code ("": none) and words."""
    words = " ".join(text[:_MOST].lower().split())
    for cause, pattern in RULES:
        if pattern.search(words):
            return cause  # type: ignore[return-value]  # (a test holds the table to the words of Cause)
    found = _STATUS.fullmatch(status)
    if found:
        by_status = _BY_STATUS.get(f"{int(found[1])}.{int(found[2])}") or _BY_SUBJECT.get(found[1])
        if by_status is not None:
            return by_status
    return _by_code(code, status)


def _by_code(code: int, status: str) -> Cause:
    """What is left when neither words nor status tell: the few reply codes with one meaning (RFC 5321 4.2.3)."""
    if code == 552:
        return "mailbox-full"
    if code == 523:  # RFC 4954 and older habits: encryption needed
        return "tls"
    if code == 556:
        return "dns"
    if code in (550, 551, 553) and status in ("", f"{code // 100}.0.0"):
        return "no-mailbox" if code == 551 else "other"
    return "unreachable" if code == 421 else "other"
