"""Settings. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class SettingView(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as people see it. `raw` is the value for programs; secrets are masked in both. `topic` is
    what stands before the first dot of the name, `kind` the type of the value (bool, int, float, str), with
    `choices` where only some texts will do. `before` is set by a change only."""

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


class SettingViews(msgspec.Struct, frozen=True, kw_only=True):
    """By name. `topics` are those of all settings, for a choice."""

    settings: list[SettingView]
    topics: list[str] = []


class SettingsCalls(Topic):
    """Calls of the topic Settings."""

    def setting_list(
        self, *, prefix: str = "", changed: bool = False, topic: str = "", search: str = ""
    ) -> SettingViews:
        """List the settings with value, default and when a change takes effect. Right: view."""
        return self._link.ask(
            "GET",
            "/settings",
            SettingViews,
            query=given(
                {},
                ("prefix", prefix, ""),
                ("changed", changed, False),
                ("topic", topic, ""),
                ("search", search, ""),
            ),
        )

    def setting_get(self, name: str) -> Tagged[SettingView]:
        """Show one setting. Right: view."""
        return self._link.tagged("GET", path_of("/settings/{}", name), SettingView)

    def setting_set(self, name: str, *, value: str, if_match: str = "") -> SettingView:
        """Change a setting. Live ones act at once on every worker, others at the next start. Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "PUT", path_of("/settings/{}", name), SettingView, body=given({"value": value}), if_match=if_match
        )
