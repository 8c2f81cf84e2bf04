"""Addresses as SMTP and the directory use them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("a@example.org", "a", "example.org"),
        ("First.Last+tag@Example.ORG", "First.Last+tag", "example.org"),
        ('"a b"@example.org', "a b", "example.org"),
        ('"a\\"b\\\\"@example.org', 'a"b\\', "example.org"),
        ('""@example.org', "", "example.org"),
        ('"a@b"@example.org', "a@b", "example.org"),
        ("postmaster", "postmaster", ""),
        ("PostMaster", "PostMaster", ""),
        ("ü@bücher.example", "ü", "bücher.example"),
        ("x@BÜCHER.example", "x", "bücher.example"),
        ("x@xn--bcher-kva.example", "x", "bücher.example"),
        ("x@[192.0.2.1]", "x", "[192.0.2.1]"),
        ("x@[ipv6:2001:DB8:0:0::1]", "x", "[IPv6:2001:db8::1]"),
        ("x@under_score.example", "x", "under_score.example"),
        ("x@" + "a" * 63 + ".org", "x", "a" * 63 + ".org"),
        ("l" * 64 + "@example.org", "l" * 64, "example.org"),
    ],
)
def test_good_addresses_are_read(text: str, local: str, domain: str) -> None:
    """Every form of RFC 5321 and 6531 is read into its unquoted, normalised value."""
    assert parse_address(text) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "a",
        "a@",
        "@b",
        "a b@c",
        "a..b@c",
        ".a@c",
        "a.@c",
        '"a@c',
        '"a"b@c',
        "a@b c",
        "a@b@c",
        "<a@b>",
        "a@-b.c",
        "a@b-.c",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@" + "a" * 64 + ".org",
        "l" * 65 + "@b",
        "ü" * 33 + "@b",
        "a@[1.2.3]",
        "a@[1.2.3.4",
        "a@[IPv6:::g]",
        "a@[IPv6:fe80::1%eth0]",
        "a@[x:1]",
        "a@xn--zzzzzzzz99",
        "a\x00@b",
        '"a\r\n"@b',
        "a@b\r\n",
        "a@b\n",
        "a\n@b",
        "a@" + ".".join(["a" * 50] * 5),
        "\ud800@b",
        "a\x85@b",
        'postmaster"',
        "a@\u2024b",
    ],
)
def test_bad_addresses_are_refused(text: str) -> None:
    """Whatever is no address raises ValueError, never anything else."""
    with pytest.raises(ValueError):
        parse_address(text)


def test_written_form_quotes_where_needed() -> None:
    """str() gives back what SMTP would accept."""
    assert str(Address("a.b", "c")) == "a.b@c"
    assert str(Address('a "b\\', "c")) == '"a \\"b\\\\"@c'
    assert str(Address("a..b", "c")) == '"a..b"@c'
    assert str(Address("postmaster", "")) == "postmaster"


def test_key_ignores_case_and_composition() -> None:
    """Look-ups find an address however its letters were composed."""
    assert parse_address("Jo\u0308rg@Example.org").key == parse_address("j\u00f6RG@example.ORG").key
    assert parse_address('"a"@b').key == "a@b"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is an address whose written form reads back the same, or a ValueError."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address
