"""Which mail meets the conditions of a forward."""

from __future__ import annotations

import time

import pytest

from posthouse.directory.errors import DirectoryError
from posthouse.directory.forward_conditions import NONE, Conditions, MailView, matches

MAIL = (
    b"From: Erik <boss@Far.Test>\r\nTo: anna@here.test, team@here.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from afar\r\nX-Spam-Flag: NO\r\n\r\nHello\r\n"
)


def view(mail: bytes = MAIL, now: float = 100.0) -> MailView:
    return MailView("bounce@far.test", ["anna+x@here.test"], lambda: mail, len(mail), now)


@pytest.mark.parametrize(
    "conditions",
    [
        NONE,
        Conditions(not_spam=True),
        Conditions(sender="BOSS@"),
        Conditions(sender="nobody@x.test, *@far.test"),
        Conditions(sender="bounce@far.test"),
        Conditions(recipient="team@*"),
        Conditions(recipient="anna+x@here.test"),
        Conditions(subject="grüße from, GRÜße*"),
        Conditions(max_size=len(MAIL)),
        Conditions(starts_at=100.0, ends_at=101.0),
        Conditions(sender="far.test", recipient="team", subject="afar", max_size=1000),
        Conditions(subject=" , ,"),
    ],
)
def test_conditions_that_hold(conditions: Conditions) -> None:
    assert conditions.checked().hold(view())


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(sender="*@near.test"),
        Conditions(recipient="team"[::-1]),
        Conditions(subject="from*"),
        Conditions(max_size=len(MAIL) - 1),
        Conditions(starts_at=100.5),
        Conditions(ends_at=100.0),
        Conditions(sender="far.test", subject="nothing"),
    ],
)
def test_conditions_that_do_not_hold(conditions: Conditions) -> None:
    assert not conditions.hold(view())
    assert not conditions.hold(None)


def test_marked_mail_is_spam() -> None:
    assert not Conditions(not_spam=True).hold(view(b"X-Spam-Status: Yes, 7\r\n" + MAIL))
    assert NONE.hold(None)


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(sender="x" * 401),
        Conditions(subject="*" * 9),
        Conditions(max_size=-1),
        Conditions(starts_at=-1.0),
        Conditions(starts_at=5.0, ends_at=5.0),
    ],
)
def test_conditions_that_make_no_sense(conditions: Conditions) -> None:
    with pytest.raises(DirectoryError):
        conditions.checked()


def test_patterns() -> None:
    assert matches("a?c", "ABC")
    assert not matches("a?c", "xabc")
    assert matches("[urgent]", "Re: [URGENT] now")
    assert matches("*.*", "a.b")
    began = time.process_time()
    assert not matches("*a*a*a*a*a*a*a*b", "a" * 2000)
    assert time.process_time() - began < 60
