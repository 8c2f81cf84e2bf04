"""A journal on a whole server: its host refuses for a while and for good, and it has all that people get: what lists
send, notices and automatic replies."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from mail_world import mailbox
from running import PASSWORD
from test_lists_whole import ANNA, BERT, CAROL, HOME, House, Outside

BOOKS = "books@far.test"
pytestmark = pytest.mark.timeout(600)


class Office(House):
    """Whose journal is outside; ``said`` is what its host says to the journal's address."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1)
        self.said = "250 2.1.5 fine"
        self.outside.peer.replies["RCPT"] = lambda line: self.said if BOOKS in line else Outside._rcpt(line)

    def copies(self, subject: str) -> list[EmailMessage]:
        """The reports that came, of messages with this subject."""
        found = []
        for mail in list(self.outside.peer.mails):
            if any(BOOKS in rcpt for rcpt in mail.rcpts):
                message = message_from_bytes(mail.data, policy=policy.default)
                assert isinstance(message, EmailMessage)
                if message["Subject"] == subject:
                    found.append(message)
        return found

    def copy(self, subject: str) -> tuple[str, EmailMessage]:
        """The one report with this subject: what it says of the envelope, and the message in it."""
        self.waited(lambda: self.copies(subject))
        (report,) = self.copies(subject)
        facts, inner = report.iter_parts()
        return facts.get_content(), inner.get_content()

    def boxed(self, user: str) -> list[EmailMessage]:
        """All that somebody has."""
        return [message_from_bytes(each, policy=policy.default) for each in mailbox(self.server, user)]

    def waiting(self) -> list[dict[str, Any]]:
        """Copies in the queue."""
        found = self.call("queue.list")["messages"]
        return [each for each in found if each["recipient"] == BOOKS]

    def warned(self) -> str:
        """What the administrator is told of the journal."""
        told = self.call("status")["warnings"]
        return " ".join(each["what"] for each in told if each["code"] == "journal.held")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("office"))
    made.call("journal.set", address=BOOKS)
    try:
        yield made
    finally:
        made.close()


def test_a_copy_waits_and_is_held_and_arrives(office: Office) -> None:
    """Refused for a while it is tried again; refused for good it is held, the administrator is told, and it goes once
    it is released. The mail itself is delivered all the while."""
    office.said = "451 4.7.1 try later"
    office.write("put off", ANNA, "erik@there.example")
    office.waited(lambda: [each for each in office.waiting() if "451" in each["reason"]])
    assert office.inbox(ANNA, "put off")
    (waiting,) = office.waiting()
    assert (waiting["held"], office.copies("put off")) == (0, [])
    office.said = "550 5.1.1 no such book"
    office.call("queue.retry", ids=[waiting["id"]])
    (held,) = office.waited(lambda: [each for each in office.waiting() if each["held"]])
    assert "550" in held["reason"]
    assert "could not be delivered" in office.warned()
    office.server.stop()
    office.server.start(120)
    office.said = "250 2.1.5 fine"
    (held,) = office.waiting()
    assert held["held"]
    office.call("queue.release", ids=[held["id"]])
    facts, message = office.copy("put off")
    assert "Sender: erik@there.example" in facts
    assert message["Subject"] == "put off"
    office.waited(lambda: not office.waiting())
    assert office.warned() == ""


def test_what_a_list_sends_is_copied_once_with_everybody_who_gets_it(office: Office) -> None:
    members = [BERT, CAROL, *(f"reader{number}@far.test" for number in range(70))]
    address = office.make("readers", members, mode="public", tag="r")
    office.post("to all", address)
    office.done(address)
    facts, message = office.copy("to all")
    assert f"Recipient: {address}\n" in facts.replace("\r\n", "\n")
    facts, message = office.copy("[r] to all")
    for each in members:
        assert f"Recipient: {each}, Expanded: {address}" in facts
    assert f"Sender: {address}" in facts
    assert message["List-Id"]
    office.waited(lambda: len(office.outside.readers("[r] to all")) >= 70)
    assert len(office.copies("[r] to all")) == 1


def test_notices_and_replies_are_copied(office: Office) -> None:
    """A bounce, an automatic reply with its once-only rule, and the word of a list to somebody who wants to join."""
    office.post("into the void", "gone@far.test")
    (notice,) = office.waited(
        lambda: [each for each in office.boxed(ANNA) if each.get_content_type() == "multipart/report"]
    )
    facts, message = office.copy(str(notice["Subject"]))
    assert "Sender: <>" in facts
    assert f"Recipient: {ANNA}" in facts
    assert message["Message-ID"] == notice["Message-ID"]
    office.call("account.auto_reply_set", address=BERT, subject="Away: %SUBJECT%", plain="Later.")
    for subject in ("first", "second"):
        office.write(subject, BERT, CAROL)
        office.copy(subject)
    facts, message = office.copy("Away: first")
    assert f"Recipient: {CAROL}" in facts
    assert message["From"] == BERT
    assert office.copies("Away: second") == []
    office.call("account.auto_reply_clear", address=BERT)
    address = office.make("club", mode="public", joining="confirm")
    office.write("let me in", address.replace("@", "+subscribe@"), "zoe@far.test")
    office.waited(lambda: [each for each in office.outside.peer.mails if "zoe@far.test" in str(each.rcpts)])
    (asked,) = [
        message_from_bytes(each.data, policy=policy.default)
        for each in office.outside.peer.mails
        if "zoe@far.test" in str(each.rcpts)
    ]
    facts, message = office.copy(str(asked["Subject"]))
    assert "Recipient: zoe@far.test" in facts


def test_the_journal_of_a_domain_has_the_mail_of_its_people_alone(office: Office) -> None:
    """What a list of another domain sends to them, too."""
    office.call("domain.add", name="other.test")
    office.call("account.add", address="olga@other.test", password=PASSWORD)
    office.call("journal.remove")
    office.call("journal.set", of="other.test", address=BOOKS, mail="incoming")
    address = office.make("both", [BERT, "olga@other.test"], mode="public", tag="b")
    inside = office.make("inside", [BERT], mode="public", tag="i")
    office.post("for two", address)
    office.post("for one", inside)
    office.done(address)
    office.done(inside)
    facts, _ = office.copy("[b] for two")
    assert f"Recipient: olga@other.test, Expanded: {address}" in facts
    assert office.copies("for two") == []  # that was to the list, which is not the domain's
    assert office.copies("[i] for one") == []
    assert HOME in address
