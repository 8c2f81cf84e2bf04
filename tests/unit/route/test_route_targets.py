"""Targets as people write them."""

from __future__ import annotations

import pytest

from posthouse.route.contract import Target
from posthouse.route.targets import parse_targets


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ()),
        ("  |  ", ()),
        ("a.test", (Target("a.test", 25, 0),)),
        ("A.Test:2525", (Target("a.test", 2525, 0),)),
        ("a.test|b.test | c.test:26", (Target("a.test"), Target("b.test", 25, 1), Target("c.test", 26, 2))),
        ("a.test,10,3\r\nb.test,10", (Target("a.test", 25, 10, 3), Target("b.test", 25, 10, 1))),
        ("bücher.test", (Target("xn--bcher-kva.test"),)),
        ("192.0.2.1:26", (Target("192.0.2.1", 26),)),
        ("2001:DB8::1", (Target("2001:db8::1"),)),
        ("[2001:db8::1]:26|[2001:db8::2]", (Target("2001:db8::1", 26), Target("2001:db8::2", 25, 1))),
        ("unix:/run/lmtp", (Target("/run/lmtp"),)),
        ("/run/dovecot/lmtp", (Target("/run/dovecot/lmtp"),)),
        ("localhost", (Target("localhost"),)),
    ],
)
def test_targets(text: str, wanted: tuple[Target, ...]) -> None:
    assert parse_targets(text, 25) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a.test:0",
        "a.test:65536",
        "a.test:x",
        "a.test:",
        "a.test,",
        "a.test,1,0",
        "a.test,1,2,3",
        "a.test,-1",
        "a.test,1,1001",
        "[::1",
        "[::1]x",
        "[a.test]",
        "1:2:3",
        "1.2.3",
        "a.test\0",
        "unix:/run/a\nb c",
        "/" + "x" * 200,
        "http://a.test/",
        "-a-.test",
        "|".join(f"h{n}.test" for n in range(21)),
        "x" * 3000,
        "a.test:٢٥",
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_targets(text, 25)
