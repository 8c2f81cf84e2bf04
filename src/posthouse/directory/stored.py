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
from posthouse.settings.values import SettingError, check_value, parse_value


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
    """The value in the setting's type; text is read as a person would write it. Raises DirectoryError
    naming the setting and what it takes."""
    try:
        if isinstance(value, str) and setting.type is not str:
            return parse_value(setting, value)
        if isinstance(value, str) and "\0" in value:
            raise SettingError(f"{setting.name}: the value has a zero byte.", "Give text.")
        return check_value(setting, value)
    except SettingError as error:
        raise DirectoryError(error.what, error.mend) from None
