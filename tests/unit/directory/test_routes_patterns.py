"""Patterns of routes: their normal form, what they fit, and which are narrow enough to be open to strangers."""

from __future__ import annotations

import time

import pytest

from posthouse.directory.routes_patterns import covers, is_bounded, names_domain, normal
from posthouse.mail.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" Example.ORG ", "example.org"),
        ("@example.org", "example.org"),
        ("*", "*"),
        ("*.Example.org", "*.example.org"),
        ("xn--bcher-kva.test", "bücher.test"),
        ("BÜCHER.test", "bücher.test"),
        ("Anna@Example.org", "anna@example.org"),
        ("Sales-*@Example.org", "sales-*@example.org"),
        ("*@*", "*@*"),
        ("mail?.example.org", "mail?.example.org"),
        ("[192.0.2.1]", "[192.0.2.1]"),
    ],
)
def test_normal_forms(text: str, wanted: str) -> None:
    assert normal(text) == wanted
    assert normal(wanted) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a b",
        "a..b",
        "x@",
        "@@",
        "x@y@z",
        "*@",
        "a*b c@x.test",
        "-",
        "*\0*",
        "*\nx",
        "a@b*\u202e c",
        "*" * 400,
        "*.*.*.*.*.test",
        "<>",
        "x;*@y.test",
        "-.test",
        "example.org/",
        "*@exa mple.org",
        "\ud800*@x.test",
    ],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        normal(text)


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("", ["x@y.test", "postmaster"], []),
        ("*", ["x@y.test", "x@[192.0.2.1]"], []),
        ("example.org", ["x@example.org", "X@EXAMPLE.ORG"], ["x@sub.example.org", "x@example.org.test"]),
        ("*.example.org", ["x@a.example.org", "x@a.b.example.org"], ["x@example.org", "x@aexample.org"]),
        ("*example.org", ["x@example.org", "x@badexample.org"], ["x@example.com"]),
        ("mail?.test", ["x@mail1.test"], ["x@mail.test", "x@mail12.test"]),
        ("anna@x.test", ["anna@x.test", "Anna+y@x.test"], ["anna@y.test", "hanna@x.test", "+anna@x.test"]),
        ("anna+y@x.test", ["anna+y@x.test"], ["anna@x.test"]),
        ("s-*@x.test", ["s-1@x.test", "s-@x.test"], ["s@x.test", "ts-1@x.test"]),
        ("bücher.test", ["x@bücher.test", "x@xn--bcher-kva.test"], ["x@bucher.test"]),
    ],
)
def test_what_they_fit(pattern: str, fits: list[str], others: list[str]) -> None:
    for text in fits:
        assert covers(pattern, parse_address(text)), text
    for text in others:
        assert not covers(pattern, parse_address(text)), text


def test_a_dot_is_a_dot() -> None:
    assert not covers("a.b*.test", Address("x", "aXbc.test"))


def test_hostile_names_take_no_time() -> None:
    """Four stars against the longest name there is."""
    began = time.process_time()
    for _ in range(20):
        assert not covers("*a*a*a*b@x.test", Address("a" * 64, "x.test"))
        assert not covers("*a*a*a*b", Address("x", "a" * 250))
    assert time.process_time() - began < 20  # (it is milliseconds; a pattern gone wild takes hours)


@pytest.mark.parametrize(
    ("pattern", "domain", "bounded"),
    [
        ("example.org", "example.org", True),
        ("anna@example.org", "example.org", True),
        ("s-*@example.org", "example.org", True),
        ("*.example.org", "", True),
        ("intranet", "intranet", True),
        ("*.org", "", False),
        ("*", "", False),
        ("", "", False),
        ("*example.org", "", False),
        ("*.*.org", "", False),
        ("x@*", "", False),
        ("exam?le.org", "", False),
    ],
)
def test_how_narrow_they_are(pattern: str, domain: str, bounded: bool) -> None:
    assert names_domain(pattern) == domain
    assert is_bounded(pattern) is bounded
