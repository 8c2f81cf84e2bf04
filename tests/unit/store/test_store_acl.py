"""Rights as letters: reading, uniting, telling them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.access.imap.flags import KEYWORDS, mask_of
from posthouse.store import acl
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN


def test_old_letters_stand_for_new_ones() -> None:
    assert acl.parse("lrsd") == "lrste"
    assert acl.parse("c") == "kx"
    assert acl.parse("rl") == "lr"
    assert acl.parse("") == ""


@pytest.mark.parametrize("text", ["z", "lR", "l r", "0", "é"])
def test_other_letters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no right"):
        acl.parse(text)


def test_old_letters_are_told_along() -> None:
    assert acl.shown("lr") == "lr"
    assert acl.shown("lrk") == "lrkc"
    assert acl.shown("lre") == "lred"
    assert acl.shown("lrx") == "lrxc"
    assert acl.shown(acl.ALL) == "lrswipkxteacd"


@given(st.lists(st.tuples(st.booleans(), st.text("lrswipkxtea", max_size=11))))
def test_given_is_united_and_taken_wins(entries: list[tuple[bool, str]]) -> None:
    pairs = [("-u1" if minus else "u1", rights) for minus, rights in entries]
    for right in acl.ALL:
        given_ = any(right in rights for minus, rights in entries if not minus)
        taken = any(right in rights for minus, rights in entries if minus)
        assert (right in acl.united(pairs)) == (given_ and not taken)


def test_which_flags_rights_are_about() -> None:
    assert mask_of("s") == SEEN
    assert mask_of("t") == DELETED
    assert mask_of("w") == ANSWERED | FLAGGED | DRAFT | KEYWORDS
    assert mask_of("lrie") == 0
