"""Settings: list, get, set. What a setting is stands in its declaration."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.stored import put_setting, setting_values
from posthouse.manage.audit import MASK, note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.use import Call, use
from posthouse.settings.all import every_setting
from posthouse.settings.contract import Setting
from posthouse.settings.values import SettingError, expected, find_setting, mask, parse_value


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings whose name begins with ``prefix``, of one ``topic``, with all words of ``search`` in name or help;
    ``changed``: only those that differ from their default."""

    prefix: str = ""
    changed: bool = False
    topic: str = ""
    search: str = ""


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting by its name."""

    name: str


class NewValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value as a person writes it; ``default`` goes back to the default."""

    name: str
    value: str


class SettingView(msgspec.Struct, frozen=True):
    """A setting as people see it. ``raw`` is the value for programs; secrets are masked in both.
    ``topic`` is what stands before the first dot of the name, ``kind`` the type of the value (bool, int, float,
    str), with ``choices`` where only some texts will do. ``before`` is set by a change only."""

    name: str
    value: str
    raw: Any
    default: str
    effect: str
    help: str
    expected: str
    changed: bool
    before: str | None = None
    topic: str = ""
    kind: str = ""
    unit: str = ""
    choices: list[str] = []
    secret: bool = False


class SettingViews(msgspec.Struct, frozen=True):
    """By name. ``topics`` are those of all settings, for a choice."""

    settings: list[SettingView]
    topics: list[str] = []


def _view(setting: Setting[Any], stored: dict[str, Any], before: str | None = None) -> SettingView:
    value = stored.get(setting.name, setting.default)
    return SettingView(
        name=setting.name,
        value=mask(setting, value),
        raw=MASK if setting.secret else value,
        default=mask(setting, setting.default),
        effect=setting.effect,
        help=setting.help,
        expected=expected(setting),
        changed=setting.name in stored and value != setting.default,
        before=before,
        topic=topic_of(setting.name),
        kind=setting.type.__name__,
        unit=setting.unit,
        choices=list(setting.choices),
        secret=setting.secret,
    )


WHO_SIGNS_IN = ("identity", "oidc")
"""Topics whose settings decide who gets in: a token or a browser left alone must not open the door to others."""


def topic_of(name: str) -> str:
    """``smtp`` of ``smtp.max_message_size``."""
    return name.partition(".")[0]


def _find(name: str) -> Setting[Any]:
    try:
        return find_setting(name, every_setting())
    except SettingError as error:
        raise ManageError("missing", error.what, error.mend) from None


def _is_default(setting: Setting[Any], text: str) -> bool:
    """Whether a text asks for the default. What a secret is shown as is not what it is: somebody sent a form back
    as it came, or copied a list."""
    if setting.secret and text == "(not set)":
        return True
    if setting.secret and text == "(set)":
        raise SettingError(f"{setting.name}: (set) only stands for the secret.", "Give the secret itself.")
    return text == "default" and "default" not in setting.choices


def _with_expectation(setting: Setting[Any], mend: str) -> str:
    """The mend of a bad value, which always says what a good one looks like."""
    wanted = expected(setting)
    return mend if wanted in mend else f"{mend} {setting.name} takes {wanted}."


@use("setting.list", right="view")
async def list_settings(call: Call, wanted: Which) -> SettingViews:
    """List the settings with value, default and when a change takes effect."""
    stored = await call.context.database.scan(setting_values)
    every = every_setting()
    topics = sorted({topic_of(name) for name in every})
    if wanted.topic and wanted.topic not in topics:
        raise ManageError(
            "missing", f"There is no topic {wanted.topic!r}.", f"Topics are {', '.join(topics)}."
        )
    words = wanted.search.lower().split()
    views = [
        _view(setting, stored)
        for name, setting in every.items()
        if name.startswith(wanted.prefix)
        and wanted.topic in ("", topic_of(name))
        and all(word in f"{name} {setting.help}".lower() for word in words)
    ]
    return SettingViews([view for view in views if view.changed or not wanted.changed], topics)


@use("setting.get", right="view")
async def get(call: Call, wanted: Name) -> SettingView:
    """Show one setting."""
    return _view(_find(wanted.name), await call.context.database.scan(setting_values))


@use("setting.set", right="change", conditional=True)
async def put(call: Call, wanted: NewValue) -> SettingView:
    """Change a setting. Live ones act at once on every worker, others at the next start."""
    setting = _find(wanted.name)
    if topic_of(setting.name) in WHO_SIGNS_IN:
        require_fresh(call)
    feed = call.context.feed
    try:
        value = None if _is_default(setting, wanted.value) else parse_value(setting, wanted.value)
    except SettingError as error:
        raise ManageError("invalid", error.what, _with_expectation(setting, error.mend)) from None

    def op(tx: Transaction) -> SettingView:
        stored = setting_values(tx)
        call.check(_view(setting, stored))
        old = stored.get(setting.name, setting.default)
        put_setting(tx, setting.name, value, feed=feed)
        now = setting.default if value is None else value
        note(
            tx,
            call.actor,
            "setting.set",
            setting.name,
            before={"value": mask(setting, old)},
            after={"value": mask(setting, now)},
        )
        return _view(setting, {} if value is None else {setting.name: value}, before=mask(setting, old))

    return await call.context.database.run(op)
