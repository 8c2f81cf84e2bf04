"""Values of settings as text: sizes, durations, ranges, choices, secrets."""

from __future__ import annotations

from typing import Any

import pytest

from posthouse.settings import contract
from posthouse.settings.contract import Setting
from posthouse.settings.values import (
    SettingError,
    check_value,
    find_setting,
    format_duration,
    format_size,
    format_value,
    mask,
    parse_duration,
    parse_size,
    parse_value,
)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings declared here are gone afterwards."""
    monkeypatch.setattr(contract, "_registry", {})


def make(default: Any, **details: Any) -> Setting[Any]:
    contract._registry.clear()
    return Setting("test.thing", default, "A thing.", **details)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("1K", 1024),
        ("25M", 25 << 20),
        ("25MB", 25 << 20),
        ("1.5GiB", 3 << 29),
        ("2 t", 2 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """K, M, G, T count 1024 each, with or without B or iB, in any case."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "25X", "1e3", "٣", "1 2", "25MM"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1w", 604800), ("0.5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    """Numbers with s, m, h, d, w, alone or joined."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-5m", "5 minutes", "1h 30m", "inf", "nan"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("value", [0, 1, 1000, 1024, 26214400, 1 << 40, (1 << 30) + 1])
def test_sizes_come_back(value: int) -> None:
    """What is shown can be typed in again."""
    assert parse_size(format_size(value)) == value


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0, 59.0, 90.0, 3600.0, 90061.0])
def test_durations_come_back(value: float) -> None:
    """What is shown can be typed in again."""
    assert parse_duration(format_duration(value)) == value


def test_each_type_from_text() -> None:
    """Text is read by the setting's type and unit."""
    assert parse_value(Setting("t.bool", False, ""), "YES") is True
    assert parse_value(Setting("t.text", "x", ""), " as is ") == " as is "
    assert parse_value(Setting("t.bytes", 1, "", unit="bytes"), "1K") == 1024
    assert parse_value(Setting("t.seconds", 1, "", unit="seconds"), "1m") == 60
    assert parse_value(Setting("t.fraction", 1.0, "", unit="seconds"), "0.5s") == 0.5
    assert parse_value(Setting("t.count", 1, ""), "12") == 12


@pytest.mark.parametrize(
    ("setting", "text", "mend"),
    [
        ({"default": True}, "maybe", "true or false"),
        ({"default": 5, "minimum": 1, "maximum": 10}, "0", "at least 1 and at most 10"),
        ({"default": 5, "minimum": 1}, "0", "at least 1"),
        ({"default": 1 << 20, "unit": "bytes", "maximum": 1 << 30}, "2G", "at most 1G"),
        ({"default": 60, "unit": "seconds", "minimum": 60}, "5s", "at least 1m"),
        ({"default": 60, "unit": "seconds"}, "0.5s", "duration"),
        ({"default": "a", "choices": ("a", "b")}, "c", "one of a, b"),
        ({"default": 1}, "1.5", "whole number"),
        ({"default": 1.0}, "nan", "number"),
    ],
)
def test_bad_values_say_what_is_good(setting: dict[str, Any], text: str, mend: str) -> None:
    """A refusal tells what would do."""
    with pytest.raises(SettingError) as caught:
        parse_value(make(**setting), text)
    assert mend in caught.value.mend


def test_a_settings_own_check() -> None:
    """The declaration may refuse values of its own."""
    setting = make("x", check=lambda value: "must not be y" if value == "y" else "")
    assert check_value(setting, "z") == "z"
    with pytest.raises(SettingError, match="must not be y"):
        check_value(setting, "y")


def test_stored_values_of_another_type_are_refused() -> None:
    """A boolean is no number, though Python thinks so."""
    with pytest.raises(SettingError):
        check_value(make(5), True)
    assert check_value(make(5.0), 3) == 3.0


def test_secrets_are_masked() -> None:
    """A secret shows only whether it is set, also in refusals."""
    secret = make("", secret=True)
    assert mask(secret, "hunter2") == "(set)"
    assert mask(secret, "") == "(not set)"
    choice = make("a", choices=("a",), secret=True)
    with pytest.raises(SettingError) as caught:
        parse_value(choice, "hunter2")
    assert "hunter2" not in caught.value.what


def test_unknown_names_get_a_suggestion() -> None:
    """A slip in a setting's name is answered with the right one."""
    setting = make(1)
    with pytest.raises(SettingError) as caught:
        find_setting("test.thinf", {setting.name: setting})
    assert "test.thing" in caught.value.mend


def test_numbers_are_shown_plainly() -> None:
    """No exponent, no trailing .0."""
    assert format_value(make(1.0), 3.0) == "3"
