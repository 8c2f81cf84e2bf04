"""Settings of forwards that people set up for their accounts."""

from __future__ import annotations

from posthouse.settings.contract import Setting

ALLOWED = Setting(
    "forwarding.allowed",
    "anywhere",
    "Where people may forward their own mail to: anywhere, to addresses of this server's own domains only, or "
    "nobody may. Administrators may set up any forward for others. Forwards that are there already stay.",
    choices=("anywhere", "own-domains", "nobody"),
)

STOP_AFTER = Setting(
    "forwarding.stop_after",
    14,
    "After how many days of nothing but failures mail is no longer forwarded to an address; it stays in the mailbox "
    "then, and its owner is told. 0 means never.",
    unit="days",
    minimum=0,
    maximum=3650,
)
