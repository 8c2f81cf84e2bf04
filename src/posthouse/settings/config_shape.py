"""The shape of a configuration: which keys there are, of which types, and what to say of others."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from posthouse.settings.config import Certificate, Config, Listener
from posthouse.settings.config_error import ConfigError

TABLES: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "listener": ("listeners", Listener),
    "certificate": ("certificates", Certificate),
}
"""TOML's arrays of tables and the Config fields they fill: ``[[listener]]`` reads better than
``[[listeners]]``."""

WORKERS = 'Give 1 to 256, or "auto" for one per core.'
"""The mend for a wrong number of workers."""

JOURNAL_SIZE = "Give a number of MiB from 1 to 1024, without quotes."
"""The mend for a wrong size of the journal."""

_VALUES = {
    "protocol": 'Give "smtp", "submission", "lmtp", "imap", "pop3" or "http".',
    "tls": 'Give "none", "starttls" or "implicit".',
    "port": "Give a number from 1 to 65535, without quotes.",
    "proxy_from": 'Give a list of networks such as ["192.0.2.0/24"].',
    "hosts": 'Give a list of host names such as ["mail.example.org"].',
}
"""What a key of a table may be; the rest are texts."""


def absolute(raw: dict[str, Any], base: Path) -> None:
    """Make the file's relative paths absolute; values of a wrong type are left for the type check to name."""

    def mend(table: Any, key: str) -> None:
        if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
            table[key] = os.path.normpath(base / table[key])

    mend(raw, "data")
    mend(raw, "control")
    for name, keys in (("listener", ("path",)), ("certificate", ("chain", "key"))):
        for table in raw[name] if isinstance(raw.get(name), list) else ():
            for key in keys:
                mend(table, key)


def refuse_unknown(raw: dict[str, Any], origin: dict[str, str], where: str) -> None:
    """Refuse keys that nobody reads. Raises ConfigError."""
    plain = [name for name in Config.__struct_fields__ if name not in ("listeners", "certificates")]
    known = [*plain, *TABLES]
    for key in raw:
        if key not in known:
            raise ConfigError(origin.get(key, where), key, "unknown key", _suggestion(key, known))
    for name, (_, struct) in TABLES.items():
        tables = raw.get(name, [])
        if not isinstance(tables, list):
            raise ConfigError(
                origin.get(name, where), name, "must be an array of tables", f"Write it as [[{name}]]."
            )
        for number, table in enumerate(tables, 1):
            for key in table if isinstance(table, dict) else ():
                if key not in struct.__struct_fields__:
                    mend = _suggestion(key, list(struct.__struct_fields__))
                    raise ConfigError(origin.get(name, where), f"{name}[{number}].{key}", "unknown key", mend)


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known keys are {', '.join(known)}. Other settings are changed with `posthouse setting set`."


def convert(raw: dict[str, Any], origin: dict[str, str], where: str) -> Config:
    """The values as the types they should be. ``origin``: where a key's value is from, if not from ``where``. Raises
    ConfigError."""
    fields = dict(raw)
    if fields.get("workers") == "auto":
        fields["workers"] = 0
    elif fields.get("workers") == 0:
        raise ConfigError(origin.get("workers", where), "workers", "0 is out of range", WORKERS)
    for name, (field, struct) in TABLES.items():
        if name in fields:
            tables = fields.pop(name)
            fields[field] = tuple(
                convert_one(table, struct, origin.get(name, where), f"{name}[{number}]")
                for number, table in enumerate(tables, 1)
            )
    built: dict[str, Any] = {}
    for field in Config.__struct_fields__:
        if field in fields:
            value = fields[field]
            built[field] = (
                value if isinstance(value, tuple) else _plain(field, value, origin.get(field, where))
            )
    return Config(**built)


def _plain(field: str, value: Any, where: str) -> Any:
    try:
        return getattr(msgspec.convert({field: value}, Config), field)
    except msgspec.ValidationError as error:
        raise ConfigError(where, field, _complaint(error), _type_mend(field)) from None


def _type_mend(field: str) -> str:
    return {
        "workers": 'Give a number, or "auto" for one per core.',
        "durability": 'Give "journal" or "plain".',
        "journal_size": JOURNAL_SIZE,
        "log_format": 'Give "text" or "json".',
        "log_level": 'Give "debug", "info", "warning" or "error".',
    }.get(field, "Give a text in quotes.")


def convert_one(table: Any, struct: type[msgspec.Struct], where: str, key: str) -> Any:
    """One table of an array as ``struct``; ``key`` is its path. Raises ConfigError."""
    try:
        return msgspec.convert(table, struct)
    except msgspec.ValidationError as error:
        path = re.search(r" - at `\$\.?(.*)`$", str(error))
        field = path[1].partition("[")[0] if path else ""
        mend = _VALUES.get(field, "Give a text in quotes.")
        raise ConfigError(where, f"{key}.{field}" if field else key, _complaint(error), mend) from None


def _complaint(error: msgspec.ValidationError) -> str:
    text = re.sub(r" - at `.*`$", "", str(error))
    return text[:1].lower() + text[1:]
