"""Return paths for one recipient."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posthouse.deliver.dsn import verp
from posthouse.mail.address import Address, parse_address

KEY, OLD = b"k" * 32, b"o" * 32
LISTS = parse_address("lists@example.org")

locals_ = st.text(alphabet="abcXYZ019.+-=_%/'äß", min_size=1, max_size=12).filter(
    lambda text: not text.startswith(".") and not text.endswith(".") and ".." not in text
)


def test_there_and_back() -> None:
    made = verp.encode(LISTS, parse_address("Anna.B@Example.NET"), KEY)
    assert made is not None
    assert made.domain == "example.org"
    assert made.local.startswith("lists+")
    assert made.local.endswith("-anna.b=example.net")
    path = verp.decode(made, [KEY])
    assert path is not None
    assert (str(path.sender), str(path.recipient)) == ("lists@example.org", "anna.b@example.net")
    shouted = Address(made.local.upper(), made.domain)
    assert verp.decode(shouted, [KEY]) == path
    assert verp.decode(made, [OLD]) is None
    assert verp.decode(made, [OLD, KEY]) == path


@given(locals_, locals_, st.sampled_from(["example.net", "bücher.test", "[192.0.2.1]", "[IPv6:2001:db8::1]"]))
def test_every_address(sender: str, local: str, domain: str) -> None:
    recipient = Address(local, domain)
    made = verp.encode(Address(sender, "example.org"), recipient, KEY)
    if made is None:
        assert len(sender) + len(local) > 0
        return
    assert parse_address(str(made)) == made
    path = verp.decode(parse_address(str(made)), [KEY])
    assert path is not None
    assert path.recipient.key == recipient.key
    assert path.sender.key == Address(sender, "example.org").key


@given(st.text(max_size=64), st.text(max_size=64))
def test_nothing_made_up_passes(one: str, other: str) -> None:
    for local in (
        one,
        f"lists+{other}",
        f"lists+abcdefghij-{other}=example.net",
        f"{one}+aaaaaaaaaa-{other}",
    ):
        assert verp.decode(Address(local, "example.org"), [KEY]) is None


def test_another_recipient_or_sender_breaks_the_mark() -> None:
    made = verp.encode(LISTS, parse_address("anna@example.net"), KEY)
    assert made is not None
    for wrong in (
        Address(made.local.replace("anna", "bert"), made.domain),
        Address(made.local.replace("lists", "other"), made.domain),
        Address(made.local, "example.com"),
    ):
        assert verp.decode(wrong, [KEY]) is None


def test_too_long_is_said() -> None:
    assert verp.encode(LISTS, parse_address("a" * 40 + "@example.net"), KEY) is None
