"""Writes docs/manual/settings.md from the declarations: ``make docs``. A house test compares the two."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from posthouse.settings.all import every_setting
from posthouse.settings.contract import Setting
from posthouse.settings.values import expected, format_value

PAGE = Path(__file__).parent.parent / "docs" / "manual" / "settings.md"

HEAD = """# Settings

Made from the declarations in `src/posthouse/settings/` by `make docs`; do not edit.

    posthouse setting list [PREFIX] [--changed]
    posthouse setting get NAME
    posthouse setting set NAME VALUE      # `default` goes back to the default

Sizes may be written with K, M, G or T (1024 each), durations with s, m, h, d or w. *Live* settings act at once on every
worker; *restart* ones at the next start.
"""


def render() -> str:
    """The page as it should be."""
    text = HEAD
    for topic, settings in groupby(every_setting().values(), lambda setting: setting.name.partition(".")[0]):
        text += f"\n## {topic}\n"
        for setting in settings:
            text += _entry(setting)
    return text


def _entry(setting: Setting[Any]) -> str:
    default = format_value(setting, setting.default) or "(empty)"
    limits = []
    if setting.minimum is not None:
        limits.append(f"at least {format_value(setting, setting.minimum)}")
    if setting.maximum is not None:
        limits.append(f"at most {format_value(setting, setting.maximum)}")
    values = f"{expected(setting)}{', ' if limits else ''}{' and '.join(limits)}"
    unit = f" {setting.unit}" if setting.unit not in ("", "bytes", "seconds") else ""
    return f"\n### `{setting.name}`\n\n{setting.help}\n\nDefault `{default}`{unit}; {values}; {setting.effect}.\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
