"""What people see: tables, sizes, times, and nothing that steers their terminal."""

from __future__ import annotations

import pytest

from posthouse.cli import show


def test_strangers_do_not_steer_the_terminal() -> None:
    """Control characters and direction marks are shown as escapes."""
    assert show.safe("a\x1b[2Jb\r\n\u202ec\x9b") == "a\\x1b[2Jb\\r\\n\\u202ec\\x9b"
    assert show.safe("grüße 🙂") == "grüße 🙂"


def test_a_plain_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Not on a terminal: aligned columns, one row a line."""
    show.table(("A", "LONG"), [("xyz", 1), ("x", "\x07")])
    assert capsys.readouterr().out == "A    LONG\nxyz  1\nx    \\x07\n"


def test_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    """No rows: a sentence instead of a header."""
    show.table(("A",), [], "None yet.")
    assert capsys.readouterr().out == "None yet.\n"


def test_a_drawn_table_shows_markup_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal: what looks like markup is only text."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show.table(("A",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")],
)
def test_sizes(count: int, text: str) -> None:
    """Binary units, one decimal."""
    assert show.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (61, "1m 1s"), (3600, "1h"), (90061, "1d 1h"), (86400 * 400, "400d")]
)
def test_spans(seconds: float, text: str) -> None:
    """The two largest units."""
    assert show.span(seconds) == text


def test_no_quota_and_no_time() -> None:
    """Zero means none."""
    assert show.quota(0) == "none"
    assert show.moment(0) == "-"
