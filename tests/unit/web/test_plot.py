"""Plots: nothing, one point, holes, values out of all proportion; and text that is not markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from posthouse.web.plot import HEIGHT, WIDTH, Frame, Points, ceiling, plot, runs

FRAME = Frame(0, 100, 10, 15)


def drawn(*lines: Points, frame: Frame = FRAME) -> ET.Element:
    return ET.fromstring(plot("p", frame, lines, "A <title>", 'with "words" & more'))


def kinds(svg: ET.Element) -> list[str]:
    found = [(each.get("class") or " ").split(" ")[0] for each in svg]
    return [each for each in found if each in ("plot-dot", "plot-line", "plot-area")]


def test_it_is_named_for_those_who_do_not_see_it() -> None:
    svg = drawn([(0, 1), (10, 2)])
    named = (svg.get("aria-labelledby") or "").split()
    assert [each.text for each in svg if each.get("id") in named] == ["A <title>", 'with "words" & more']


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([[]], []),
        ([[(50, 5)]], ["plot-dot"]),
        ([[(0, 1), (10, 2)]], ["plot-area", "plot-line"]),
        ([[(0, 1), (10, 2), (50, 1)]], ["plot-area", "plot-line", "plot-dot"]),
        ([[(0, 1), (10, 2)], [], [(0, 1), (10, 2)]], ["plot-line", "plot-line"]),
    ],
    ids=["nothing", "one", "two", "hole", "several"],
)
def test_what_is_drawn(lines: list[Points], wanted: list[str]) -> None:
    assert kinds(drawn(*lines)) == wanted


def test_everything_lies_inside() -> None:
    svg = drawn([(-5, 1e18), (5, -3), (10, 11), (20, 0)], frame=Frame(0, 15, 0, 100))
    for each in svg:
        for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", each.get("points", "")):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_runs() -> None:
    assert runs([(0, 1), (10, 1), (30, 1), (40, 1)], 15) == [[(0, 1), (10, 1)], [(30, 1), (40, 1)]]


@pytest.mark.parametrize(
    ("highest", "binary", "top"),
    [
        (0, False, 1),
        (0.2, False, 1),
        (1.5, False, 2),
        (9.99, False, 10),
        (12, False, 20),
        (50, False, 50),
        (99.5, False, 100),
        (501, False, 1000),
        (1025, True, 2048),
        (1024, True, 1024),
        (1024.5, True, 2048),
    ],
)
def test_the_scale_ends_at_a_round_number(highest: float, binary: bool, top: float) -> None:
    assert ceiling(highest, binary=binary) == top
