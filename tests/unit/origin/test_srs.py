"""SRS there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.origin.srs import Srs, SrsError

DAY = 86400.0
NOW = 1_795_423_995.0
SECRET = b"tNVRIspeckeshwen4"
OURS = Srs("ours.example", SECRET)
SECOND = Srs("second.example", b"other")


def test_the_words_of_mail_srs() -> None:
    """What Mail::SRS 0.31 and libsrs2 make of the same secret on the same day."""
    first = OURS.forward("ann@a.example", NOW)
    assert first == "SRS0=h6VD=JM=a.example=ann@ours.example"
    second = SECOND.forward(first, NOW)
    assert second == "SRS1=D0TM=ours.example==h6VD=JM=a.example=ann@second.example"
    assert OURS.forward("SRS0+abcd=AB=c.example=x@d.example", NOW) == (
        "SRS1=5n/d=d.example=+abcd=AB=c.example=x@ours.example"
    )


def test_the_way_back_is_two_steps_however_long_the_way_was() -> None:
    first = OURS.forward("ann@a.example", NOW) or ""
    second = SECOND.forward(first, NOW) or ""
    third = Srs("third.example", b"three").forward(second, NOW) or ""
    assert third.startswith("SRS1=")
    assert Srs("third.example", b"three").reverse(third, NOW) == first
    assert SECOND.reverse(second, NOW) == first
    assert OURS.reverse(first, NOW) == "ann@a.example"
    assert OURS.reverse(first.swapcase(), NOW).lower() == "ann@a.example", "some servers change the case"


def test_what_stays_as_it_is() -> None:
    srs = Srs("ours.example", SECRET, own=lambda domain: domain == "own.example")
    for sender in ("", "ann@ours.example", "ann@own.example", "postmaster"):
        assert srs.forward(sender, NOW) == sender


@pytest.mark.parametrize(
    "address",
    [
        "ann@ours.example",
        "SRS0@ours.example",
        "SRS0=@ours.example",
        "SRS0=AAAA=JM=a.example=ann@ours.example",
        "SRS0=h6VD=JM=b.example=ann@ours.example",
        "SRS0=h6VD=JL=a.example=ann@ours.example",
        "SRS0=h6V=JM=a.example=ann@ours.example",
        "SRS0==JM=a.example=ann@ours.example",
        "SRS0=" + "h" * 28 + "=JM=a.example=ann@ours.example",
        "SRS0=h6VD=JM=a.example=@ours.example",
        "SRS1=D0TM=ours.example==h6VD=JM=a.example=ann@ours.example",
        "SRS1=D0TM=ours.example@ours.example",
        "SRS1===@ours.example",
        "no address",
        "SRS0=h6VD=JM=a.example=ann@" + "x" * 2000,
    ],
)
def test_nobody_relays_by_addresses_of_their_own(address: str) -> None:
    with pytest.raises(SrsError):
        OURS.reverse(address, NOW)


def test_an_address_grows_old() -> None:
    address = OURS.forward("ann@a.example", NOW) or ""
    assert OURS.reverse(address, NOW + 21 * DAY) == "ann@a.example"
    assert OURS.reverse(address, NOW - DAY) == "ann@a.example", "another clock is a little behind"
    for days in (22, 500, -2):
        with pytest.raises(SrsError, match="too old"):
            OURS.reverse(address, NOW + days * DAY)


def test_a_new_secret_and_longer_hashes() -> None:
    old = OURS.forward("ann@a.example", NOW) or ""
    new = Srs("ours.example", b"new secret", former=(SECRET,), hash_length=8, separator="+")
    made = new.forward("ann@a.example", NOW) or ""
    assert made.startswith("SRS0+")
    assert len(made.split("=")[0]) == len("SRS0+") + 8
    assert new.reverse(made, NOW) == new.reverse(old, NOW) == "ann@a.example"
    with pytest.raises(SrsError, match="hash"):
        OURS.reverse(made, NOW)
    strict = Srs("ours.example", SECRET, hash_length=8, least_hash=8)
    with pytest.raises(SrsError, match="hash"):
        strict.reverse(old, NOW)


def test_addresses_that_do_not_fit() -> None:
    long = "x" * 50 + "@a.example"
    assert OURS.forward(long, NOW) is None
    longer = Srs("ours.example", SECRET, most_local=200)
    made = longer.forward(long, NOW) or ""
    assert longer.reverse(made, NOW) == long
    with pytest.raises(SrsError, match="quotes"):
        OURS.forward('"a b"@a.example', NOW)
    with pytest.raises(SrsError):
        OURS.forward("no address", NOW)


@pytest.mark.parametrize("bad", [{"separator": "_"}, {"secret": b""}, {"hash_length": 3}, {"days": 1024}])
def test_options_that_cannot_be(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Srs(**{"domain": "ours.example", "secret": SECRET, **bad})  # type: ignore[arg-type]


def test_domains_beyond_ascii_travel_in_ascii() -> None:
    made = OURS.forward("ann@bücher.example", NOW)
    assert made is not None
    assert made.isascii()
    assert OURS.reverse(made, NOW) == "ann@bücher.example"


LOCAL = st.text("abcXYZ019=+-._!#", min_size=1, max_size=20).filter(
    lambda text: ".." not in text and text[0] != "." and text[-1] != "." and not Srs.looks_rewritten(text)
)


@given(LOCAL, st.integers(min_value=0, max_value=5000 * 86400), st.integers(min_value=0, max_value=20))
def test_every_address_comes_back(local: str, now: int, later: int) -> None:
    srs = Srs("ours.example", SECRET, most_local=500)
    sender = f"{local}@sub.example.org"
    made = srs.forward(sender, now)
    assert made is not None
    assert srs.reverse(made, now + later * DAY) == sender


@given(st.text(max_size=80))
def test_hostile_addresses_never_raise_anything_else(text: str) -> None:
    for address in (text, f"SRS0={text}@ours.example", f"SRS1={text}@ours.example"):
        for call in (OURS.reverse, OURS.forward):
            try:
                call(address, NOW)
            except SrsError:
                pass
