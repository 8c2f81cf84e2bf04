"""The corpus in Posthouse and in Dovecot, both asked the same: every difference is known, explained and wanted.

What differs is listed in expected_differences.toml. A new difference fails, and so does one that has gone or changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from acl_kinds import KINDS as KINDS_OF_RIGHTS
from conversations import conversations
from differential import Findings, Pair, Sent, corpus
from differential_fetch import binaries, contents, structures
from differential_order import orders, searches, threads
from dovecot import Dovecot, dovecot
from expected import DOCUMENT, digest, problems, table
from imap_answers import Asker
from imap_questions import SEARCHES, SORTS, THREADS
from running import PASSWORD, RunningServer

pytestmark = pytest.mark.needs("dovecot")

__all__ = ["dovecot"]  # the fixture

MESSAGES = corpus()
_KIND = re.compile(r"^### `([a-z0-9-]+)`$", re.MULTILINE)


@pytest.fixture(scope="module")
def reference(dovecot: Dovecot) -> Dovecot:
    """A Dovecot of the series that the table is about."""
    if not dovecot.version.startswith("2.3."):
        pytest.skip(f"the table is about Dovecot 2.3, this is {dovecot.version}")
    return dovecot


def _pair(house: RunningServer, reference: Dovecot, user: str) -> Iterator[Pair]:
    house.add_account(f"{user}@posthouse.test")
    with (
        Asker(house.imap, f"{user}@posthouse.test", PASSWORD) as ours,
        Asker(reference.imap_port, user, reference.password) as theirs,
    ):
        yield Pair(ours, theirs)


@pytest.fixture(scope="module")
def pair(house: RunningServer, reference: Dovecot) -> Iterator[Pair]:
    """Both servers with the corpus in an open mailbox, same order, flags and internal dates."""
    for pair in _pair(house, reference, "differential"):
        pair.fill("corpus", MESSAGES)
        yield pair


def check(findings: Findings, *belongs: str, at_least: int) -> None:
    """Fail with all that is not as listed, or when little was compared."""
    found = problems(findings, belongs)
    assert not found, "\n".join([f"{len(found)} differences are not as listed:", *found])
    assert findings.compared >= at_least


def test_the_corpus_is_large_enough() -> None:
    """At least 300 messages are compared, and at least 150 were not made by our own generator."""
    assert len(MESSAGES) >= 300
    assert sum(not message.name.startswith("generated/") for message in MESSAGES) >= 150


def test_fetch_agrees(pair: Pair) -> None:
    """FETCH of ENVELOPE, BODY, BODYSTRUCTURE, sizes, dates, sections, partials, header fields and decoded parts."""
    findings = Findings()
    parts = structures(pair, MESSAGES, findings)
    contents(pair, MESSAGES, parts, findings)
    binaries(pair, MESSAGES, parts, findings)
    assert findings.absent > 1000  # sections that are not there: NIL here, something there
    check(findings, "ENVELOPE", "BODY", "BINARY", "RFC822.SIZE", "INTERNALDATE", at_least=30_000)


def test_search_agrees(pair: Pair) -> None:
    """SEARCH by every key finds the same messages."""
    findings = Findings()
    searches(pair, MESSAGES, SEARCHES, findings)
    check(findings, "SEARCH", at_least=len(SEARCHES) * len(MESSAGES) // 2)


def test_sort_and_thread_agree(pair: Pair) -> None:
    """SORT by every criterion gives the same order, THREAD the same forest."""
    findings = Findings()
    orders(pair, MESSAGES, SORTS, findings)
    threads(pair, MESSAGES, THREADS, findings, without=_dated_differently(findings, MESSAGES))
    check(findings, "SORT", "THREAD", at_least=len(SORTS) * 100)


def _dated_differently(findings: Findings, messages: list[Sent]) -> list[int]:
    """The sequence numbers of messages that SORT (DATE) puts elsewhere."""
    return [
        number
        for number, message in enumerate(messages, 1)
        if (message.name, "SORT (DATE) UTF-8 ALL") in findings.differing
    ]


def test_conversations_agree(house: RunningServer, reference: Dovecot) -> None:
    """Conversations with lost, doubled, looping and contradicting members thread and sort alike, without exception."""
    messages = conversations()
    for pair in _pair(house, reference, "conversations"):
        pair.fill("conversations", messages)
        findings = Findings()
        orders(pair, messages, SORTS, findings)
        threads(pair, messages, THREADS, findings)
        assert findings.differing == {}
        assert findings.compared >= len(messages) * (len(SORTS) + len(THREADS)) // 2


def test_nul_is_refused_here_and_replaced_there(house: RunningServer, reference: Dovecot) -> None:
    """A plain literal with NUL: we say NO, Dovecot stores 0x80 (kind ``nul``)."""
    for pair in _pair(house, reference, "nul"):
        command = b"APPEND INBOX {5+}\r\na: \0\n"
        ours, theirs = pair.ours.ask(command), pair.theirs.ask(command)
        assert ours.status.startswith("NO")
        assert theirs.ok
        pair.theirs.examine("INBOX")
        assert b"\x80" in pair.theirs.must("FETCH 1 (BODY.PEEK[])").responses[0]


def test_new_changed_and_gone_differences_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference that is not listed, one with another answer of ours, and one that is listed only: each is told."""
    listed = {
        "kind": {
            "a": {"BODY[1]": digest(b"was"), "BODY[2]": digest(b"kept")},
            "b": {"BODY[]": digest(b"old")},
        }
    }
    monkeypatch.setattr("expected.table", lambda: listed)
    findings = Findings()
    findings.compare("a", "BODY[1]", b"is", b"theirs")
    findings.compare("a", "BODY[2]", b"kept", b"theirs")
    findings.compare("a", "BODY[3]", b"new", b"theirs")
    findings.compare("a", "BODY[4]", b"same", b"same")
    changed, new, gone = problems(findings, ("BODY",))
    assert changed.startswith(f"changed (was {digest(b'was')}): a | BODY[1] = {digest(b'is')} |")
    assert new.startswith(f"new: a | BODY[3] = {digest(b'new')} |")
    assert gone == "gone: b | BODY[]"


def test_every_kind_is_explained() -> None:
    """docs/differences-from-dovecot.md has a section for each kind of the table, with the RFC that makes ours right."""
    document = DOCUMENT.read_text("utf-8")
    titles = _KIND.findall(document)
    assert len(titles) == len(set(titles))
    asserted_in_code = {"nul", "absent-section"}
    assert set(titles) == table().keys() | asserted_in_code | KINDS_OF_RIGHTS.keys()
    for title, text in zip(titles, _KIND.split(document)[2::2], strict=True):
        assert re.search(r"RFC\s\d{4}\s\d", text), title
