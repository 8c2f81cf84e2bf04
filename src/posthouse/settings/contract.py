"""Declared settings: each is stated once, with name, type, default, help and when it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T", bool, int, float, str)

_registry: dict[str, Setting[Any]] = {}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One declared setting. ``name`` is dotted (``smtp.max_message_size``); ``unit`` is for people (bytes,
    seconds).

    ``effect``: ``live`` settings are read from the snapshot at each use, ``restart`` ones once at start.
    ``check`` returns a complaint, or "" when the value is good.
    """

    name: str
    default: T
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    effect: Literal["live", "restart"] = "live"
    secret: bool = False
    check: Callable[[T], str] | None = None

    @property
    def type(self) -> type:
        """The value's Python type: bool, int, float or str."""
        return type(self.default)

    def __post_init__(self) -> None:
        if self.name in _registry:
            raise ValueError(f"setting {self.name} declared twice")
        _registry[self.name] = self


class Settings:
    """An immutable snapshot of all settings: defaults overlaid with stored values. ``snapshot[SETTING]``
    is typed."""

    __slots__ = ("_values", "version")

    def __init__(self, values: dict[str, Any] | None = None, version: int = 0) -> None:
        self._values = dict(values or {})
        self.version = version

    def over(self, values: dict[str, Any]) -> Settings:
        """These settings with other values for some names."""
        return Settings({**self._values, **values}, self.version)

    def __getitem__(self, setting: Setting[T]) -> T:
        value: T = self._values.get(setting.name, setting.default)
        return value


class CurrentSettings:
    """The holder that long-lived parts keep: ``settings.now[SETTING]`` reads the newest snapshot."""

    __slots__ = ("now",)

    def __init__(self, snapshot: Settings | None = None) -> None:
        self.now = snapshot or Settings()


def declared() -> dict[str, Setting[Any]]:
    """All declared settings by name (those whose modules are imported; ``settings.all`` imports every
    one)."""
    return dict(sorted(_registry.items()))
