"""Settings of archive rules."""

from __future__ import annotations

from posthouse.settings.contract import Setting

INTERVAL = Setting(
    "archive.interval",
    6.0,
    "How often mail is looked for that archive rules copy or move.",
    unit="hours",
    minimum=0.001,
    maximum=168,
)
