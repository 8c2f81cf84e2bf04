"""Whether a mailbox has room: the one rule for RCPT and for LMTP's replies after DATA."""

from __future__ import annotations

from posthouse.mail.refusal import Refusal


def full(used: int, quota: int, size: int) -> Refusal | None:
    """The refusal for a message of ``size`` bytes (0 = not declared) into an account that uses ``used`` of
    ``quota`` bytes; None when it fits or there is no quota. A message larger than the whole quota will
    never fit: that is permanent (552), everything else may change (452)."""
    if quota <= 0:
        return None
    if size > quota:
        return Refusal(552, "5.2.3", "Message is larger than this mailbox may ever hold")
    if used >= quota or used + size > quota:
        return Refusal(452, "4.2.2", "Mailbox full", cause=f"{used} + {size} of {quota} bytes")
    return None
