"""Tracebacks in the log tell where, never what was in hand."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from posthouse.observe.logging_setup import configure


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _fail(password: str) -> None:
    raise RuntimeError(f"broke with {len(password)} letters")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_values_of_variables(form: str) -> None:
    """A password that was an argument of a failing function is not in the log, in either form."""
    stream = io.StringIO()
    configure(form, "info", stream)
    secret = "-".join(("hunter2", "secret"))
    try:
        _fail(secret)
    except RuntimeError:
        structlog.stdlib.get_logger("test").exception("test.failed")
    written = stream.getvalue()
    assert "broke with 14 letters" in written
    assert "_fail" in written
    assert secret not in written
