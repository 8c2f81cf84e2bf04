"""Reads ``posthouse.toml`` and the environment into a :class:`Config`, strictly: what is not understood is
refused.

Order of precedence: the command line's ``--data``, then environment variables, then the file, then
defaults. Relative paths in the file count from the file's folder, those of the command line and
environment from the current one.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from posthouse.settings.config import Certificate, Config, Listener, LoadedConfig
from posthouse.settings.listeners_file import MANAGED, managed_path

SEARCHED = ("posthouse.toml", "/etc/posthouse/posthouse.toml")
"""Where the file is looked for when none is named: the current folder, then the system's."""

TABLES: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "listener": ("listeners", Listener),
    "certificate": ("certificates", Certificate),
}
"""TOML's arrays of tables and the Config fields they fill: ``[[listener]]`` reads better than
``[[listeners]]``."""

SCHEMES = ("postgresql", "mysql", "mariadb", "mssql")

STANDARD_LISTENERS: tuple[Listener, ...] = (
    Listener(protocol="smtp", port=25),
    Listener(protocol="submission", port=587),
    Listener(protocol="submission", port=465, tls="implicit"),
    Listener(protocol="imap", port=143),
    Listener(protocol="imap", port=993, tls="implicit"),
    Listener(protocol="pop3", port=110),
    Listener(protocol="pop3", port=995, tls="implicit"),
    Listener(protocol="http", port=80, tls="none"),
    Listener(protocol="http", port=443, tls="implicit"),
)
"""What listens when the file names no listener."""

