"""Settings: list, get, set. What a setting is stands in its declaration."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.stored import put_setting, setting_values
from posthouse.manage.audit import MASK, note
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, use
from posthouse.settings.all import every_setting
from posthouse.settings.contract import Setting
from posthouse.settings.values import SettingError, expected, find_setting, mask, parse_value


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings whose name begins with ``prefix``; ``changed``: only those that differ from their default."""

    prefix: str = ""
    changed: bool = False


class Name(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting by its name."""

    name: str


class NewValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value as a person writes it; ``default`` goes back to the default."""

    name: str
    value: str


class SettingView(msgspec.Struct, frozen=True):
    """A setting as people see it. ``raw`` is the value for programs; secrets are masked in both.
    ``before`` is set by a change only."""

    name: str
    value: str
    raw: Any
    default: str
    effect: str
    help: str
    expected: str
    changed: bool
    before: str | None = None


class SettingViews(msgspec.Struct, frozen=True):
    """By name."""

    settings: list[SettingView]


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
    )


def _find(name: str) -> Setting[Any]:
    try:
        return find_setting(name, every_setting())
    except SettingError as error:
        raise ManageError("missing", error.what, error.mend) from None


@use("setting.list", right="view")
async def list_settings(call: Call, wanted: Which) -> SettingViews:
    """List the settings with value, default and when a change takes effect."""
    stored = await call.context.database.scan(setting_values)
    views = [
        _view(setting, stored) for name, setting in every_setting().items() if name.startswith(wanted.prefix)
    ]
    return SettingViews([view for view in views if view.changed or not wanted.changed])


@use("setting.get", right="view")
async def get(call: Call, wanted: Name) -> SettingView:
    """Show one setting."""
    return _view(_find(wanted.name), await call.context.database.scan(setting_values))


@use("setting.set", right="change")
async def put(call: Call, wanted: NewValue) -> SettingView:
    """Change a setting. Live ones act at once on every worker, others at the next start."""
    setting = _find(wanted.name)
    feed = call.context.feed
    try:
        value = (
            None
            if wanted.value == "default" and "default" not in setting.choices
            else parse_value(setting, wanted.value)
        )
    except SettingError as error:
        raise ManageError("invalid", error.what, error.mend) from None

    def op(tx: Transaction) -> SettingView:
        old = setting_values(tx).get(setting.name, setting.default)
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
