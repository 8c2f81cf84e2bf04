"""How a message wants to be treated: from the parameters of MAIL to times and numbers."""

from __future__ import annotations

from dataclasses import replace

from posthouse.mail.envelope import Terms
from posthouse.mail.refusal import Refusal
from posthouse.settings import smtp
from posthouse.settings.contract import Settings
from posthouse.wire.smtp.command import Mail


def terms_of(mail: Mail, settings: Settings, now: float, *, known: bool) -> Terms:
    """What MAIL asked for, in times and numbers. ``known``: the sender signed in. Raises Refusal."""
    not_before = _release(mail, now)
    if not_before - now > settings[smtp.FUTURE_RELEASE]:
        raise Refusal(501, "5.5.4", f"Mail is held for {int(settings[smtp.FUTURE_RELEASE])} seconds at most")
    terms = Terms(
        not_before=not_before,
        priority=allowed_priority(mail.priority or 0, settings, known=known),
        require_tls=mail.require_tls,
    )
    if mail.by is None:
        return terms
    shortest = settings[smtp.DELIVER_BY_MINIMUM]
    if mail.by.mode == "R" and mail.by.seconds < shortest:
        raise Refusal(550, "5.4.7", f"Nothing less than {shortest} seconds can be promised for delivery")
    deliver_by = now + mail.by.seconds
    if not_before and deliver_by <= not_before:
        raise Refusal(501, "5.5.4", "The message is to be delivered before it may be sent")
    return replace(terms, deliver_by=deliver_by, by_mode=mail.by.mode + ("T" if mail.by.trace else ""))


def allowed_priority(wanted: int, settings: Settings, *, known: bool) -> int:
    """The priority a message gets: strangers may lower theirs, not raise it (RFC 6710 4.1)."""
    return min(wanted, settings[smtp.HIGHEST_PRIORITY] if known else 0)


def _release(mail: Mail, now: float) -> float:
    """When it may be sent; 0.0 for at once, as for a time that is over."""
    if mail.hold_for is not None:
        return now + mail.hold_for
    if mail.hold_until is not None and mail.hold_until > now:
        return mail.hold_until
    return 0.0
