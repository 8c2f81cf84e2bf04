"""Which range rules an address, compared with the plainest way to say it."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.net.bans import BANNED
from posthouse.net.limits import ConnectionLimits
from posthouse.net.ranges import HERE, INTERNET, NOWHERE, Option, Range, Ranges, rank, shown, span
from posthouse.net.rates import PerMinute
from posthouse.settings.contract import CurrentSettings

small = st.integers(0, 40)


@st.composite
def some_ranges(draw: st.DrawFn) -> list[Range]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        ends = sorted((draw(small), draw(small)))
        version = draw(st.sampled_from((4, 6)))
        until = draw(st.sampled_from((0.0, 5.0, 10.0)))
        found.append(Range(f"r{number}", version, ends[0], ends[1], draw(st.integers(0, 3)), 0, until))
    return found


@given(some_ranges(), small, st.sampled_from((4, 6)), st.sampled_from((0.0, 5.0, 7.0, 20.0)))
def test_like_the_naive_model(ranges: list[Range], number: int, version: int, now: float) -> None:
    fits = [
        each
        for each in ranges
        if each.version == version
        and each.first <= number <= each.last
        and (not each.until or each.until > now)
    ]
    expected = min(fits, key=rank) if fits else NOWHERE
    make = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    address = str(make(number))
    assert Ranges(ranges, 0.0).at(now).find(address) is expected
    assert Ranges(ranges, now).find(address) is expected


def test_the_highest_priority_rules_and_what_is_no_address_is_in_none() -> None:
    wide = Range("wide", *span("0.0.0.0/0"), 10, int(INTERNET))
    low = Range("low", *span("192.0.2.0/24"), 5, 0)
    high = Range("high", *span("192.0.2.64-192.0.2.127"), 30, 0)
    top = Range("top", *span("255.255.255.255"), 30, 0)
    found = Ranges([low, high, wide, top])
    assert found.find("192.0.2.1") is wide
    assert found.find("192.0.2.64") is found.find("192.0.2.127") is high
    assert found.find("::ffff:192.0.2.100") is high
    assert found.find("192.0.2.128") is wide
    assert found.find("255.255.255.255") is top
    assert found.find("2001:db8::1") is NOWHERE
    assert found.find("unix") is HERE
    for odd in ("", "localhost", "1.2.3", "::1::"):
        assert found.find(odd) is NOWHERE


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        ("192.0.2.1 - 192.0.2.9", "192.0.2.1-192.0.2.9"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_addresses_as_people_write_them(text: str, again: str) -> None:
    assert shown(*span(text)) == again


@pytest.mark.parametrize(
    "text", ["", "x", "192.0.2.0/33", "192.0.2.9-192.0.2.1", "192.0.2.1-::1", "-", "1-2-3"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError):
        span(text)


def test_the_door_holds_to_the_ranges() -> None:
    """Protocol, number of connections, and how many in a minute; IPv6 by the /64."""
    limits = ConnectionLimits(CurrentSettings())
    mail = Range("mail", *span("192.0.2.0/24"), 20, int(Option.SMTP), connections=2)
    slow = Range("slow", *span("2001:db8::/32"), 20, int(INTERNET), connection_rate=2, message_rate=1)
    limits.rule(Ranges([mail, slow], time.time()))
    assert limits.enter("192.0.2.1", "imap") == BANNED
    assert limits.enter("198.51.100.1", "smtp") == BANNED
    assert limits.enter("192.0.2.1", "smtp") == limits.enter("192.0.2.1", "smtp") == ""
    assert "Too many" in limits.enter("192.0.2.1", "smtp")
    limits.leave("192.0.2.1")
    assert limits.enter("192.0.2.1", "smtp") == ""
    assert limits.enter("2001:db8::1", "imap") == limits.enter("2001:db8::2", "imap") == ""
    assert "Too many new" in limits.enter("2001:db8::3", "imap")
    assert limits.enter("2001:db8:0:1::3", "imap") == ""
    assert not limits.too_many_messages("2001:db8::1")
    assert limits.too_many_messages("2001:db8::9")
    assert not limits.too_many_messages("192.0.2.1")


def test_a_range_ends_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = ConnectionLimits(CurrentSettings())
    short = Range("short", *span("192.0.2.0/24"), 50, 0, until=1000.0)
    limits.rule(Ranges([short, Range("wide", *span("0.0.0.0/0"), 1, int(INTERNET))]))
    monkeypatch.setattr("posthouse.net.limits.time.time", lambda: 999.0)
    assert limits.kept_out("192.0.2.1", "smtp") == BANNED
    monkeypatch.setattr("posthouse.net.limits.time.time", lambda: 1000.0)
    assert limits.kept_out("192.0.2.1", "smtp") == ""


def test_rates_fill_again() -> None:
    now = [0.0]
    rate = PerMinute(lambda: now[0])
    assert [rate.take("a", 3) for _ in range(4)] == [True, True, True, False]
    assert rate.take("b", 3)
    now[0] = 20.0
    assert rate.take("a", 3)
    assert not rate.take("a", 3)
