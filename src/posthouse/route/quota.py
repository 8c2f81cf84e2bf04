"""Whether a mailbox has room: the one rule for RCPT and for LMTP's replies after DATA."""

from __future__ import annotations

from posthouse.mail.refusal import Refusal


def full(used: int, quota: int, size: int, *, whose: str = "") -> Refusal | None:
    """The refusal for a message of ``size`` bytes (0 = not declared) where ``used`` of ``quota`` bytes are used; None
    when it fits or there is no quota. A message larger than the whole quota will never fit: that is permanent (552),
    everything else may change (452). ``whose``: what is full when it is not the mailbox."""
    if quota <= 0:
        return None
    if size > quota:
        return Refusal(
            552, "5.2.3", f"Message is larger than {whose.lower() or 'this mailbox'} may ever hold"
        )
    if used >= quota or used + size > quota:
        text = f"{whose} has no room left" if whose else "Mailbox full"
        return Refusal(452, "4.2.2", text, cause=f"{used} + {size} of {quota} bytes")
    return None


def crowded(messages: int, most: int) -> Refusal | None:
    """The refusal for one more message where ``messages`` of ``most`` are there; None when there is no limit."""
    if most and messages >= most:
        return Refusal(452, "4.2.2", "Mailbox full", cause=f"{messages} of {most} messages")
    return None


def too_large(limit: int, size: int) -> Refusal | None:
    """The refusal for a message larger than its recipient takes (RFC 1870 6.1, RFC 3463 3.4); None without a limit."""
    if limit and size > limit:
        return Refusal(552, "5.3.4", f"Message is larger than this recipient takes ({limit} bytes)")
    return None
