"""Log lines: one line each, as text or JSON, with nothing a peer could forge."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from posthouse.observe import logging_setup
from posthouse.observe.log import logger


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Logging of the test process is put back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(form: str, level: str = "info") -> tuple[io.StringIO, object]:
    stream = io.StringIO()
    logging_setup.configure(form, level, stream)
    return stream, logger("test.part")


def test_text_keeps_a_peer_on_its_line() -> None:
    """Control characters that came from a peer are shown, not obeyed."""
    stream, log = written("text")
    log.info("sign_in.refused", login="anna\r\n2026 [info] forged \x1b[31m", peer="192.0.2.1")  # type: ignore[attr-defined]
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]
    assert "sign_in.refused" in lines[0]
    assert "test.part" in lines[0]


def test_json_is_one_object_a_line() -> None:
    """Fields arrive as they were given; an exception is part of its line."""
    stream, log = written("json")
    log.info("message.accepted", trace="abc", size=5, note="a\nb")  # type: ignore[attr-defined]
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("session.failed")  # type: ignore[attr-defined]
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["trace"], first["size"], first["note"]) == (
        "message.accepted",
        "abc",
        5,
        "a\nb",
    )
    assert first["level"] == "info"
    assert second["exception"][0]["exc_value"] == "broken"


def test_below_the_level_nothing_is_written() -> None:
    """Also lines of libraries that use the standard library's logging."""
    stream, log = written("text", "warning")
    log.info("quiet")  # type: ignore[attr-defined]
    log.debug("quiet")  # type: ignore[attr-defined]
    logging.getLogger("some.library").info("quiet")
    assert stream.getvalue() == ""
    log.warning("loud")  # type: ignore[attr-defined]
    logging.getLogger("some.library").warning("loud %s", "too")
    assert stream.getvalue().count("loud") == 2


def test_short_commands_do_not_load_the_server() -> None:
    """The command line alone imports neither the server nor the database."""
    heavy = ("posthouse.server", "posthouse.store", "sqlalchemy", "asyncio", "cryptography")
    code = (
        "import sys; import posthouse.__main__, posthouse.cli.app; "
        f"print([name for name in sys.modules if name.startswith({heavy!r})])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
