"""What a message to be sent asks for, from words to times and numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Terms
from posthouse.mail.refusal import Refusal
from posthouse.manage.errors import ManageError
from posthouse.receive.injection import Wishes
from posthouse.receive.terms import allowed_priority
from posthouse.settings import smtp
from posthouse.settings.contract import Settings
from posthouse.wire.smtp import parameters


class Asked(Protocol):
    """The part of ``message.send``'s parameters that is read here."""

    @property
    def send_at(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def require_tls(self) -> bool: ...
    @property
    def notify(self) -> tuple[str, ...]: ...
    @property
    def ret(self) -> str: ...
    @property
    def envid(self) -> str: ...


def wishes_of(asked: Asked, settings: Settings, now: float) -> Wishes:
    """Raises ManageError for what is no time, no priority and so on."""
    if not -9 <= asked.priority <= 9:
        raise _wrong(f"{asked.priority} is no priority", "Give a number from -9 to 9.")
    try:
        notify = parameters.notify(",".join(asked.notify)) if asked.notify else frozenset()
        ret = parameters.ret(asked.ret) if asked.ret else ""
        envid = parameters.envid(asked.envid) if asked.envid else ""
    except Refusal as refusal:
        raise _wrong(refusal.text, "Correct it, or leave it out.") from None
    terms = Terms(
        not_before=release_time(asked.send_at, settings, now),
        priority=allowed_priority(asked.priority, settings, known=True),
        require_tls=asked.require_tls,
    )
    return Wishes(terms, notify, ret, envid)


def release_time(text: str, settings: Settings, now: float) -> float:
    """When a message is to be sent, in seconds since 1970; 0.0 for at once. Raises ManageError."""
    if not text:
        return 0.0
    mend = "Give a time like 2030-01-31T08:00:00+01:00, or seconds from now."
    if text.isascii() and text.isdigit() and len(text) < 10:
        at = now + int(text)
    else:
        try:
            when = datetime.fromisoformat(text)
            at = when.timestamp()
        except (ValueError, OverflowError):
            raise _wrong(f"{text[:60]!r} is no time", mend) from None
        if when.tzinfo is None:
            raise _wrong(f"{text[:60]!r} does not say in which time zone", mend)
    if at <= now:
        return 0.0
    if at - now > settings[smtp.FUTURE_RELEASE]:
        days = settings[smtp.FUTURE_RELEASE] / 86400
        raise _wrong(
            f"That is more than {days:g} days ahead" if days else "Mail cannot be sent later here",
            "Send it earlier, or raise the setting smtp.future_release.",
        )
    return at


def envelope_sender(text: str, author: Address) -> Address | None:
    """Where notices go: to the author, unless told otherwise; None for nowhere. Raises ManageError."""
    if not text:
        return author
    if text == "<>":
        return None
    try:
        return parse_address(text)
    except ValueError as problem:
        raise _wrong(f"{text[:100]!r} is no address: {problem}", "Correct envelope_from.") from None


def _wrong(what: str, mend: str) -> ManageError:
    return ManageError("invalid", f"{what[:1].upper()}{what[1:]}.", mend)
