"""OAUTHBEARER and XOAUTH2: what they take, and everything that is none."""

from __future__ import annotations

import pytest

from posthouse.wire import sasl
from posthouse.wire.sasl.bearer import Bearer
from posthouse.wire.sasl.contract import Challenge, CheckToken, Failed

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


def test_the_example_of_the_rfc() -> None:
    """RFC 7628 4.1, with host and port."""
    data = f"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {TOKEN}\x01\x01"
    step = Bearer("OAUTHBEARER").start(data.encode())
    assert step == CheckToken("OAUTHBEARER", TOKEN, "user@example.com")
    assert TOKEN not in repr(step)


def test_a_name_is_unescaped_and_may_be_missing() -> None:
    mechanism = Bearer("OAUTHBEARER")
    assert mechanism.start(None) == Challenge(b"")
    step = mechanism.respond(f"y,a=a=2Cb=3Dc@x,\x01auth=bearer {TOKEN}\x01\x01".encode())
    assert step == CheckToken("OAUTHBEARER", TOKEN, "a,b=c@x")
    assert isinstance(mechanism.respond(b"\x01"), Failed)
    step = Bearer("OAUTHBEARER").start(f"n,,\x01auth=Bearer {TOKEN}\x01\x01".encode())
    assert step == CheckToken("OAUTHBEARER", TOKEN, "")


def test_xoauth2() -> None:
    step = Bearer("XOAUTH2").start(f"user=a@b\x01auth=Bearer {TOKEN}\x01\x01".encode())
    assert step == CheckToken("XOAUTH2", TOKEN, "a@b")


BEARER = f"\x01auth=Bearer {TOKEN}\x01\x01"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(
            ("OAUTHBEARER", each + BEARER)
            for each in ("", "n", "n,", "n,a=,", "n,x,", "n,a=x", "q,,", "p=tls,,")
        ),
        *(("OAUTHBEARER", each + BEARER) for each in ("n,a=x=2,", "n,a=x=41,", "n,a=x\x00,", "n,,more")),
        ("OAUTHBEARER", "n,,\x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Basic x\x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer\x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer a b\x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer ä\x01\x01"),
        ("OAUTHBEARER", f"n,,\x01auth=Bearer {TOKEN}\x01"),
        ("OAUTHBEARER", f"n,,\x01auth=Bearer {TOKEN}\x01auth=Bearer {TOKEN}\x01\x01"),
        ("OAUTHBEARER", f"n,,\x01auth=Bearer {'x' * 9000}\x01\x01"),
        ("XOAUTH2", f"auth=Bearer {TOKEN}\x01\x01"),
        ("XOAUTH2", f"user={BEARER}"),
        ("XOAUTH2", "user=a\x01\x01"),
        ("XOAUTH2", f"n,a=user,{BEARER}"),
        ("XOAUTH2", ""),
        ("XOAUTH2", "\x01\x01\x01\x01"),
    ],
)
def test_what_is_none(kind: str, text: str) -> None:
    found = sasl.mechanism(kind, channel_binding=None, tokens=True)
    assert found is not None
    step = found.start(text.encode())
    assert isinstance(step, Failed)
    assert step.malformed
    assert TOKEN not in step.reason


def test_they_are_offered_where_somebody_judges() -> None:
    assert "XOAUTH2" in sasl.available(channel_binding=None, tokens=True)
    assert "OAUTHBEARER" not in sasl.available(channel_binding=None)
    assert sasl.mechanism("XOAUTH2", channel_binding=None) is None
