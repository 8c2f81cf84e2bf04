"""The navigation: each page adds its own entry (``nav=`` of ``@page``), the groups stand here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posthouse.web.language import mark

Group = Literal["start", "mail", "people", "server", "me"]

GROUPS: dict[Group, str] = {
    "start": "",
    "people": mark("People"),
    "mail": mark("Mail"),
    "server": mark("Server"),
    "me": mark("My account"),
}
"""The groups in their order; the first has no heading."""


@dataclass(frozen=True, slots=True)
class Nav:
    """An entry. ``label`` is marked with ``mark()``; ``icon`` is a symbol of ``static/icons.svg``; within a group
    lower ``order`` stands first."""

    label: str
    icon: str
    group: Group
    order: int = 50
