"""What the generated calls are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from posthouse.client.link import Link


class Topic:
    """Calls over one link."""

    def __init__(self, link: Link) -> None:
        self._link = link


def path_of(pattern: str, *values: object) -> str:
    """A path with its parameters filled in. Raises ValueError for one that a path cannot hold: an empty one would make
    the path of something else."""
    texts = []
    for value in values:
        text = str(value)
        if text in ("", ".", ".."):
            raise ValueError(f"{text!r} cannot name anything.")
        texts.append(quote(text, safe="@"))
    return pattern.format(*texts)


def given(required: Mapping[str, Any], *optional: tuple[str, Any, Any]) -> dict[str, Any]:
    """Parameters by name: the required ones, and those that are not their default (name, value, default). The server
    knows the defaults itself."""
    more = {name: value for name, value, default in optional if not _same(value, default)}
    return {**required, **more}


def _same(value: Any, default: Any) -> bool:
    if default == ():
        return len(value) == 0
    return type(value) is type(default) and bool(value == default)
