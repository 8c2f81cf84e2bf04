"""Days and numbers as forms have them."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86_400.0


def day_of(text: str) -> float:
    """The beginning of a day (UTC) in seconds since 1970, 0.0 for none; -1.0, which nothing takes, for what is no
    date."""
    if not text.strip():
        return 0.0
    try:
        moment = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return -1.0
    return moment if moment > 0 else -1.0


def shown_day(moment: float) -> str:
    """A day as forms have it, "" for none."""
    if not 0 < moment < 1e11:
        return ""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def number_of(text: str) -> int:
    """A number as typed; -1, which nothing takes, for what is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
