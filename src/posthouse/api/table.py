"""All routes, collected from the files of ``routes/`` and checked against the uses they name."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from posthouse.api import routes as folder
from posthouse.api.route import Method, Route
from posthouse.manage import all as _every_use  # noqa: F401 - registers them
from posthouse.manage.use import uses

PREFIX = "/api/v1"

_PARAMETER = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=1)
def every_route() -> tuple[Route, ...]:
    """The routes of every topic, by path. Raises ValueError when one cannot be right."""
    found: list[Route] = []
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda each: each.name):
        found += importlib.import_module(f"{folder.__name__}.{module.name}").ROUTES
    check(found)
    return tuple(sorted(found, key=lambda route: (route.path, route.method)))


def check(found: Iterable[Route]) -> None:
    """Every use exists, every name in a path is a field of its parameters, nothing is there twice."""
    seen: set[tuple[str, str]] = set()
    for route in found:
        place = (route.method, _PARAMETER.sub("{}", route.path))
        if place in seen:
            raise ValueError(f"{route.method} {route.path} is there twice")
        seen.add(place)
        use = uses().get(route.use)
        if use is None:
            raise ValueError(f"{route.method} {route.path}: there is no use {route.use}")
        fields = set(use.parameters.__struct_encode_fields__)
        named = {*names_in(route.path), *route.fixed, *filter(None, [route.body_field])}
        if missing := named - fields:
            raise ValueError(f"{route.method} {route.path}: {route.use} has no {', '.join(sorted(missing))}")
        if route.items and route.items not in getattr(use.result, "__struct_fields__", ()):
            raise ValueError(f"{route.method} {route.path}: the result of {route.use} has no {route.items}")


def names_in(path: str) -> list[str]:
    """The parameters in a path."""
    return _PARAMETER.findall(path)


def fields_beside(route: Route) -> list[msgspec.structs.FieldInfo]:
    """The parameters that come from the query or the body."""
    taken = {*names_in(route.path), *route.fixed}
    every = msgspec.structs.fields(uses()[route.use].parameters)
    return [field for field in every if field.encode_name not in taken]


class Table:
    """Finds the routes of an address. Segments are compared before they are decoded, so that a parameter may hold
    an encoded slash (``%2F``)."""

    def __init__(self, found: Iterable[Route]) -> None:
        self._by_shape: dict[int, list[tuple[tuple[str, ...], dict[Method, Route]]]] = {}
        by_path: dict[str, dict[Method, Route]] = {}
        for route in found:
            by_path.setdefault(_PARAMETER.sub("{}", route.path), {})[route.method] = route
        for path, methods in by_path.items():
            shape = tuple(path.strip("/").split("/"))
            self._by_shape.setdefault(len(shape), []).append((shape, methods))
        for shapes in self._by_shape.values():
            shapes.sort(key=lambda each: [segment == "{}" for segment in each[0]])  # words before parameters

    def find(self, segments: list[str]) -> dict[Method, Route]:
        """The routes at these segments by method; none where there is nothing. Where a word and a parameter both fit
        (``/accounts/import``, ``/accounts/{address}``), it is the word."""
        for shape, methods in self._by_shape.get(len(segments), ()):
            if all(wanted in ("{}", given) for wanted, given in zip(shape, segments, strict=True)):
                return methods
        return {}
