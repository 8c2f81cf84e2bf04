"""Settings of administration itself."""

from __future__ import annotations

from posthouse.settings.contract import Setting

PROBATION_TIME = Setting(
    "manage.probation_time",
    300.0,
    "How long a risky change (listeners, bans, an administrator's own rights) waits to be confirmed before it is "
    "taken back, so that nobody locks themselves out. 0 applies such changes at once and for good.",
    unit="seconds",
    minimum=0,
    maximum=86400,
)

FRESH_TIME = Setting(
    "manage.fresh_time",
    600.0,
    "How long ago the password or passkey may have been given when a risky change is confirmed in the browser. "
    "It must have been given after the change in any case.",
    unit="seconds",
    minimum=30,
    maximum=86400,
)
