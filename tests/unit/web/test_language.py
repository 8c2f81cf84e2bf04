"""Which language a visitor gets, and how numbers are written in it."""

from __future__ import annotations

import pytest

from posthouse.web.language import choose, language


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.5", "de"),
        ("", "fr,en;q=0.4,de;q=0.8", "de"),
        ("", "de;q=0,en", "en"),
        ("", "de;q=high", "en"),
        ("", "x" * 100_000, "en"),
        ("en", "de", "en"),
        ("de", "", "de"),
        ("../../etc", "de", "de"),
    ],
)
def test_choice(cookie: str, accepted: str, expected: str) -> None:
    assert choose(cookie, accepted).code == expected


def test_numbers() -> None:
    english, german = language("en"), language("de")
    assert english.number(1234567) == "1,234,567"
    assert german.number(1234.5, 1) == "1.234,5"
    assert english.size(0) == "0 B"
    assert english.size(1536) == "1.5 KiB"
    assert german.size(5 * 1024**3) == "5 GiB"
    assert english.span(90061) == "1 day, 1 hour"
    assert german.span(125) == "2 Minuten, 5 Sekunden"
    assert english.moment(1e30) == "unknown"
