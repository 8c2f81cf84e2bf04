"""Settings of distribution lists."""

from __future__ import annotations

from posthouse.settings.contract import Setting

BOUNCES = Setting(
    "lists.bounces",
    5,
    "How often mail to a member of a list must come back for good before the member gets none any more and the owners "
    "are told. 0 never stops it.",
    minimum=0,
    maximum=1000,
)

FORGET = Setting(
    "lists.bounces_forgotten_after",
    30,
    "After how many days without another one the bounces of a member are forgotten.",
    minimum=1,
    maximum=3650,
)
