"""Values of declared settings: from text, checked, and back to text.

Sizes (unit ``bytes``) may carry K, M, G or T, each 1024 times the last, with an optional B or iB: ``25M``
is 26,214,400. Durations (unit ``seconds``) may carry s, m, h, d or w, also joined: ``1h30m``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

from posthouse.settings.contract import Setting

_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[wdhms])+", re.IGNORECASE)
LONGEST_SHOWN = 100
"""Characters of a wrong value that a complaint quotes."""
_PIECE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([wdhms])", re.IGNORECASE)


class SettingError(ValueError):
    """A value or name of a setting is no good. ``mend`` says what would be."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def find_setting(name: str, known: Mapping[str, Setting[Any]]) -> Setting[Any]:
    """The declared setting of this name. Raises SettingError with a suggestion."""
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    mend = f"Did you mean {close[0]}?" if close else "`posthouse setting list` shows them all."
    raise SettingError(f"There is no setting {name!r}.", mend)


def parse_size(text: str) -> int:
    """Bytes from ``25M``, ``1.5G``, ``4096``. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no size")
    return (
        int(float(match[1]) * _SIZES[match[2].lower()])
        if "." in match[1]
        else int(match[1]) * _SIZES[match[2].lower()]
    )


def parse_duration(text: str) -> float:
    """Seconds from ``5m``, ``1h30m``, ``90``. Raises ValueError."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _SECONDS[unit.lower()] for number, unit in _PIECE.findall(text))
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    raise ValueError(f"{text!r} is no duration")


def parse_value(setting: Setting[Any], text: str) -> Any:
    """The value that ``text`` means for this setting, checked. Raises SettingError."""
    return check_value(setting, _read(setting, text))


def _read(setting: Setting[Any], text: str) -> Any:
    kind = setting.type
    if kind is str:
        return text
    plain = text.strip()
    if kind is bool:
        if plain.lower() in _TRUE:
            return True
        if plain.lower() in _FALSE:
            return False
        raise _wrong(setting, text)
    try:
        if setting.unit == "bytes":
            return parse_size(plain)
        if setting.unit == "seconds":
            seconds = parse_duration(plain)
            if kind is float:
                return seconds
            if not seconds.is_integer():
                raise _wrong(setting, text)
            return int(seconds)
        return kind(plain)
    except SettingError:
        raise
    except ValueError:
        raise _wrong(setting, text) from None


def _wrong(setting: Setting[Any], text: str) -> SettingError:
    shown = (
        "that" if setting.secret else repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
    )
    return SettingError(f"{setting.name} cannot be {shown}.", f"Give {expected(setting)}.")


def expected(setting: Setting[Any]) -> str:
    """What a value must look like, in words: for messages and the manual."""
    if setting.choices:
        return "one of " + ", ".join(setting.choices)
    if setting.type is bool:
        return "true or false"
    if setting.type is str:
        return "a text"
    if setting.unit == "bytes":
        return "a size such as 25M"
    if setting.unit == "seconds":
        return "a duration such as 90s or 5m"
    return "a whole number" if setting.type is int else "a number"


def check_value(setting: Setting[Any], value: Any) -> Any:
    """Return ``value`` in the setting's type if it may be used. Raises SettingError (also for stored
    values)."""
    kind = setting.type
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong(setting, str(value))
    if setting.choices and value not in setting.choices:
        raise _wrong(setting, str(value))
    if isinstance(value, int | float) and kind is not bool:
        _check_range(setting, value)
    complaint = setting.check(value) if setting.check else ""
    if complaint:
        raise SettingError(f"{setting.name}: {complaint.rstrip('.')}.", "Give another value.")
    return value


def _check_range(setting: Setting[Any], value: float) -> None:
    low, high = setting.minimum, setting.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        return
    limits = []
    if low is not None:
        limits.append(f"at least {format_value(setting, low)}")
    if high is not None:
        limits.append(f"at most {format_value(setting, high)}")
    raise SettingError(
        f"{setting.name}: {format_value(setting, value)} is out of range.", f"Give {' and '.join(limits)}."
    )


def format_value(setting: Setting[Any], value: Any) -> str:
    """The value as a person would write it; ``parse_value`` reads it back. Secrets are not masked here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if setting.unit == "bytes":
        return format_size(int(value))
    if setting.unit == "seconds":
        return format_duration(float(value))
    if isinstance(value, int):  # may be too large for a float
        return str(value)
    return str(int(value)) if value.is_integer() else str(value)


def format_size(size: int) -> str:
    """The largest suffix that divides the size evenly: 26214400 is ``25M``, 1000 stays ``1000``."""
    for suffix in ("T", "G", "M", "K"):
        unit = _SIZES[suffix.lower()]
        if size and size % unit == 0:
            return f"{size // unit}{suffix}"
    return str(size)


def format_duration(seconds: float) -> str:
    """``5m``, ``1h30m``, ``0.5s``."""
    if not seconds.is_integer() or seconds == 0:
        return f"{seconds:g}s"
    left, text = int(seconds), ""
    for suffix, unit in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, unit)
        if count:
            text += f"{count}{suffix}"
    return text


def mask(setting: Setting[Any], value: Any) -> str:
    """The value for lists, logs and the audit: a secret shows only whether it is set."""
    if setting.secret:
        return "(set)" if value else "(not set)"
    return format_value(setting, value)
