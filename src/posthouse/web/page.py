"""The register of pages: method, path, who may open it, and its place in the navigation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from posthouse.manage.context import Role
from posthouse.web.nav import Nav

if TYPE_CHECKING:
    from starlette.responses import Response

    from posthouse.web.visit import Visit

Method = Literal["GET", "POST"]
Handler = Callable[["Visit"], Awaitable["Response"]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. ``open_to`` is the least role that may open it, or ``anyone`` (no sign-in). ``fresh``: the person
    must have proved within the last minutes to be there."""

    method: Method
    path: str
    handler: Handler
    open_to: Role | Literal["anyone"]
    fresh: bool
    nav: Nav | None


_pages: dict[tuple[str, str], Page] = {}


def page(
    method: Method,
    path: str,
    *,
    open_to: Role | Literal["anyone"],
    fresh: bool = False,
    nav: Nav | None = None,
) -> Callable[[Handler], Handler]:
    """Register ``async def handler(visit) -> Response``. ``path`` may have parameters in braces
    (``/admin/domains/{name}``, ``{name:path}`` for names with slashes). Every POST is checked for its form's
    secret before the handler runs."""

    def register(handler: Handler) -> Handler:
        if (method, path) in _pages:
            raise ValueError(f"page {method} {path} registered twice")
        if nav is not None and (method != "GET" or "{" in path):
            raise ValueError(
                f"page {method} {path}: only a GET without parameters can stand in the navigation"
            )
        _pages[method, path] = Page(method, path, handler, open_to, fresh, nav)
        return handler

    return register


def pages() -> list[Page]:
    """All registered pages in the order they are tried: those that end in a parameter last, so that
    ``/{address:path}/remove`` goes before ``/{address:path}`` (``web.all`` imports every file of pages)."""
    return sorted(
        _pages.values(),
        key=lambda each: (each.path.endswith("}"), each.path.count("{"), each.path, each.method),
    )
