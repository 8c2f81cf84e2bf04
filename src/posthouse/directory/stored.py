"""Stored values of declared settings: reading, checking and changing them."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import SETTINGS, bump
from posthouse.settings.contract import Setting, declared


def setting_values(tx: Transaction) -> dict[str, Any]:
    """All stored values by name; settings at their default are absent."""
    return {name: msgspec.json.decode(value) for name, value in tx.execute(records.SELECT_SETTINGS)}


def put_setting(tx: Transaction, name: str, value: Any, *, feed: Feed | None = None) -> Any:
    """Check and store the value of a declared setting; text is read as its type. None puts the default back.
    Returns the value now in force. Raises DirectoryError."""
    setting = declared().get(name)
    if setting is None:
        raise DirectoryError(f"there is no setting {name}", "list settings to see those there are", "missing")
    if value is None:
        tx.change(records.DELETE_SETTING, {"name": name})
        value = setting.default
    else:
        value = checked(setting, value)
        tx.upsert(records.settings_values, {"name": name}, {"value": msgspec.json.encode(value).decode()})
    bump(tx, SETTINGS, feed)
    return value


def checked(setting: Setting[Any], value: Any) -> Any:
    """The value in the setting's type. Raises DirectoryError naming the setting and what it takes."""
    value = _converted(setting, value)
    if setting.minimum is not None and value < setting.minimum:
        raise _wrong(setting, f"{value} is too small", f"give at least {setting.minimum}")
    if setting.maximum is not None and value > setting.maximum:
        raise _wrong(setting, f"{value} is too large", f"give at most {setting.maximum}")
    if setting.choices and value not in setting.choices:
        raise _wrong(setting, f"{value!r} is not one of its values", "give " + " or ".join(setting.choices))
    if setting.check is not None:
        complaint = setting.check(value)
        if complaint:
            raise _wrong(setting, f"{value!r} does not do", complaint)
    return value


_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def _converted(setting: Setting[Any], value: Any) -> Any:
    kind = setting.type
    if kind is bool:
        if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
            return value.lower() in _TRUE
        if isinstance(value, bool):
            return value
        raise _wrong(setting, f"{value!r} is neither true nor false", "give true or false")
    if kind is str:
        if isinstance(value, str) and "\0" not in value:
            return value
        raise _wrong(setting, "the value is no text", "give text")
    return _number(setting, value)


def _number(setting: Setting[Any], value: Any) -> int | float:
    unit = f" of {setting.unit}" if setting.unit else ""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
        if setting.type is float:
            if number - number != 0:  # infinities and not-a-number are no settings
                raise ValueError
            return number
        whole = int(value)
        if whole != number:
            raise ValueError
        return whole
    except (ValueError, OverflowError):
        kind = "whole number" if setting.type is int else "number"
        raise _wrong(setting, f"{value!r} is no {kind}", f"give a {kind}{unit}") from None


def _wrong(setting: Setting[Any], text: str, mend: str) -> DirectoryError:
    return DirectoryError(f"setting {setting.name}: {text}", mend)
