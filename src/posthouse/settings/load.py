"""Reads ``posthouse.toml`` and the environment into a :class:`Config`, strictly: what is not understood is
refused.

Order of precedence: the command line's ``--data``, then environment variables, then the file, then
defaults. Relative paths in the file count from the file's folder, those of the command line and
environment from the current one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from posthouse.settings.config import Config, Listener, LoadedConfig
from posthouse.settings.config_environment import from_environment
from posthouse.settings.config_error import ConfigError
from posthouse.settings.config_listeners import STANDARD_LISTENERS, check_listeners
from posthouse.settings.config_shape import (
    JOURNAL_SIZE,
    WORKERS,
    absolute,
    convert,
    convert_one,
    refuse_unknown,
)
from posthouse.settings.listeners_file import MANAGED, managed_path

SEARCHED = ("posthouse.toml", "/etc/posthouse/posthouse.toml")
"""Where the file is looked for when none is named: the current folder, then the system's."""

SCHEMES = ("postgresql", "mysql", "mariadb", "mssql")


def load_config(
    path: str | os.PathLike[str] | None, data: str | None, environ: Mapping[str, str] = os.environ
) -> Config:
    """The configuration in force. Raises ConfigError. ``path`` None: POSTHOUSE_CONFIG, else the first of
    SEARCHED that is there, else defaults alone."""
    found = _find(path, environ)
    raw: dict[str, Any] = _read(found) if found else {}
    where = str(found) if found else "the built-in defaults"
    base = found.resolve().parent if found else Path.cwd()
    origin = dict.fromkeys(raw, where)
    absolute(raw, base)
    overrides = from_environment(environ)
    for key, (variable, value) in overrides.items():
        raw[key] = value
        origin[key] = f"the environment variable {variable}"
    if data is not None:
        raw["data"] = os.path.abspath(data)
        origin["data"] = "--data"
    raw.setdefault("data", str(base / "data"))
    refuse_unknown(raw, origin, where)
    config = _check(convert(raw, origin, where), origin, where)
    if "listener" in overrides:
        return _loaded(config, config.listeners, "POSTHOUSE_LISTENER")
    managed = read_managed(config.data)
    if managed is not None:
        return _loaded(config, managed, MANAGED)
    return _loaded(config, config.listeners, "posthouse.toml" if raw.get("listener") else "defaults")


def _loaded(config: Config, listeners: tuple[Listener, ...], place: str) -> LoadedConfig:
    fields = {**msgspec.structs.asdict(config), "listeners": listeners}
    return LoadedConfig(**fields, listeners_from=place, initial_listeners=config.listeners)


def read_managed(data: str | os.PathLike[str]) -> tuple[Listener, ...] | None:
    """The listeners of ``listeners.toml``, checked; None where there is no such file. Raises ConfigError."""
    path = managed_path(data)
    try:
        if not path.exists():
            return None
    except OSError:
        return None  # the folder is not ours to look into: then nor is the server's control socket
    where = str(path)
    try:
        raw = _read(path)
        tables = raw.pop("listener", [])
        if raw or not isinstance(tables, list) or not tables:
            raise ConfigError(where, "", "holds something else than [[listener]] tables", "")
        refuse_unknown({"listener": tables}, {}, where)
        listeners = tuple(
            convert_one(table, Listener, where, f"listener[{number}]")
            for number, table in enumerate(tables, 1)
        )
        check_listeners(listeners, where)
    except ConfigError as error:
        mend = f"{error.mend} Or remove the file to go back to posthouse.toml.".strip()
        raise ConfigError(error.where, error.key, error.what, mend) from None
    return listeners


def is_configured(path: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a file or the environment says where the data folder is, rather than the defaults."""
    return "POSTHOUSE_DATA" in environ or _find(path, environ) is not None


def _find(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    named = path or environ.get("POSTHOUSE_CONFIG")
    if named:
        return Path(named)
    return next((Path(place) for place in SEARCHED if Path(place).is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            str(path), "", "there is no such file", "Correct the path, or leave --config out."
        ) from None
    except OSError as error:
        raise ConfigError(
            str(path), "", f"cannot be read ({error.strerror})", "Check its permissions."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "", "is not UTF-8 text", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "", f"is not TOML: {error}", "Correct that line.") from None


def _check(config: Config, origin: dict[str, str], where: str) -> Config:
    if not 0 <= config.workers <= 256:
        raise ConfigError(
            origin.get("workers", where),
            "workers",
            f"{config.workers} is out of range",
            WORKERS,
        )
    if not 1 <= config.journal_size <= 1024:
        raise ConfigError(
            origin.get("journal_size", where),
            "journal_size",
            f"{config.journal_size} is out of range",
            JOURNAL_SIZE,
        )
    scheme, separator, _ = config.database_url.partition("://")
    if config.database_url and (not separator or scheme not in SCHEMES):
        # The URL may hold a password: only its scheme is shown.
        what = f"the scheme {scheme!r} is not known" if separator else "is no URL"
        raise ConfigError(
            origin.get("database_url", where),
            "database_url",
            what,
            f"Use {'://, '.join(SCHEMES)}://, or leave it out.",
        )
    if config.hostname and not re.fullmatch(r"[^\s@/:\[\]]{1,253}", config.hostname):
        raise ConfigError(
            origin.get("hostname", where), "hostname", "is no host name", "Give one like mail.example.org."
        )
    place = origin.get("listener", where)
    check_listeners(config.listeners, place)
    for number, certificate in enumerate(config.certificates, 1):
        if not certificate.chain or not certificate.key:
            raise ConfigError(
                origin.get("certificate", where),
                f"certificate[{number}]",
                "chain or key is empty",
                "Name both PEM files.",
            )
    if not config.listeners:
        return msgspec.structs.replace(config, listeners=STANDARD_LISTENERS)
    return config
