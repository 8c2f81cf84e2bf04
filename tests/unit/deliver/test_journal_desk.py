"""Copies for a journal: who gets which mail, once, and what two servers that mirror each other do not do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from memory_bodies import MemoryBodies, MemoryBody

from posthouse.database.contract import Database
from posthouse.deliver.contract import Notice
from posthouse.deliver.delivered import Written
from posthouse.deliver.journal import JournalDesk
from posthouse.deliver.plan import Plan
from posthouse.directory.journals import SERVER, Form, Journal, Mail
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.queue.contract import JOURNAL, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings, Settings

LETTER = b"From: anna@a.test\r\nTo: bert@b.test\r\nSubject: hello\r\nMessage-ID: <1@a.test>\r\n\r\nHello\r\n"


class OneServer:
    """A server with one domain (its id is 1), and the journals it keeps. It stands in for directory and database."""

    def __init__(self, domain: str, *journals: Journal) -> None:
        self.domain = domain
        self.journals = journals
        self.traces = 0
        self.desk = JournalDesk(
            directory=cast(Any, self),
            database=cast(Database, self),
            settings=CurrentSettings(Settings()),
            bodies=MemoryBodies(),
            destination_of=self.destination_of,
            our_name=lambda: f"mail.{domain}",
            new_trace=self.new_trace,
            clock=lambda: 1_700_000_000.0,
        )

    def new_trace(self) -> str:
        self.traces += 1
        return f"{self.domain}-{self.traces}"

    async def cached(self, key: tuple[Any, ...], op: Callable[..., Any], *args: Any) -> Any:
        if key == ("journals",):
            return self.journals
        return SimpleNamespace(id=1) if key == ("rules", self.domain) else None

    async def run(self, op: Callable[..., Any], *args: Any) -> bytes:
        return f"the secret of {self.domain}".encode()

    async def destination_of(self, address: Address) -> list[tuple[Address, str, int | None]]:
        return [(address, f"mx:{address.domain}", None)]

    async def take(
        self, content: bytes, sender: str, recipients: Sequence[str], account_id: int | None = None
    ) -> list[tuple[str, bytes]]:
        """Accept a message; the copies that go out, by address."""
        trace = self.new_trace()
        envelope = Envelope(
            Origin(trace, "ESMTP", "there.test", "192.0.2.1", 4711, account_id=account_id),
            parse_address(sender) if sender else None,
            tuple(Recipient(parse_address(each)) for each in recipients),
            received_at=1_700_000_000.0,
        )
        body = MemoryBody(content)
        message = QueuedMessage(trace, body.digest, body.size, sender, 0.0)
        plan = cast(Plan, SimpleNamespace(envelope=envelope))
        made = await self.desk.write(plan, message, body)
        for each in made:
            assert each.notice.message.kind == JOURNAL
            assert each.notice.message.sender == ""
            assert each.notice.message.body == each.body.digest
            assert each.claim is None
        return [(each.notice.recipients[0].recipient, bytes(each.body.buffer())) for each in made]


@pytest.mark.parametrize("first", ["copy", "report"])
@pytest.mark.parametrize("second", ["copy", "report"])
async def test_two_servers_that_mirror_each_other(first: Form, second: Form) -> None:
    """Each has a copy of what the other took, and no more: what was copied here and comes back is known."""
    ours = OneServer("a.test", Journal(SERVER, "mirror@b.test", form=first))
    theirs = OneServer("b.test", Journal(SERVER, "mirror@a.test", form=second))
    ((to, copy),) = await ours.take(LETTER, "x@far.test", ["anna@a.test"])
    assert to == "mirror@b.test"
    assert b"Subject: hello" in copy
    back = await theirs.take(copy, "", ["mirror@b.test"])
    assert [each for each, _ in back] == ["mirror@a.test"]
    assert await ours.take(back[0][1], "", ["mirror@a.test"]) == []


async def test_a_mark_of_somebody_else_hides_nothing() -> None:
    """Or anybody could keep their mail out of the journal."""
    ours = OneServer("a.test", Journal(SERVER, "books@a.test", form="copy"))
    ((_, copy),) = await ours.take(LETTER, "x@far.test", ["anna@a.test"])
    mark = copy.split(b"\r\n")[0]
    assert mark.startswith(b"X-Posthouse-Journal: ")
    changed = mark[:-1] + (b"0" if mark[-1:] != b"0" else b"1")
    for field in (changed, b"X-Posthouse-Journal: a.test-1 ", b"X-Posthouse-Journal: \xff\xff"):
        assert len(await ours.take(field + b"\r\n" + LETTER, "x@far.test", ["anna@a.test"])) == 1
    assert await ours.take(mark + b"\r\n" + LETTER, "x@far.test", ["anna@a.test"]) == []


@pytest.mark.parametrize(
    ("mail", "outgoing", "incoming"), [("all", 1, 1), ("incoming", 0, 1), ("outgoing", 1, 0)]
)
@pytest.mark.parametrize("domain_id", [SERVER, 1])
async def test_which_mail(mail: Mail, outgoing: int, incoming: int, domain_id: int) -> None:
    ours = OneServer("a.test", Journal(domain_id, "books@far.test", mail))
    assert len(await ours.take(LETTER, "anna@a.test", ["x@far.test"], account_id=7)) == outgoing
    assert len(await ours.take(LETTER, "x@far.test", ["anna@a.test"])) == incoming
    assert await ours.take(LETTER, "x@far.test", ["y@far.test"]) == []


async def test_another_domain_s_journal_gets_nothing() -> None:
    ours = OneServer("a.test", Journal(2, "books@far.test"))
    assert await ours.take(LETTER, "anna@a.test", ["anna@a.test"], account_id=7) == []


async def test_an_address_gets_one_copy_and_none_of_its_own_mail() -> None:
    ours = OneServer("a.test", Journal(SERVER, "Books@far.test"), Journal(1, "books@far.test", form="copy"))
    assert len(await ours.take(LETTER, "x@far.test", ["anna@a.test"])) == 1
    assert await ours.take(LETTER, "books@far.test", ["anna@a.test"]) == []
    assert await ours.take(LETTER, "anna@a.test", ["Books@far.test"], account_id=7) == []


async def test_an_address_that_is_none_keeps_no_mail_away() -> None:
    ours = OneServer("a.test", Journal(SERVER, "broken@@"), Journal(1, "books@far.test"))
    assert [each for each, _ in await ours.take(LETTER, "x@far.test", ["anna@a.test"])] == ["books@far.test"]


NOTICE_HEAD = b"From: Mail <mailer@mail.a.test>\r\nTo: anna@a.test\r\nSubject: failed\r\n\r\nIt failed.\r\n"


async def of_own(ours: OneServer, content: bytes, to: str) -> list[str]:
    """Where the copies of a message that is written here go."""
    body = MemoryBody(content)
    message = QueuedMessage("t-own", body.digest, body.size, "", 0.0)
    made = await ours.desk.of_own(message, [QueuedRecipient(to, "local", 7)], body)
    return [each.notice.recipients[0].recipient for each in made]


async def test_what_is_written_here() -> None:
    """A notice is mail that comes in for those of ours who get it; what goes out in the name of somebody of a domain
    is that domain's, too."""
    theirs = Journal(1, "books@far.test", "incoming")
    assert await of_own(OneServer("a.test", theirs), NOTICE_HEAD, "anna@a.test") == ["books@far.test"]
    assert await of_own(OneServer("a.test", theirs), NOTICE_HEAD, "x@far.test") == []
    assert await of_own(OneServer("a.test", theirs), NOTICE_HEAD, "books@far.test") == []
    out = Journal(1, "books@far.test", "outgoing")
    assert await of_own(OneServer("a.test", out), NOTICE_HEAD, "x@far.test") == []
    reply = NOTICE_HEAD.replace(b"mail.a.test", b"a.test")
    assert await of_own(OneServer("a.test", out), reply, "x@far.test") == ["books@far.test"]
    whole = Journal(SERVER, "books@far.test", "outgoing")
    assert await of_own(OneServer("a.test", whole), NOTICE_HEAD, "x@far.test") == ["books@far.test"]
    ours = OneServer("a.test", Journal(SERVER, "books@a.test", form="copy"))
    ((_, copy),) = await ours.take(LETTER, "x@far.test", ["anna@a.test"])
    assert await of_own(ours, copy, "anna@a.test") == [], "a copy is not copied"
    for author in (b"", b"From: \r\n", b"From: <<>\r\n", b"From: \xff\xfe <a@\xff>\r\n"):
        assert await of_own(OneServer("a.test", out), author + b"Subject: x\r\n\r\n", "x@far.test") == []


