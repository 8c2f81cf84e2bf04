"""What pages make of the words of the uses: commands, fixed words, certificates, warnings told once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from posthouse.web.coded import coded
from posthouse.web.language import language
from posthouse.web.pages.overview import _certificates, _not_warned_of
from posthouse.web.said import said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nothing to run.", "Nothing to run."),
        ("See `posthouse x <y>` & go on.", "See <code>posthouse x &lt;y&gt;</code> &amp; go on."),
        ("Lift it: posthouse ban remove 192.0.2.1.", "Lift it: <code>posthouse ban remove 192.0.2.1</code>."),
        ("One ` alone <b>", "One ` alone &lt;b&gt;"),
    ],
)
def test_commands_are_code_and_nothing_else_is_markup(text: str, shown: str) -> None:
    assert str(coded(text)) == shown


def test_fixed_words_are_translated_and_names_are_not() -> None:
    german = language("de")
    assert said(german, "web 192.0.2.1", "source") == "Browser 192.0.2.1"
    assert said(german, "(not set)", "secret") == "(nicht gesetzt)"
    assert said(german, "anna@example.org", "actor") == "anna@example.org"


def test_a_certificate_of_two_names_is_one_and_the_first_end_counts() -> None:
    status = SimpleNamespace(
        certificates={"b.example": "AA", "a.example": "AA", "c.example": "BB"},
        certificate_ends={"a.example": 10 * 86400.0, "b.example": 10 * 86400.0},
    )
    visit: Any = SimpleNamespace(now=0.0)
    assert _certificates(visit, status) == [
        (["a.example", "b.example"], "AA", 10),
        (["c.example"], "BB", None),
    ]


def test_what_a_warning_says_is_not_on_the_list_as_well() -> None:
    todo = [SimpleNamespace(name="backup"), SimpleNamespace(name="spf")]
    warnings = [SimpleNamespace(code="backup.none"), SimpleNamespace(code="disk")]
    assert [each.name for each in _not_warned_of(todo, warnings)] == ["spf"]
