"""Settings of delivery notices and of the suppression list."""

from __future__ import annotations

import re

from posthouse.settings.contract import Setting

_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?")


def _check_local(text: str) -> str:
    if _LOCAL.fullmatch(text) and ".." not in text:
        return ""
    return "must be the part of an address before the @, such as mailer-daemon"


def _check_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not text or (at and not _check_local(local) and re.fullmatch(r"[A-Za-z0-9.-]{1,255}", domain)):
        return ""
    return "must be an address such as postmaster@example.org, or empty"


AUTHOR = Setting(
    "notices.author",
    "mailer-daemon",
    "Who writes delivery notices: the part before the @; the server's name stands after it.",
    check=_check_local,
)

LANGUAGE = Setting(
    "notices.language",
    "en",
    "The language of delivery notices to people whose language is not known. Below any other than English the "
    "same follows in English.",
    choices=("en", "de"),
)

RETURN = Setting(
    "notices.return",
    "headers",
    "What of a message comes back with the notice that it failed, when its sender did not say so (RET): its "
    "header, or all of it.",
    choices=("headers", "full"),
)

FULL_SIZE = Setting(
    "notices.full_size",
    256 * 1024,
    "The largest message that comes back whole; of larger ones the header does.",
    unit="bytes",
    minimum=0,
    maximum=50 * 1024 * 1024,
)

POSTMASTER_COPIES = Setting(
    "notices.postmaster_copies",
    "none",
    "Which notices the postmaster gets a copy of, with the message's header only: none, those of failures, or "
    "those of delays too.",
    choices=("none", "failures", "all"),
)

POSTMASTER = Setting(
    "notices.postmaster",
    "",
    "Where the copies for the postmaster go. Empty means postmaster at the server's name.",
    check=_check_address,
)

SUPPRESS_AFTER = Setting(
    "suppression.after",
    2,
    "After how many failures for good (no such mailbox, mailbox closed) an address outside is on the suppression "
    "list: senders here are refused at once then. 0 puts none there.",
    minimum=0,
    maximum=1000,
)

SUPPRESS_AFTER_SOFT = Setting(
    "suppression.after_soft",
    10,
    "After how many returned messages for passing reasons (mailbox full, no answer for days) an address is on the "
    "suppression list. Counts only bounces that come back to an address made for one recipient (VERP). 0 puts none "
    "there.",
    minimum=0,
    maximum=1000,
)

SUPPRESS_DAYS = Setting(
    "suppression.days",
    30,
    "How long an address stays on the suppression list, and how long its failures are counted.",
    unit="days",
    minimum=1,
    maximum=3650,
)
