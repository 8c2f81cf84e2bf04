"""POST /messages and what is composed from it."""

from __future__ import annotations

import base64
import email
import email.policy
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from http_client import Answer

from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.manage.context import Context
from posthouse.receive.injection import Told, Wishes

Call = Callable[..., Awaitable[Answer]]


class Taker:
    """Takes every message; nobody at nowhere.example. Account 3 also has the address alias@example.org."""

    largest = 100_000

    def __init__(self) -> None:
        self.taken: list[tuple[Origin, Address | None, list[str], Any]] = []
        self.wishes: Wishes | None = None

    def new_trace(self) -> str:
        return "trace1"

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        return account_id == 3 and address.key == "alias@example.org"

    async def inject(
        self,
        origin: Origin,
        sender: Address | None,
        recipients: Sequence[Address],
        message: bytes,
        wishes: Wishes | None = None,
    ) -> list[Told]:
        self.wishes = wishes
        parsed = email.message_from_bytes(message, policy=email.policy.default)
        self.taken.append((origin, sender, [str(each) for each in recipients], parsed))
        assert b"\n" not in message.replace(b"\r\n", b"")
        no = Refusal(550, "5.1.1", "No such user here")
        return [
            Told(each, no, no.text) if each.domain == "nowhere.example" else Told(each, None, "delivered")
            for each in recipients
        ]


@pytest.fixture
def taker(context: Context) -> Taker:
    context.injection = taker = Taker()
    return taker


BODY = {
    "from": "Anna Ä <anna@example.org>",
    "to": ["bert@example.org"],
    "subject": "Grüße",
    "text": "Hallo ü\n",
}


async def test_a_message_from_its_parts(call: Call, taker: Taker) -> None:
    body = {
        **BODY,
        "cc": ['"Carl, the" <carl@example.org>'],
        "bcc": ["dora@example.org", "bert@example.org"],
        "html": "<p>Hallo</p>",
        "attachments": [{"name": "größe.pdf", "type": "application/pdf", "content": "JVBERg=="}],
        "headers": {"X-Ticket": "7", "In-Reply-To": "<a@b>"},
    }
    answer = await call("POST", "/messages", json=body, token="user")
    assert answer.status == 201, answer.body
    assert answer.json["trace"] == "trace1"
    assert [each["accepted"] for each in answer.json["recipients"]] == [True] * 3
    origin, sender, recipients, message = taker.taken[0]
    assert (origin.protocol, origin.address, origin.login) == ("HTTP", "127.0.0.1", "anna@example.org")
    assert str(sender) == "anna@example.org"
    assert recipients == ["bert@example.org", "carl@example.org", "dora@example.org"]
    assert message["From"].addresses[0].display_name == "Anna Ä"
    assert message["Subject"] == "Grüße"
    assert message["X-Ticket"] == "7"
    assert message["Bcc"] is None
    assert message.get_body(("plain",)).get_content() == "Hallo ü\r\n"
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("größe.pdf", b"%PDF")


async def test_a_complete_message(call: Call, taker: Taker) -> None:
    raw = (
        b"From: anna@example.org\nTo: bert@example.org\nBcc: dora@example.org,\n carl@example.org\n"
        b"Subject: x\n\nBcc: y\n"
    )
    answer = await call(
        "POST", "/messages", body=raw, headers={"content-type": "message/rfc822"}, token="user"
    )
    assert answer.status == 201, answer.body
    _, _, recipients, message = taker.taken[0]
    assert recipients == ["bert@example.org", "dora@example.org", "carl@example.org"]
    assert (message["Bcc"], message["Subject"], message.get_content()) == (None, "x", "Bcc: y\r\n")


@pytest.mark.parametrize("sender", ["bert@example.org", "anna@other.example", "anna+x@example.org"])
async def test_nobody_sends_as_somebody_else(call: Call, taker: Taker, sender: str) -> None:
    assert (await call("POST", "/messages", json={**BODY, "from": sender}, token="user")).status == 403
    assert not taker.taken