async def test_a_copy_is_put_where_its_message_is() -> None:
    """Within each run of the op: what is not claimed is not copied."""
    ours = OneServer("a.test", Journal(SERVER, "books@far.test"))
    body = MemoryBody(NOTICE_HEAD)
    notice = Notice(
        b"", QueuedMessage("t", body.digest, body.size, "", 0.0), (QueuedRecipient("x@a.test", "local"),)
    )
    answers = [True, False]
    told, copy = await ours.desk.with_copies(Written(notice, body, lambda tx: answers.pop()))
    tx = cast(Any, None)
    assert told.claim is not None
    assert copy.claim is not None
    for put in (False, True):
        assert (told.claim(tx), copy.claim(tx)) == (put, put)
    (alone,) = await OneServer("a.test").desk.with_copies(Written(notice, body))
    assert alone.claim is None


async def test_a_post_to_a_list() -> None:
    """One copy, with everybody who gets it; none for a journal that is a member, or of a list without members."""
    ours = OneServer("a.test", Journal(SERVER, "books@far.test"), Journal(1, "more@far.test", "outgoing"))
    body = MemoryBody(LETTER)
    message = QueuedMessage("t-list", body.digest, body.size, "anna@a.test", 0.0)
    members = [parse_address(f"m{number}@far.test") for number in range(300)]
    address = parse_address("list@a.test")
    made = await ours.desk.of_list(message, address, members, body)
    assert [each.notice.recipients[0].recipient for each in made] == ["books@far.test", "more@far.test"]
    text = bytes(made[0].body.buffer()).replace(b"=\r\n", b"")
    assert text.count(b", Expanded: list@a.test\r\n") == 300
    assert await ours.desk.of_list(message, address, [], body) == []
    members.append(parse_address("books@far.test"))
    (other,) = await ours.desk.of_list(message, address, members, body)
    assert other.notice.recipients[0].recipient == "more@far.test"
