"""Core statements as SQLite text: compiled once, found again by identity.

A statement object is built at import and lives as long as the program, so its id is a good key; the entry
holds the statement all the same, so that an id is never taken over by another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import Executable
from sqlalchemy.sql.dml import Insert, Update

_DIALECT = sqlite.dialect(paramstyle="named")
_EXPANDING = re.compile(r"\(?__\[POSTCOMPILE_(\w+)\]\)?")
_MOST = 4096


class Compiled:
    """The text of one statement with named parameters, and the values it carries itself.

    ``expanding`` names the parameters that hold a list (``column.in_(bindparam("ids", expanding=True))``).
    """

    __slots__ = ("expanding", "own", "statement", "text")

    def __init__(self, statement: Executable, names: Iterable[str] | None) -> None:
        made = statement.compile(dialect=_DIALECT, column_keys=None if names is None else list(names))  # type: ignore[attr-defined]
        self.statement = statement
        self.text = str(made)
        self.own: dict[str, Any] = {
            name: bind.effective_value for name, bind in made.binds.items() if not bind.required
        }
        self.expanding = tuple(_EXPANDING.findall(self.text))

    def ready(self, parameters: Mapping[str, Any] | None) -> tuple[str, Mapping[str, Any] | None]:
        """Text and parameters for one execution."""
        if self.own:
            parameters = {**self.own, **parameters} if parameters else self.own
        if self.expanding:
            return self._expanded(dict(parameters or {}))
        return self.text, parameters

    def _expanded(self, parameters: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
        lists = {name: list(parameters.pop(name)) for name in self.expanding}
        for name, values in lists.items():
            _pad(values)
            parameters.update((f"{name}_{index}", value) for index, value in enumerate(values))

        def spread(match: re.Match[str]) -> str:
            name = match[1]
            marks = ",".join([f":{name}_{index}" for index in range(len(lists[name]))])
            return f"({marks})" if marks else "(SELECT 1 WHERE 0)"

        return _EXPANDING.sub(spread, self.text), parameters


def _pad(values: list[Any]) -> None:
    """Repeat the last value up to a power of two, so that few different texts arise."""
    size = len(values)
    if size > 1:
        values.extend([values[-1]] * ((1 << (size - 1).bit_length()) - size))


class Statements:
    """The cache of one connection's owner. Not shared between threads."""

    __slots__ = ("_by_columns", "_by_id")

    def __init__(self) -> None:
        self._by_id: dict[int, Compiled] = {}
        self._by_columns: dict[tuple[int, tuple[str, ...]], Compiled] = {}

    def get(self, statement: Executable, parameters: Mapping[str, Any] | None) -> Compiled:
        """The compiled form; an INSERT or UPDATE without VALUES is compiled for the columns given."""
        found = self._by_id.get(id(statement))
        if found is not None:
            return found
        if _takes_columns(statement):
            key = (id(statement), tuple(parameters or ()))
            found = self._by_columns.get(key)
            if found is None:
                self._make_room()
                found = self._by_columns[key] = Compiled(statement, key[1])
            return found
        self._make_room()
        found = self._by_id[id(statement)] = Compiled(statement, None)
        return found

    def _make_room(self) -> None:
        if len(self._by_id) + len(self._by_columns) >= _MOST:
            self._by_id.clear()
            self._by_columns.clear()


def _takes_columns(statement: Executable) -> bool:
    if not isinstance(statement, Insert | Update):
        return False
    return not (
        statement._values or statement._multi_values or getattr(statement, "select", None) is not None
    )
