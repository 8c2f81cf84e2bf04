"""Languages: the catalogues, which of them a visitor gets, and how numbers and times are written in each."""

from __future__ import annotations

import gettext
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "posthouse"
NAMES = {"en": "English", "de": "Deutsch"}
"""The languages there are, each by its own name; the first is what the source is written in."""
MAX_HEADER = 500
"""Characters of Accept-Language that are looked at."""

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def mark(text: str) -> str:
    """Marks a text for the catalogue that is translated later, when the language is known."""
    return text


@dataclass(frozen=True)
class Language:
    """One language with its texts."""

    code: str
    texts: gettext.NullTranslations

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language, with ``{name}`` places filled in."""
        found = self.texts.gettext(text)
        return found.format(**values) if values else found

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """The form for this number; ``{count}`` is the number as written here."""
        found = self.texts.ngettext(one, many, number)
        return found.format(count=self.number(number), **values)

    def number(self, value: float, digits: int = 0) -> str:
        """``12,345.6``, or ``12.345,6``."""
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.code == "de" else text

    def size(self, value: float) -> str:
        """A number of bytes for people: ``1.5 GiB``."""
        step = 0
        while value >= 1024 and step < len(_SIZES) - 1:
            value /= 1024
            step += 1
        return f"{self.number(value, 1 if step and value < 10 and value % 1 else 0)} {_SIZES[step]}"

    def moment(self, at: float) -> str:
        """A moment in UTC: what stands in the page until the script puts the reader's own time."""
        pattern = "%d.%m.%Y, %H:%M:%S UTC" if self.code == "de" else "%Y-%m-%d %H:%M:%S UTC"
        try:
            return time.strftime(pattern, time.gmtime(at))
        except (OverflowError, ValueError, OSError):
            return self("unknown")

    def span(self, seconds: float, units: int = 2) -> str:
        """How long something took or will take, in at most so many units: ``3 days, 4 hours``."""
        left = max(0, int(seconds))
        days, left = divmod(left, 86400)
        hours, left = divmod(left, 3600)
        minutes, left = divmod(left, 60)
        parts = []
        if days:
            parts.append(self.count("{count} day", "{count} days", days))
        if hours:
            parts.append(self.count("{count} hour", "{count} hours", hours))
        if minutes and not days:
            parts.append(self.count("{count} minute", "{count} minutes", minutes))
        if not parts or (left and not days and not hours):
            parts.append(self.count("{count} second", "{count} seconds", left))
        return ", ".join(parts[:units])


@cache
def language(code: str) -> Language:
    """The language of this code (a key of NAMES)."""
    if code == "en":
        return Language(code, gettext.NullTranslations())
    return Language(code, gettext.translation(DOMAIN, LOCALE, [code]))


def choose(cookie: str, accepted: str) -> Language:
    """What the visitor chose, else the best of what the browser accepts (RFC 9110 section 12.5.4), else
    English."""
    if cookie in NAMES:
        return language(cookie)
    wanted: list[tuple[float, int, str]] = []
    for place, item in enumerate(accepted[:MAX_HEADER].split(",")):
        tag, _, weight = item.strip().partition(";q=")
        code = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if code in NAMES and quality > 0:
            wanted.append((-quality, place, code))
    return language(min(wanted)[2] if wanted else "en")
