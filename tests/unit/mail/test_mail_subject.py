"""Base subjects (RFC 5256 2.1)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.subject import base_subject


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"hello", ("hello", False)),
        (b"Re: hello", ("hello", True)),
        (b"RE : re:  Fwd: FW: hello", ("hello", True)),
        (b"re[2]: hello", ("hello", True)),
        (b"[list] Re: hello", ("hello", True)),
        (b"[list] hello", ("hello", False)),
        (b"[a][b] [c] hello", ("hello", False)),
        (b"[list]", ("[list]", False)),
        (b"Re: [list]", ("[list]", True)),
        (b"hello (fwd)", ("hello", True)),
        (b"hello (FWD) (fwd)  ", ("hello", True)),
        (b"[fwd: hello]", ("hello", True)),
        (b"[Fwd: Re: [x] hello (fwd)]", ("hello", True)),
        (b"a  \t b", ("a b", False)),
        (b"=?utf-8?q?Re=3A_caf=C3=A9?=", ("café", True)),
        (b"Regarding: x", ("Regarding: x", False)),
        (b"Re:", ("", True)),
        (b"Re: re: ", ("", True)),
        (b"", ("", False)),
        (b"(fwd)", ("", True)),
        (b"reply", ("reply", False)),
        (b"[unclosed re: x", ("[unclosed re: x", False)),
    ],
)
def test_base_subjects(value: bytes, expected: tuple[str, bool]) -> None:
    """What is removed, what is not, and whether it says "reply"."""
    assert base_subject(value) == expected


@given(st.text("reRE:[]fwd() x", max_size=40))
def test_a_base_subject_is_its_own(text: str) -> None:
    """Taking the base subject of a base subject changes nothing."""
    base, _ = base_subject(text.encode())
    assert base_subject(base.encode())[0] == base


@pytest.mark.parametrize(
    "value", [b"[" * 90_000, b"[a]" * 30_000, b"re" * 50_000, b"re:" * 30_000, b"[fwd:" * 20_000]
)
def test_hostile_subjects_cost_little(value: bytes) -> None:
    """Only the beginning of a giant subject is looked at."""
    start = time.process_time()
    base_subject(value)
    assert time.process_time() - start < 30
