"""What calls of several topics answer. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec


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
    people may forward their mail to."""

    address: str
    targets: list[ForwardedTo] = []
    keep: bool = True
    active: bool = False
    allowed: str = ""


class ForwardedTo(msgspec.Struct, frozen=True, kw_only=True):
    """One address. `state`: `fine` as far as is known, `failing` since `failing_since` (seconds since 1970,
    0: it works), or `stopped`: it failed for so long that nothing is sent there any more. `trouble` is what
    was said last."""

    address: str
    state: Literal["fine", "failing", "stopped"] = "fine"
    failing_since: float = 0.0
    trouble: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a long use has come; `total` 0 means unknown."""

    text: str
    done: int = 0
    total: int = 0
