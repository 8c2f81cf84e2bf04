"""The part of the configuration that environment variables give."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posthouse.settings.config_error import ConfigError
from posthouse.settings.config_shape import TABLES, absolute

ENVIRONMENT: dict[str, str] = {
    "POSTHOUSE_DATA": "data",
    "POSTHOUSE_DATABASE_URL": "database_url",
    "POSTHOUSE_DURABILITY": "durability",
    "POSTHOUSE_JOURNAL_SIZE": "journal_size",
    "POSTHOUSE_HOSTNAME": "hostname",
    "POSTHOUSE_RUN_AS": "run_as",
    "POSTHOUSE_WORKERS": "workers",
    "POSTHOUSE_CONTROL": "control",
    "POSTHOUSE_LOG_FORMAT": "log_format",
    "POSTHOUSE_LOG_LEVEL": "log_level",
    "POSTHOUSE_LISTENER": "listener",
    "POSTHOUSE_CERTIFICATE": "certificate",
}
"""Environment variables and the key each one overrides. The last two hold TOML arrays of inline tables."""

OTHER_VARIABLES = frozenset(
    {
        "POSTHOUSE_CONFIG",
        "POSTHOUSE_PASSWORD",
        "POSTHOUSE_UVLOOP",
        "POSTHOUSE_CRASH_AT",
        "POSTHOUSE_STEP_LOG",
        "POSTHOUSE_MIGRATE_URL",
    }
)
"""Variables with our prefix that are no configuration keys."""


def from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """The variable and the value of each key that is overridden. Raises ConfigError."""
    overrides: dict[str, tuple[str, Any]] = {}
    for variable, text in environ.items():
        key = ENVIRONMENT.get(variable)
        if key is None:
            _refuse_misspelt(variable)
            continue
        overrides[key] = (variable, _environment_value(variable, key, text))
    return overrides


def _environment_value(variable: str, key: str, text: str) -> Any:
    where = f"the environment variable {variable}"
    if key in TABLES:
        try:
            tables: dict[str, Any] = tomllib.loads(f"{key} = {text}")
        except tomllib.TOMLDecodeError as error:
            mend = 'Write an array of inline tables: [{protocol = "smtp", port = 25}].'
            raise ConfigError(where, "", f"is not TOML: {error}", mend) from None
        absolute(tables, Path.cwd())
        return tables[key]
    if key in ("workers", "journal_size") and text.isdecimal():
        return int(text)
    if key in ("data", "control") and text:
        return os.path.abspath(text)
    return text


def _refuse_misspelt(variable: str) -> None:
    """A variable that differs from one of ours by a slip would otherwise be ignored in silence."""
    if not variable.startswith("POSTHOUSE_") or variable in OTHER_VARIABLES:
        return
    close = difflib.get_close_matches(variable, ENVIRONMENT, n=1, cutoff=0.85)
    if close:
        raise ConfigError(
            f"the environment variable {variable}", "", "is not known", f"Did you mean {close[0]}?"
        )
