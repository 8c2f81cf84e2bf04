"""The outward test: what is told of a message on its way, from what the queue knows."""

from __future__ import annotations

import pytest

from posthouse.deliver.results import Said
from posthouse.manage.messages import Step, StillOwed
from posthouse.manage.setup_notes import SentOut
from posthouse.manage.setup_outward import _ended, _waiting
from posthouse.manage.setup_outward_words import MENDS, answer_of, cause_of

NOTE = SentOut("me@elsewhere.example", "t1", 1000.0)
MX = ("mx.elsewhere.example", "192.0.2.9")


def remote(code: int, status: str, text: str, stage: str = "RCPT") -> str:
    return str(Said(code, status, text, *MX, stage))


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("4.4.1 mx.elsewhere.example[192.0.2.9]: connection refused", "port"),
        ("4.4.1 mx.elsewhere.example[2001:db8::1]: timed out (to CONNECT)", "port"),
        (
            remote(
                554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"
            ),
            "listed",
        ),
        (remote(550, "5.7.1", "Your IP is on our blocklist"), "listed"),
        (remote(550, "5.7.25", "no"), "reverse"),
        (
            remote(450, "4.7.1", "Client host rejected: cannot find your reverse hostname, [192.0.2.1]"),
            "reverse",
        ),
        (remote(550, "5.7.1", "The IP has no PTR record"), "reverse"),
        (remote(550, "5.7.26", "This mail is unauthenticated"), "records"),
        (remote(550, "5.7.1", "rejected by SPF"), "records"),
        (remote(451, "4.7.1", "Greylisting in action, please come back later"), "greylisted"),
        (remote(451, "4.7.1", "Not now"), "greylisted"),
        (remote(535, "5.7.8", "bad credentials", "AUTH"), "sign-in"),
        (remote(535, "5.0.0", "no", "AUTH"), "sign-in"),
        ("451 4.7.5 the TLSA records of mx cannot be validated: bogus", "tls"),
        (remote(550, "5.1.1", "no such user"), "address"),
        ("550 5.1.2 elsewhere.example does not exist", "dns"),
        ("451 4.4.3 the DNS gave no answer for elsewhere.example", "dns"),
        (remote(452, "4.2.2", "mailbox full"), "mailbox"),
        (remote(550, "5.7.1", "go away"), "other"),
        (remote(550, "5.0.0", "I do not like you, try again later never"), "other"),
        ("", "other"),
        ("said: said: (to (to", "other"),
    ],
)
def test_why(reason: str, cause: str) -> None:
    assert cause_of(answer_of(reason)) == cause
    assert all(MENDS[cause])  # type: ignore[index]


def owed(reason: str = "", state: str = "waiting") -> StillOwed:
    return StillOwed(7, NOTE.address, state, 2000.0, 9000.0, reason)


def story(text: str) -> list[Step]:
    return [Step(1.0, "receive", "from"), Step(2.0, "deliver", f"<{NOTE.address}> {text}")]


def test_before_the_first_try() -> None:
    found = _waiting(NOTE, owed())
    assert found.state == "waiting"
    assert [step.state for step in found.steps] == ["done", "now", "open", "open"]
    assert _waiting(NOTE, owed(remote(451, "4.7.1", "later"), "being delivered")).state == "waiting"


def test_put_off() -> None:
    found = _waiting(NOTE, owed(remote(451, "4.7.1", "Greylisted")))
    assert (found.state, found.cause, found.next_at, found.queue) == ("deferred", "greylisted", 2000.0, 7)
    assert found.words == "451 4.7.1 Greylisted"
    assert [(step.name, step.state) for step in found.steps] == [
        ("queued", "done"),
        ("host", "done"),
        ("accepted", "failed"),
    ]
    assert "mx.elsewhere.example[192.0.2.9]" in found.steps[1].text
    blocked = _waiting(NOTE, owed("4.4.1 mx.elsewhere.example[192.0.2.9]: connection refused"))
    assert [(step.name, step.state) for step in blocked.steps][1] == ("host", "failed")
    assert "smart host" in blocked.mend


def test_paused_is_told_as_such() -> None:
    assert _waiting(NOTE, owed(state="paused")).state == "paused"
    assert "queue" in _waiting(NOTE, owed(state="held")).mend


def test_taken() -> None:
    said = Said(250, "2.0.0", "queued as 4711", *MX)
    found = _ended(NOTE, story(f"relayed with TLSv1.3: {said}"))
    assert (found.state, found.words) == ("sent", "250 2.0.0 queued as 4711")
    assert "TLSv1.3" in found.steps[2].text
    clear = _ended(NOTE, story(f"relayed in clear text: {said}"))
    assert "clear text" in clear.steps[2].text


def test_refused_for_good() -> None:
    found = _ended(NOTE, story(f"failed after one try: {remote(550, '5.1.1', 'nobody here: really')}"))
    assert (found.state, found.cause, found.words) == ("failed", "address", "550 5.1.1 nobody here: really")
    assert _ended(NOTE, story("deleted by root")).state == "failed"
    assert _ended(NOTE, []).state == "waiting"


def test_every_fixed_text_is_known_to_the_pages() -> None:
    """Or it would not be told in the reader's language."""
    from posthouse.manage import setup_outward as outward
    from posthouse.web.pages.setup_outward_words import TEXTS

    told = {text for pair in MENDS.values() for text in pair}
    told |= {outward.PAUSED, outward.HELD, outward.SEE_QUEUE, outward.TAKEN_OUT, outward.ANOTHER}
    told |= {outward.AGAIN, outward.LOOK}
    assert told == TEXTS
