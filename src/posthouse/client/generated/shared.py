"""What calls of several topics answer. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `quota`, `used` and `max_message` (the largest message it takes) in bytes, 0 = no limit.
    `domains` are those that a domain administrator looks after. `probation` is the id of a change that must
    be confirmed, 0 for none. `protocols` and `networks` are what it may be signed in to by and from, none
    named for all. `last_signin` in seconds since 1970, to the hour, 0 = never. `addresses` are its further
    ones."""

    address: str
    quota: int = 0
    used: int = 0
    messages: int = 0
    active: bool = True
    role: Literal["server", "domain", "user"] = "user"
    domains: list[str] = []
    probation: int = 0
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    language: str = ""
    time_zone: str = ""
    note: str = ""
    max_message: int = 0
    protocols: list[str] = []
    networks: list[str] = []
    last_signin: float = 0.0
    addresses: list[str] = []


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages came back, and to which folders."""

    messages: int
    folders: list[str]


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser: whose, from where, with what program, how it signed in; `current`: the one that
    asks."""

    id: int
    address: str
    peer: str
    agent: str
    how: str
    created_at: float
    last_seen: float
    expires_at: float
    current: bool = False


class Browsers(msgspec.Struct, frozen=True, kw_only=True):
    """The one used last first."""

    sessions: list[Browser]


class Csv(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the content of a CSV file, with the names of the columns in its first line."""

    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag="finding"):
    """What one check found. `subject` is the domain, address or port it is about, "" for the server.
    `state`: `ok`; `warn`, it works but could be better; `bad`, mail will suffer; `unknown`, it cannot be
    known from here (the text says why, the mend how to find out). `order`: host names for which a
    certificate can be ordered to mend it."""

    name: str
    group: Literal["server", "ports", "dns", "mail", "machine"]
    state: Literal["ok", "warn", "bad", "unknown"]
    text: str
    mend: str = ""
    subject: str = ""
    order: list[str] = []


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All findings by group, and how many there are of each state."""

    findings: list[Finding]
    counts: dict[str, int]


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """The forward of an account; without `targets` there is none. `keep`: a copy stays in the mailbox.
    `active` false: it is set up, but nothing is sent on. `allowed` is the setting forwarding.allowed: where
    people may forward their mail to. The others are conditions: mail that does not meet them stays in the
    mailbox."""

    address: str
    targets: list[ForwardedTo] = []
    keep: bool = True
    active: bool = False
    allowed: str = ""
    not_spam: bool = False
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    max_size: int = 0
    starts_at: float = 0.0
    ends_at: float = 0.0


class ForwardedTo(msgspec.Struct, frozen=True, kw_only=True):
    """One address. `state`: `fine` as far as is known, `failing` since `failing_since` (seconds since 1970,
    0: it works), or `stopped`: it failed for so long that nothing is sent there any more. `trouble` is what
    was said last."""

    address: str
    state: Literal["fine", "failing", "stopped"] = "fine"
    failing_since: float = 0.0
    trouble: str = ""


class GoneForGood(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages are gone."""

    messages: int


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """A masked address. `used`: how many messages came; `last_used`, `expires_at` and `created_at` in
    seconds since 1970, 0 = never; `most` 0 = any number. `takes_mail`: neither switched off, nor expired,
    nor used up."""

    address: str
    note: str
    active: bool
    expires_at: float
    most: int
    used: int
    last_used: float
    created_at: float
    takes_mail: bool


class MaskedList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first. `limit` is how many one person may have (the setting accounts.masked)."""

    masked: list[Masked]
    limit: int


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a long use has come; `total` 0 means unknown."""

    text: str
    done: int = 0
    total: int = 0


class ShownArchive(msgspec.Struct, frozen=True, kw_only=True):
    """The archive rule of an account or domain. `there`: whether it has one of its own; an account without
    follows that of its domain."""

    of: str
    there: bool = False
    mail: Literal["all", "received", "sent"] = "all"
    action: Literal["copy", "move"] = "move"
    days: int = 365
    folder: str = "Archive/%YEAR%/%MONTH%"
    active: bool = False


class ShownAutoReply(msgspec.Struct, frozen=True, kw_only=True):
    """The automatic reply of an account; without `plain` and `html` there is none. `answered`: how many
    senders had one since its words were changed."""

    address: str
    plain: str = ""
    html: str = ""
    subject: str = ""
    active: bool = False
    starts_at: float = 0.0
    ends_at: float = 0.0
    days: int = 7
    audience: Literal["everyone", "domain", "outside"] = "everyone"
    answered: int = 0


class ShownSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature as it is set up; without `plain` and `html` there is none. `method` matters for domains
    only. `variables` may stand in it."""

    of: str
    plain: str = ""
    html: str = ""
    active: bool = False
    method: Literal["fallback", "overwrite", "append"] = "fallback"
    replies: bool = False
    within: bool = True
    variables: list[str] = []
