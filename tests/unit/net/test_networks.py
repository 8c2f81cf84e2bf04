"""Sets of networks and lists of them as text: right beside a plain model, quick, and safe from whoever wrote them."""

from __future__ import annotations

import ipaddress
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from posthouse.net.networks import Networks, Span
from posthouse.net.networks_text import BadList, parse


def spans(version: int) -> some.SearchStrategy[Span]:
    """Close together, so that they overlap and touch; at the very ends too."""
    last = 2 ** (32 if version == 4 else 128) - 1
    near = some.one_of(some.integers(0, 60), some.integers(last - 60, last))
    return some.tuples(near, near).map(lambda pair: (version, min(pair), max(pair)))


@given(some.lists(some.one_of(spans(4), spans(6)), max_size=12), some.integers(0, 61), some.booleans())
def test_finds_what_a_plain_model_finds(given_: list[Span], offset: int, from_end: bool) -> None:
    networks = Networks(given_)
    again = Networks.unpack(networks.pack())
    for version in (4, 6):
        last = 2 ** (32 if version == 4 else 128) - 1
        number = last - offset if from_end else offset
        inside = any(each[0] == version and each[1] <= number <= each[2] for each in given_)
        for found in (networks.find(version, number), again.find(version, number)):
            assert (found is not None) == inside
            if found is not None:
                assert found[0] == version
                assert found[1] <= number <= found[2]
                assert all(
                    any(each[0] == version and each[1] <= edge <= each[2] for each in given_)
                    for edge in found[1:]
                )


@pytest.mark.parametrize("broken", [b"", b"\1", b"\2" + bytes(8), b"\1" + bytes(7) + b"\1", bytes(100)])
def test_what_was_not_packed_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError):
        Networks.unpack(broken)


def test_a_hundred_thousand_networks_are_quick_and_small() -> None:
    chance = random.Random(5)
    wanted = [(4, at := chance.randrange(2**32) & ~0xFF, at + 255) for _ in range(80_000)]
    wanted += [(6, at := chance.randrange(2**128) & ~(2**64 - 1), at + 2**64 - 1) for _ in range(20_000)]
    networks = Networks(wanted)
    assert len(networks.pack()) <= 80_000 * 8 + 20_000 * 32 + 9
    asked = [(version, first + 7) for version, first, _ in chance.sample(wanted, 2000)]
    asked += [(4, chance.randrange(2**32)) for _ in range(2000)]
    began = time.perf_counter()
    found = [networks.find(*each) for each in asked]
    print(f"{(time.perf_counter() - began) / len(asked) * 1e6:.1f} microseconds a look-up")
    assert all(each is not None for each in found[:2000])


def nets(data: str, most: int = 1000) -> list[str]:
    found = parse(data.encode(), most)
    return [
        f"{ipaddress.ip_address(first) if version == 4 else ipaddress.IPv6Address(first)}+{last - first}"
        for version, first, last in found.spans
    ]


def test_the_usual_forms() -> None:
    text = (
        "\ufeff; Spamhaus DROP List\r\n192.0.2.0/24 ; SBL1\r\n\n# comment\n198.51.100.7\t# a host\n"
        "2001:db8::/32\n203.0.113.1-203.0.113.9\n203.0.113.20 - 203.0.113.21 , x\n::ffff:192.0.2.1\n"
        "10.1.2.3,listed,2024\n// slashes\n"
        '{"cidr":"172.16.5.0/24","sblid":"SBL2","rir":"x"}\n{"type":"metadata","timestamp":1,"size":9}\n'
    )
    assert nets(text) == [
        "192.0.2.0+255",
        "198.51.100.7+0",
        f"2001:db8::+{2**96 - 1}",
        "203.0.113.1+8",
        "203.0.113.20+1",
        "192.0.2.1+0",
        "10.1.2.3+0",
        "172.16.5.0+255",
    ]


def test_what_is_empty_or_only_comments_is_an_empty_list() -> None:
    assert nets("") == nets("# nothing\n\n;\n") == []


def test_lines_that_are_not_understood_are_counted() -> None:
    found = parse(b"192.0.2.1\n192.0.2.2\nhello\n999.1.1.1\n", 10)
    assert (len(found.spans), found.skipped, found.skipped_at) == (2, 2, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>Not found</body></html>",
        b"root:x:0:0:root:/root:/bin/bash\nbin:x:1:1::/:/bin/false\n",
        b"\xff\xfe1\x009\x002\x00",
        b"0.0.0.0/0\n",
        b"::/0\n",
        b"1.0.0.0-200.0.0.0\n",
        b'{"cidr": 5}\n',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"A" * 5_000_000,
    ],
)
def test_what_is_no_list_is_refused_without_repeating_it(data: bytes) -> None:
    with pytest.raises(BadList) as refused:
        parse(data, 1000)
    assert "root" not in str(refused.value)
    assert "html" not in str(refused.value)
    assert "line 1 is none" in str(refused.value)


def test_more_than_it_may_hold_is_refused() -> None:
    with pytest.raises(BadList, match="more than 10 networks"):
        parse(b"".join(b"192.0.2.%d\n" % at for at in range(11)), 10)


@given(some.binary(max_size=300), some.integers(0, 5))
def test_any_bytes_are_a_list_or_refused(data: bytes, most: int) -> None:
    try:
        found = parse(data, most)
    except BadList:
        return
    assert len(found.spans) <= most
    Networks(found.spans)
