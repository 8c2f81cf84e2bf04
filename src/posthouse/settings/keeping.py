"""Settings of what is deleted and may come back, and of quotas."""

from __future__ import annotations

from posthouse.settings.contract import Setting

UNDELETE_DAYS = Setting(
    "store.undelete_days",
    14,
    "How long deleted messages and folders can be brought back. 0: not at all; what is kept already goes with the next "
    "cleaning.",
    unit="days",
    minimum=0,
    maximum=3650,
)

UNDELETE_SIZE = Setting(
    "store.undelete_size",
    1024**3,
    "Deleted messages kept for each account, by their size; beyond it the oldest go first. They do not count towards "
    "the quota.",
    unit="bytes",
    minimum=0,
    maximum=2**50,
)

REMOVED_DAYS = Setting(
    "directory.removed_days",
    30,
    "How long removed accounts and domains can be restored, with all their mail; their addresses are given to nobody "
    "else meanwhile. 0: they are removed for good at once.",
    unit="days",
    minimum=0,
    maximum=3650,
)

WARNING_LEVELS = Setting(
    "quota.warnings",
    "80, 90, 95",
    "At which shares of the quota (in per cent, with commas between) the owner of a mailbox is warned by mail. Empty: "
    "never.",
)


def levels(text: str) -> tuple[int, ...]:
    """The levels of :data:`WARNING_LEVELS`, ascending; what is no number from 1 to 100 is left out."""
    found = {int(word) for word in text.replace(",", " ").split() if word.isdecimal() and len(word) <= 3}
    return tuple(sorted(level for level in found if 1 <= level <= 100))