ENVIRONMENT: dict[str, str] = {
    "POSTHOUSE_DATA": "data",
    "POSTHOUSE_DATABASE_URL": "database_url",
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


class ConfigError(Exception):
    """The configuration cannot be used. ``where`` is the file or variable, ``key`` the path in it
    (``listener[2].port``), ``what`` the trouble, ``mend`` what to do."""

    def __init__(self, where: str, key: str, what: str, mend: str) -> None:
        super().__init__(f"{where}: {key}: {what}" if key else f"{where}: {what}")
        self.where = where
        self.key = key
        self.what = what
        self.mend = mend


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
    _absolute(raw, base)
    overrides = _from_environment(environ)
    for key, (variable, value) in overrides.items():
        raw[key] = value
        origin[key] = f"the environment variable {variable}"
    if data is not None:
        raw["data"] = os.path.abspath(data)
        origin["data"] = "--data"
    raw.setdefault("data", str(base / "data"))
    _refuse_unknown(raw, origin, where)
    config = _check(_convert(raw, origin, where), origin, where)
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
        _refuse_unknown({"listener": tables}, {}, where)
        listeners = tuple(
            _convert_one(table, Listener, where, f"listener[{number}]")
            for number, table in enumerate(tables, 1)
        )
        check_listeners(listeners, where)
    except ConfigError as error:
        mend = f"{error.mend} Or remove the file to go back to posthouse.toml.".strip()
        raise ConfigError(error.where, error.key, error.what, mend) from None
    return listeners


def check_listeners(listeners: tuple[Listener, ...], where: str) -> None:
    """Refuse listeners that make no sense, alone or together. Raises ConfigError."""
    for number, listener in enumerate(listeners, 1):
        _check_listener(listener, where, f"listener[{number}]")
    _check_doubles(listeners, where)


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


def _absolute(raw: dict[str, Any], base: Path) -> None:
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


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
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
        _absolute(tables, Path.cwd())
        return tables[key]
    if key == "workers" and text.isdecimal():
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


def _refuse_unknown(raw: dict[str, Any], origin: dict[str, str], where: str) -> None:
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


_WORKERS = 'Give 1 to 256, or "auto" for one per core.'

_VALUES = {
    "protocol": 'Give "smtp", "submission", "lmtp", "imap", "pop3" or "http".',
    "tls": 'Give "none", "starttls" or "implicit".',
    "port": "Give a number from 1 to 65535, without quotes.",
    "proxy_from": 'Give a list of networks such as ["192.0.2.0/24"].',
    "hosts": 'Give a list of host names such as ["mail.example.org"].',
}
"""What a key of a table may be; the rest are texts."""


def _suggestion(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known keys are {', '.join(known)}. Other settings are changed with `posthouse setting set`."


def _convert(raw: dict[str, Any], origin: dict[str, str], where: str) -> Config:
    fields = dict(raw)
    if fields.get("workers") == "auto":
        fields["workers"] = 0
    elif fields.get("workers") == 0:
        raise ConfigError(origin.get("workers", where), "workers", "0 is out of range", _WORKERS)
    for name, (field, struct) in TABLES.items():
        if name in fields:
            tables = fields.pop(name)
            fields[field] = tuple(
                _convert_one(table, struct, origin.get(name, where), f"{name}[{number}]")
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
        "log_format": 'Give "text" or "json".',
        "log_level": 'Give "debug", "info", "warning" or "error".',
    }.get(field, "Give a text in quotes.")


def _convert_one(table: Any, struct: type[msgspec.Struct], where: str, key: str) -> Any:
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


def _check(config: Config, origin: dict[str, str], where: str) -> Config:
    if not 0 <= config.workers <= 256:
        raise ConfigError(
            origin.get("workers", where),
            "workers",
            f"{config.workers} is out of range",
            _WORKERS,
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


def _check_listener(listener: Listener, where: str, key: str) -> None:
    if listener.path:
        _check_unix(listener, where, key)
    elif not 1 <= listener.port <= 65535:
        what = f"{listener.port} is no port" if listener.port else "has neither port nor path"
        raise ConfigError(where, f"{key}.port", what, "Give a port from 1 to 65535.")
    elif listener.protocol == "lmtp":
        _check_lmtp(listener, where, key)
    if listener.address:
        try:
            ipaddress.ip_address(listener.address)
        except ValueError:
            mend = (
                'Give an IP address such as "127.0.0.1" or "::", or leave it out to listen on all addresses.'
            )
            raise ConfigError(
                where, f"{key}.address", f"{listener.address!r} is no IP address", mend
            ) from None
    if listener.protocol == "smtp" and listener.tls == "implicit":
        mend = 'Other servers do not speak it on this port: use tls = "starttls", or protocol = "submission".'
        raise ConfigError(where, f"{key}.tls", "implicit TLS is not used between servers", mend)
    if listener.protocol == "http" and listener.tls == "starttls":
        mend = 'Give tls = "implicit" (https) or tls = "none".'
        raise ConfigError(where, f"{key}.tls", "http has no STARTTLS", mend)
    for network in listener.proxy_from:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConfigError(
                where, f"{key}.proxy_from", f"{network!r} is no network", 'Write it like "192.0.2.0/24".'
            ) from None


def _check_unix(listener: Listener, where: str, key: str) -> None:
    if os.name == "nt":
        raise ConfigError(where, f"{key}.path", "this system has no Unix sockets", "Use address and port.")
    if listener.protocol != "lmtp":
        raise ConfigError(
            where,
            f"{key}.path",
            f"a Unix socket is for lmtp, not {listener.protocol}",
            "Give a port instead.",
        )
    if listener.address or listener.port:
        raise ConfigError(where, f"{key}.path", "stands beside address or port", "Give the one or the other.")


def _check_lmtp(listener: Listener, where: str, key: str) -> None:
    """LMTP is for those who are trusted: it must not be offered to everyone by an oversight."""
    if listener.port == 25:
        mend = "Use another port (24 is customary), or a Unix socket."
        raise ConfigError(where, f"{key}.port", "lmtp is not used on port 25 (RFC 2033 5)", mend)
    if not listener.address:
        mend = 'Name the address it is for, such as "127.0.0.1", or use a Unix socket (path).'
        raise ConfigError(where, f"{key}.address", "lmtp would listen on all addresses", mend)


def _check_doubles(listeners: tuple[Listener, ...], where: str) -> None:
    seen: dict[tuple[str, int, str], int] = {}
    for number, listener in enumerate(listeners, 1):
        place = (listener.address, listener.port, listener.path)
        if place in seen:
            what = f"listens on the same place as listener[{seen[place]}]"
            raise ConfigError(where, f"listener[{number}]", what, "Remove one, or change its port.")
        seen[place] = number
