"""Rights on shared folders (RFC 4314) in Posthouse and in Dovecot: the same people do the same on both, step by step.

Every difference is of a kind that docs/differences-from-dovecot.md explains; where one kind shows and how often in the
sequences written by hand is listed in EXPECTED. What is new fails, and so does what has gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from acl_kinds import KINDS, kind_of
from acl_sequences import FIXED, random_sequence
from acl_world import DOVECOT, OWNER, PEOPLE, House, Outcome, Step, address, changes_rights, differing
from dovecot import Dovecot, running_dovecot, why_not
from running import PASSWORD, RunningServer

pytestmark = [pytest.mark.needs("dovecot"), pytest.mark.timeout(600)]

RANDOM = 20
EXPECTED: dict[str, dict[str, int]] = {
    "every right": {"rights-of-the-owner": 1},
    "reading and": {"refused": 44},
    "who is who": {"listrights-needs-a": 2, "rights-of-the-owner": 4, "union-of-rights": 2},
    "below": {
        "delete-with-messages": 1,
        "rights-of-nothing": 1,
        "rights-of-the-owner": 1,
        "rights-without-lookup": 1,
        "superiors": 2,
    },
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, with its kind."""

    kind: str
    person: str
    asked: str
    ours: Outcome
    theirs: Outcome


class Court:
    """Both servers."""

    def __init__(self, ours: House, theirs: House) -> None:
        self._ours = ours
        self._theirs = theirs
        self.compared = 0

    def compare(self, steps: list[Step], root: str) -> list[Difference]:
        """Let both do the same, and look at everything at the end."""
        found: list[Difference] = []
        for asked in steps:
            ours, theirs = self._ours.take(asked), self._theirs.take(asked)
            if changes_rights(asked):
                self._theirs.sign_out()  # what its sessions know of rights is theirs for a while
            self.compared += 1
            if ours != theirs:
                words = f"{asked.verb} {' '.join(asked.words)}"
                found.append(_difference(asked.person, words, ours, theirs))
                if found[-1].kind == "delete-with-messages":  # from here on both have the same folders again
                    self._theirs.take(Step(OWNER, asked.verb, asked.words))
                    self._theirs.sign_out()
        mine, his = self._ours.state(root), self._theirs.state(root)
        self.compared += len(mine)
        for name, ours, theirs in differing(mine, his):
            person, _, words = name.rpartition(": ")
            found.append(_difference(person, words, ours, theirs))
        return found


def _difference(person: str, asked: str, ours: Outcome, theirs: Outcome) -> Difference:
    return Difference(kind_of(person, asked, ours, theirs), person, asked, ours, theirs)


@pytest.fixture(scope="module")
def reference() -> Iterator[Dovecot]:
    """A Dovecot with rights and shared folders, of the series that the list is about."""
    if reason := why_not():
        pytest.skip(reason)
    with running_dovecot(more=DOVECOT) as running:
        if not running.version.startswith("2.3."):
            pytest.skip(f"the list is about Dovecot 2.3, this is {running.version}")
        yield running


@pytest.fixture(scope="module")
def court(house: RunningServer, reference: Dovecot) -> Iterator[Court]:
    """Both with the same people."""
    for person in PEOPLE:
        house.add_account(address(person))
    ours, theirs = House(house.imap, PASSWORD), House(reference.imap_port, reference.password)
    yield Court(ours, theirs)
    ours.sign_out()
    theirs.sign_out()


def _unknown(found: list[Difference], where: str) -> str:
    """The differences of no known kind, as lines for people."""
    return "\n".join(
        f"{where}: {each.person}: {each.asked} | ours {each.ours!r:.200} | Dovecot's {each.theirs!r:.200}"
        for each in found
        if not each.kind
    )


@pytest.mark.parametrize("name", FIXED)
def test_sequences_agree(court: Court, name: str) -> None:
    """The sequences written by hand: each difference is known, and shows as often as it is listed."""
    root = "Fixed" + name.title().replace(" ", "")
    before = court.compared
    found = court.compare(FIXED[name](root), root)
    assert not _unknown(found, name), _unknown(found, name)
    assert Counter(each.kind for each in found) == EXPECTED[name]
    assert court.compared - before > 20


def test_random_sequences_agree(court: Court) -> None:
    """Random sequences, always the same: each difference is of a known kind."""
    before = court.compared
    lines: list[str] = []
    for number in range(RANDOM):
        root = f"Random{number}"
        lines.append(_unknown(court.compare(random_sequence(number, root), root), root))
    assert not any(lines), "\n".join(filter(None, lines))
    assert court.compared - before > RANDOM * 35


def test_every_kind_shows() -> None:
    """No kind is listed that does not show in any sequence written by hand."""
    assert {kind for kinds in EXPECTED.values() for kind in kinds} == KINDS.keys()