async def test_who_looks_after_a_domain_writes_in_no_other_name(call: Call, taker: Taker) -> None:
    """Neither as sender nor in a complete message's From, which would be signed by that domain's keys."""
    assert (
        await call("POST", "/messages", json={**BODY, "from": "x@other.example"}, token="keeper")
    ).status == 403
    raw = base64.b64encode(b"From: boss@other.example\r\nTo: bert@example.org\r\n\r\nx\r\n").decode()
    body = {"from": "anna@example.org", "raw": raw, "to": ["bert@example.org"]}
    assert (await call("POST", "/messages", json=body, token="keeper")).status == 201
    assert taker.wishes is not None
    author = taker.wishes.author
    assert author is not None
    assert author.strict
    assert await author.may_use(Address("bert", "example.org"))
    assert not await author.may_use(Address("boss", "other.example"))
    assert (await call("POST", "/messages", json=body)).status == 201
    assert taker.wishes.author is None  # the server's own administrator


async def test_own_aliases_are_own_addresses(call: Call, taker: Taker) -> None:
    assert (
        await call("POST", "/messages", json={**BODY, "from": "alias@example.org"}, token="user")
    ).status == 201


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"to": []}, "recipient"),
        ({"from": ""}, "from"),
        ({"from": "anna"}, "from"),
        ({"to": ["a b"]}, "to"),
        ({"to": ["<x@example.org>\r\nBcc: y@example.org"]}, "to"),
        ({"subject": "a\r\nBcc: evil@example.org"}, "subject"),
        ({"headers": {"X-A": "b\nc"}}, "headers"),
        ({"headers": {"X A": "b"}}, "headers"),
        ({"headers": {"Bcc": "b@example.org"}}, "headers"),
        ({"headers": {"Content-Type": "text/html"}}, "headers"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"text": "a\0b"}, "text"),
        ({"attachments": [{"name": "a\nb", "content": ""}]}, "attachments"),
        ({"attachments": [{"name": "a", "content": "", "type": "nonsense"}]}, "attachments"),
        ({"attachments": [{"name": "a", "content": "%%%"}]}, "attachments"),
        ({"raw": "RnJvbTogYQ=="}, "raw"),
        ({"text": "x" * 100_001}, "larger"),
        ({"to": ["a@nowhere.example"]}, "nowhere.example"),
    ],
)
async def test_what_is_wrong_is_said(call: Call, taker: Taker, change: dict[str, Any], word: str) -> None:
    answer = await call("POST", "/messages", json={**BODY, **change})
    assert answer.status == 422, answer.body
    assert word in answer.json["detail"]


async def test_those_who_can_be_reached_get_it(call: Call, taker: Taker) -> None:
    answer = await call("POST", "/messages", json={**BODY, "to": ["a@nowhere.example", "bert@example.org"]})
    assert answer.status == 201
    assert [each["accepted"] for each in answer.json["recipients"]] == [False, True]


async def test_a_stopped_server_takes_nothing(call: Call) -> None:
    answer = await call("POST", "/messages", json=BODY)
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


async def test_what_a_message_wants_on_its_way(call: Call, taker: Taker) -> None:
    """Later, first, never in clear text; and what its sender wants to hear."""
    body = {
        **BODY,
        "send_at": "3600",
        "priority": 9,
        "require_tls": True,
        "notify": ["success"],
        "ret": "hdrs",
    }
    before = time.time()
    answer = await call("POST", "/messages", json=body, token="user")
    assert answer.status == 201, answer.body
    wishes = taker.wishes
    assert wishes is not None
    assert before + 3599 < wishes.terms.not_before < time.time() + 3601
    assert (wishes.terms.priority, wishes.terms.require_tls) == (3, True)
    assert (wishes.notify, wishes.ret) == ({"SUCCESS"}, "HDRS")
    assert wishes.author is not None
    assert await wishes.author.may_use(Address("anna", "example.org"))
    assert not await wishes.author.may_use(Address("boss", "example.org"))


@pytest.mark.parametrize(
    "change",
    [
        {"send_at": "tomorrow"},
        {"send_at": "2030-01-31T08:00:00"},
        {"send_at": "99999999"},
        {"priority": 10},
        {"notify": ["loud"]},
        {"notify": ["never", "success"]},
        {"ret": "half"},
        {"envid": "a b"},
    ],
)
async def test_wishes_that_are_none(call: Call, taker: Taker, change: dict[str, Any]) -> None:
    answer = await call("POST", "/messages", json={**BODY, **change}, token="user")
    assert answer.status in (400, 422), answer.body
    assert taker.taken == []
