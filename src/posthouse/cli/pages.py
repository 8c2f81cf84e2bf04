"""Lists that the server gives in pages, for commands that show the whole."""

from __future__ import annotations

from typing import Any

from posthouse.cli.session import Session

PAGE = 1000


def every_page(session: Session, use: str, items: str, parameters: dict[str, Any] | None = None) -> Any:
    """The result of a list with ``items`` from all of its pages."""
    found: list[Any] = []
    after = ""
    while True:
        result = session.call(use, {**(parameters or {}), "limit": PAGE, "after": after})
        found += result[items]
        after = result.get("next", "")
        if not after:
            return {**result, items: found}
