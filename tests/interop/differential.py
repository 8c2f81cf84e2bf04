"""The same mailbox in Posthouse and in Dovecot, and what comparing their answers brings.

A comparison yields *findings*: (message, item) -> the two values that differ. ``message`` is a file of the corpus, or
``-`` where many are concerned; ``item`` says what was asked and which piece of the answer differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zlib import crc32

from imap_answers import Answer, Asker

CORPUS = Path(__file__).parent.parent / "corpus"
FLAGS = ("", "\\Seen", "\\Answered \\Seen", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "$junk \\Seen")


@dataclass(slots=True)
class Findings:
    """Differences found, and how much was compared."""

    differing: dict[tuple[str, str], tuple[object, object]] = field(default_factory=dict)
    compared: int = 0
    absent: int = 0
    """Sections that a message does not have, for which we answer NIL and Dovecot something: the same everywhere, so no
    findings, but counted."""

    def compare(self, file: str, item: str, ours: object, theirs: object) -> None:
        """Count one comparison and remember it when it fails."""
        self.compared += 1
        if ours != theirs:
            self.differing[file, item] = (ours, theirs)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as both servers got it."""

    name: str
    flags: str
    date: str
    octets: bytes


def corpus() -> list[Sent]:
    """The messages in order. A literal cannot carry NUL (RFC 9051 4.3), so 0x80 stands in for it, as Dovecot stores
    it. Flags and internal dates are any, but always the same; the dates come from several zones."""
    sent: list[Sent] = []
    for path in sorted(CORPUS.rglob("*.eml")):
        name = path.relative_to(CORPUS).as_posix().removesuffix(".eml")
        number = crc32(name.encode())  # of the name, so that a new message changes nothing for the others
        zone = timezone(timedelta(minutes=(0, 60, -300, 330)[number % 4]))
        # At noon, since Dovecot knows days of UTC only; each second once or nearly so, for ARRIVAL to be an order.
        day = datetime(2025, 1, 1, 12, number // 60 % 60, number % 60, tzinfo=zone)
        day += timedelta(days=number // 3600 % 400)
        date = day.strftime("%d-%b-%Y %H:%M:%S %z")
        octets = path.read_bytes().replace(b"\0", b"\x80")
        sent.append(Sent(name, FLAGS[number // 7 % len(FLAGS)], date, octets))
    return sent


class Pair:
    """The same mailbox on both servers, opened."""

    def __init__(self, ours: Asker, theirs: Asker) -> None:
        self.ours = ours
        self.theirs = theirs

    def fill(self, mailbox: str, messages: Sequence[Sent]) -> None:
        """Make the mailbox with these messages and open it."""
        for asker in (self.ours, self.theirs):
            asker.must(f"CREATE {mailbox}")
            for start in range(0, len(messages), 100):
                asker.append(
                    mailbox,
                    [(each.flags, each.date, each.octets) for each in messages[start : start + 100]],
                )
            asker.examine(mailbox)

    def ask(self, commands: Sequence[str | bytes]) -> list[tuple[Answer, Answer]]:
        """The two answers to each command."""
        answers: list[tuple[Answer, Answer]] = []
        for command in commands:
            ours, theirs = self.ours.ask(command), self.theirs.ask(command)
            assert ours.status != "CLOSED", command
            answers.append((ours, theirs))
        return answers
