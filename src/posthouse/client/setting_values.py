"""Single settings, and settings as attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, overload

from posthouse.client import generated as api
from posthouse.client.collection import ItemBy
from posthouse.client.edit import Edited
from posthouse.client.link import Tagged

SettingValue = bool | int | float | str

V = TypeVar("V", bound=bool | int | float | str)


def text_of(value: SettingValue) -> str:
    """A value as the API takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Setting(Edited[api.SettingView]):
    """One setting. ``value`` acts with :meth:`save`."""

    _compared = ("name", "value")

    def __init__(self, calls: api.Calls, found: Tagged[api.SettingView]) -> None:
        super().__init__(found.value)
        self._calls = calls
        self._take(found)

    def __repr__(self) -> str:
        return f"<Setting {self.name}>"

    def _look(self) -> Tagged[api.SettingView]:
        return self._calls.setting_get(self.name)

    @property
    def name(self) -> str:
        """Its name, such as ``smtp.max_message_size``."""
        return self._known().name

    @property
    def about(self) -> api.SettingView:
        """All that the server tells about it: help, default, unit, when a change acts."""
        return self._known()

    @property
    def value(self) -> SettingValue:
        """Its value: bytes and seconds as plain numbers. Secrets read as asterisks."""
        found: SettingValue = self._wanted.get("raw", self._known().raw)
        return found

    @value.setter
    def value(self, value: SettingValue) -> None:
        self._set("raw", value)

    def save(self) -> None:
        """Change it. Raises Conflict when somebody else did since it was looked at."""
        if "raw" in self._wanted:
            text = text_of(self._wanted["raw"])
            self._change("raw", lambda tag: self._calls.setting_set(self.name, value=text, if_match=tag))

    def reset(self) -> None:
        """Go back to the default."""
        self._wanted.clear()
        self._change("raw", lambda tag: self._calls.setting_set(self.name, value="default", if_match=tag))


class Named(Generic[V]):
    """An attribute that is a setting. As in hMailServer setting it acts at once."""

    def __init__(
        self,
        name: str,
        read: Callable[[Any], V],
        write: Callable[[V], SettingValue] | None = None,
    ) -> None:
        self.name = name
        self._read = read
        self._write = write

    @overload
    def __get__(self, owner: None, kind: type) -> Named[V]: ...

    @overload
    def __get__(self, owner: Values, kind: type) -> V: ...

    def __get__(self, owner: Values | None, kind: type) -> Named[V] | V:
        return self if owner is None else self._read(owner[self.name])

    def __set__(self, owner: Values, value: V) -> None:
        owner[self.name] = self._write(value) if self._write is not None else value


class Values:
    """Settings as a mapping: ``values["smtp.max_message_size"]``. Reading asks the server, writing acts at once."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    def __getitem__(self, name: str) -> SettingValue:
        found: SettingValue = self._calls.setting_get(name).value.raw
        return found

    def __setitem__(self, name: str, value: SettingValue) -> None:
        self._calls.setting_set(name, value=text_of(value))

    def __iter__(self) -> Iterator[str]:
        return iter([each.name for each in self._calls.setting_list().settings])

    def __contains__(self, name: str) -> bool:
        return name in self.item_by_name

    @property
    def item_by_name(self) -> ItemBy[Setting]:
        """One setting, to be changed without overwriting what others changed. Raises NotFound."""
        return ItemBy(lambda name: Setting(self._calls, self._calls.setting_get(name)))

    def find(self, *, topic: str = "", search: str = "", changed: bool = False) -> list[api.SettingView]:
        """Settings of a topic, with these words in name or help, or only those that differ from their default."""
        return self._calls.setting_list(topic=topic, search=search, changed=changed).settings
