"""The uses on a real store: what they do, what they refuse, and the audit line of each change."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.manage import audit
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.queue.traces import TraceRow, write
from posthouse.store.contract import NewMessage

Do = Callable[..., Awaitable[Any]]


async def declined(waiting: Awaitable[Any]) -> ManageError:
    with pytest.raises(ManageError) as caught:
        await waiting
    assert caught.value.what
    assert caught.value.mend
    return caught.value


async def audit_of(do: Do) -> list[tuple[str, str, Any, Any]]:
    """(use, subject, before, after), oldest first."""
    lines = (await do("audit.list"))["lines"]
    return [
        (
            line["use"],
            line["subject"],
            json.loads(line["before"] or "null"),
            json.loads(line["after"] or "null"),
        )
        for line in reversed(lines)
    ]


async def test_domains(do: Do) -> None:
    """Added, listed with what they hold, removed; each change in the audit under the name as it is kept."""
    assert (await do("domain.add", name="Example.ORG"))["name"] == "example.org"
    await do("account.add", address="anna@example.org", password="long enough")
    listed = (await do("domain.list"))["domains"]
    assert listed == [{"name": "example.org", "accounts": 1, "aliases": 0, "active": True}]
    assert (await declined(do("domain.add", name="example.org"))).kind == "exists"
    assert (await declined(do("domain.remove", name="example.org"))).kind == "refused"
    assert (await declined(do("domain.remove", name="other.example"))).kind == "missing"
    assert (await declined(do("domain.add", name="not a domain"))).kind == "invalid"
    await do("account.remove", address="anna@example.org")
    await do("domain.remove", name="EXAMPLE.org")
    assert (await do("domain.list"))["domains"] == []
    uses = [line[:2] for line in await audit_of(do)]
    assert uses[0] == ("domain.add", "example.org")
    assert uses[-1] == ("domain.remove", "example.org")


async def test_accounts(do: Do, context: Context) -> None:
    """An account comes with its mailboxes and goes with its mail."""
    await do("domain.add", name="example.org")
    added = await do("account.add", address="Anna@Example.org", password="secret words", quota="2G")
    assert (added["address"], added["quota"]) == ("anna@example.org", 2 << 30)
    account = (await do("account.list"))["accounts"][0]
    assert (account["messages"], account["used"], account["active"]) == (0, 0, True)
    boxes = await context.store.mailboxes(1)
    assert {"INBOX", "Sent", "Trash"} <= {box.name for box in boxes}
    assert (
        await declined(do("account.add", address="anna@example.org", password="long enough"))
    ).kind == "exists"
    assert (
        await declined(do("account.add", address="anna@other.example", password="long enough"))
    ).kind == "missing"
    assert (
        await declined(do("account.add", address="a b@example.org", password="long enough"))
    ).kind == "invalid"
    assert (await declined(do("account.add", address="b@example.org", password=""))).kind == "invalid"
    assert (
        await declined(do("account.add", address="b@example.org", password="long enough", quota="lots"))
    ).kind == "invalid"
    await deliver(context, b"Subject: x\r\n\r\nbody\r\n")
    removed = await do("account.remove", address="anna@example.org", purge=True)
    assert removed["messages"] == 1
    assert await context.store.mailboxes(1) == []
    assert (await declined(do("account.remove", address="anna@example.org"))).kind == "missing"


async def test_quota_and_password(do: Do) -> None:
    """Both can be changed; the audit shows the quota before and after, and nothing of the password."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="quiet-harbour-41")
    assert (await do("account.quota", address="anna@example.org", quota="500M"))["quota"] == 500 << 20
    assert (await do("account.quota", address="anna@example.org", quota="none"))["quota"] == 0
    await do("account.password", address="anna@example.org", password="amber-lantern-86")
    lines = await audit_of(do)
    assert lines[2] == ("account.quota", "anna@example.org", {"quota": 0}, {"quota": 500 << 20})
    assert lines[4][:2] == ("account.password", "anna@example.org")
    assert "quiet-harbour-41" not in repr(lines)
    assert "amber-lantern-86" not in repr(lines)


async def test_aliases(do: Do) -> None:
    """An alias leads from an address of ours to any; it is no account."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    added = await do("alias.add", address="Info@example.org", target="anna@example.org")
    plain = {"more": [], "active": True, "note": ""}
    assert added == {"address": "info@example.org", "target": "anna@example.org", **plain}
    assert (await do("alias.list", domain="example.org"))["aliases"] == [added]
    assert (
        await declined(do("alias.add", address="anna@example.org", target="x@example.org"))
    ).kind == "exists"
    assert (
        await declined(do("alias.add", address="x@other.example", target="anna@example.org"))
    ).kind == "missing"
    await do("alias.remove", address="info@example.org")
    assert (await do("alias.list"))["aliases"] == []


@pytest.mark.parametrize("password", ["", "seven77", "Anna@Example.org", "longname"])
async def test_passwords_that_are_none(do: Do, password: str) -> None:
    """Too short, or the address itself."""
    await do("domain.add", name="example.org")
    address = "longname@example.org" if password == "longname" else "anna@example.org"
    error = await declined(do("account.add", address=address, password=password))
    assert (error.kind, "password" in error.what) == ("invalid", True)


async def test_import_adds_all_or_nothing(do: Do) -> None:
    """Every bad line is reported with its number, also those only the directory knows; then nothing was
    added."""
    await do("domain.add", name="example.org")
    await do("account.add", address="here@example.org", password="long enough")
    lines = (
        "a@example.org,long enough,1G",
        "here@example.org,long enough,",
        "b@other.example,long enough,",
        "bad,x,",
    )
    text = "\n".join(("address,password,quota", *lines, "c@example.org,short,"))
    error = await declined(do("account.import", text=text))
    assert [problem.split(":")[0] for problem in error.problems] == ["line 3", "line 4", "line 5", "line 6"]
    assert error.problems[3] == "line 6: the password is shorter than 8 characters"
    assert "4 problems" in error.what
    assert len((await do("account.list"))["accounts"]) == 1


async def test_import(do: Do, context: Context) -> None:
    """More accounts than one unit holds: all are there with mailboxes and audit lines, and progress was
    told."""
    await do("domain.add", name="example.org")
    text = "".join(f"user{number}@example.org,harbour {number} lantern,1M\n" for number in range(120))
    emitted: list[Any] = []
    added = (await do("account.import", emitted, text=text))["added"]
    assert len(added) == 120
    assert (emitted[-1].done, emitted[-1].total) == (120, 120)
    accounts = (await do("account.list"))["accounts"]
    assert len(accounts) == 120
    assert {account["quota"] for account in accounts} == {1 << 20}
    assert len(await context.store.mailboxes(77)) >= 6
    lines = (await do("audit.list", limit=1000))["lines"]
    assert sum(line["use"] == "account.import" for line in lines) == 120


async def test_an_import_that_was_cut_off_goes_on(do: Do, context: Context) -> None:
    """The caller goes away in the middle: whole units are there. The same file again adds the rest, and a name that is
    something else than an account is still a problem."""
    await do("domain.add", name="example.org")
    text = "address,password,kind\n" + "".join(f"user{number}@example.org,,none\n" for number in range(170))

    async def gone(value: Any) -> None:
        if value.text == "Adding accounts" and value.done > 120:
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await perform(context, Actor("a", "b"), "account.import", {"text": text}, gone)
    assert (await do("account.list"))["total"] == 100
    assert (
        (await declined(do("account.import", text=text)))
        .problems[0]
        .startswith("line 2: user0@example.org is")
    )
    done = await do("account.import", text=text, skip=True)
    assert (len(done["added"]), done["skipped"]) == (70, 100)
    assert (await do("account.list"))["total"] == 170
    again = await do("account.import", text=text, skip=True)
    assert (again["added"], again["skipped"]) == ([], 170)
    await do("alias.add", address="office@example.org", target="user1@example.org")
    error = await declined(do("account.import", text=text + "office@example.org,,none\n", skip=True))
    assert error.problems == ("line 172: office@example.org is an alias already",)


async def test_a_mistake_far_down_is_named_and_nothing_is_added(do: Do, context: Context) -> None:
    """Checks go in pieces; lines of two pieces are still held against each other."""
    await do("domain.add", name="example.org")
    rows = [f"user{number}@example.org,,none," for number in range(1200)]
    rows[1100] = "user1100@elsewhere.test,,none,"
    rows[1150] = "user1150@example.org,,none,user3.further@example.org"
    rows[2] = "user2@example.org,,none,user3.further@example.org"
    text = "address,password,kind,addresses\n" + "\n".join(rows)
    error = await declined(do("account.import", text=text))
    assert error.problems == (
        "line 1102: elsewhere.test is not a domain of ours",
        "line 1152: user3.further@example.org is a further address of an account already",
    )
    assert (await do("account.list"))["total"] == 0


async def test_an_account_without_a_password(do: Do, context: Context) -> None:
    """It is no account that anybody signs in to, and it does not keep SCRAM from being announced."""
    await do("domain.add", name="example.org")
    await do("account.import", text="address,password_hash,kind\nanna@example.org,,none\n")
    assert not await context.passwords.verify("", "")
    found = await do("account.without_scram")
    assert (found["accounts"], found["total"], found["announced"]) == ([], 0, True)
    await do("account.import", text="address,password_hash,kind\nbert@example.org," + "5e" * 16 + ",md5\n")
    await do("account.add", address="carl@example.org", password="long enough")
    await do("app_password.add", address="carl@example.org", name="phone")
    await do("account.add", address="dora@example.org", password="long enough")
    found = await do("account.without_scram")
    assert found["accounts"] == [
        {"address": "bert@example.org", "why": "imported"},
        {"address": "carl@example.org", "why": "app password"},
    ]
    assert (found["total"], found["announced"]) == (2, False)
    await do("account.active", address="bert@example.org", active=False)
    assert (await do("account.without_scram"))["total"] == 1


async def test_an_import_that_fails_on_the_way_says_how_far_it_came(
    do: Do, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes an address between the check and the unit: what was added is told, by name."""
    await do("domain.add", name="example.org")
    text = "".join(f"user{number}@example.org,long enough,\n" for number in range(60))
    emitted: list[Any] = []
    original = context.passwords.make
    calls = 0

    async def interfering(password: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 55:
            await do("account.add", address="user58@example.org", password="long enough")
        return await original(password)

    monkeypatch.setattr(context.passwords, "make", interfering)
    error = await declined(do("account.import", emitted, text=text))
    assert "after 50 accounts" in error.what
    assert error.problems[0] == "added user0@example.org"
    assert len(error.problems) == 50
    assert len((await do("account.list"))["accounts"]) == 51


async def deliver(context: Context, content: bytes) -> int:
    """Put a message into the first account's inbox; its UID."""
    inbox = await context.store.find(1, "INBOX")
    assert inbox is not None
    spool = context.bodies.spool()
    spool.write(content)
    body = spool.finish()
    try:
        appended = await context.store.append(
            inbox.id, [NewMessage(body, prefix=b"Delivered-To: x\r\n", flags=1)]
        )
    finally:
        body.discard()
    return appended[0].uid


NESTED = (
    b"Message-ID: <one@example.net>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: image/png\r\n\r\nxx\r\n--b--\r\n"
)


async def test_messages(do: Do, context: Context) -> None:
    """A message is found by place; shown with header and parts; its raw bytes are prefix and body,
    unchanged."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    uid = await deliver(context, NESTED)
    name = f"anna@example.org/inbox/{uid}"
    shown = await do("message.show", message=name)
    assert shown["copies"][0]["mailbox"] == "INBOX"
    assert shown["copies"][0]["flags"] == ["\\Seen"]
    assert shown["header"].startswith("Delivered-To: x\r\nMessage-ID: <one@example.net>")
    assert [(part["section"], part["type"]) for part in shown["parts"]] == [
        ("", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "image/png"),
    ]
    pieces: list[Any] = []
    raw = await do("message.raw", pieces, message=name)
    assert b"".join(piece.data for piece in pieces) == b"Delivered-To: x\r\n" + NESTED
    assert raw["size"] == len(NESTED) + 17
    assert [line[:2] for line in await audit_of(do)][-2:] == [
        ("message.show", f"anna@example.org/INBOX/{uid}"),
        ("message.raw", f"anna@example.org/INBOX/{uid}"),
    ]


async def test_large_messages_go_out_in_pieces(do: Do, context: Context) -> None:
    """No piece holds more than 256 KiB, however large the message."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    content = b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 50_000
    uid = await deliver(context, content)
    pieces: list[Any] = []
    await do("message.raw", pieces, message=f"anna@example.org/INBOX/{uid}")
    assert max(len(piece.data) for piece in pieces) <= 256 * 1024
    assert b"".join(piece.data for piece in pieces) == b"Delivered-To: x\r\n" + content


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("anna@example.org/INBOX/99", "missing"),
        ("anna@example.org/Nowhere/1", "missing"),
        ("nobody@example.org/INBOX/1", "missing"),
        ("anna@example.org/INBOX", "invalid"),
        ("anna@example.org/INBOX/x", "invalid"),
        ("<absent@example.net>", "missing"),
        ("notatrace", "missing"),
        ("", "invalid"),
    ],
)
async def test_messages_that_are_not_there(do: Do, name: str, kind: str) -> None:
    """A name that leads nowhere is answered with what is missing."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    assert (await declined(do("message.show", message=name))).kind == kind
    assert (await declined(do("message.trace", message=name))).kind == kind


async def test_traces(do: Do, context: Context) -> None:
    """The trace is found by place, by Message-ID and by itself; copies are found by the trace."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    uid = await deliver(context, NESTED)
    inbox = await context.store.find(1, "INBOX")
    assert inbox is not None
    view = await context.store.examine(inbox.id)
    message = view.get(uid)
    view.close()
    assert message is not None
    row = TraceRow(
        "t1.1",
        5.0,
        [("accept", "taken"), ("deliver", "<anna@example.org> put")],
        message_id=message.id,
        header_id="<one@example.net>",
    )
    await context.database.run(write, [row])
    for name in (f"anna@example.org/INBOX/{uid}", "<one@example.net>", "t1.1", "anna@example.org"):
        told = (await do("message.trace", message=name))["traces"]
        assert [trace["trace"] for trace in told] == ["t1.1"]
        assert [(step["stage"], step["text"]) for step in told[0]["steps"]] == [
            ("accept", "taken"),
            ("deliver", "<anna@example.org> put"),
        ]
    assert (await declined(do("message.show", message="anna@example.org"))).kind == "invalid"
    assert (await declined(do("message.trace", message="bert@example.org"))).kind == "missing"
    shown = await do("message.show", message="t1.1")
    assert (shown["copies"][0]["account"], shown["copies"][0]["uid"]) == ("anna@example.org", uid)


async def queue_some(context: Context, count: int) -> list[int]:
    queue = QueueService(context.settings, context.feed)

    def op(tx: Transaction) -> list[int]:
        return [
            queue.put(
                tx,
                QueuedMessage(f"t{number}", "ab" * 32, 100, "a@example.net", 1000.0 + number),
                [QueuedRecipient("anna@example.org", "local", 1, due_at=5e9, reason="mailbox locked")],
            )
            for number in range(count)
        ]

    return await context.database.run(op)


async def test_the_queue(do: Do, context: Context) -> None:
    """Listed oldest first over several pages, shown with reasons, tried again on demand."""
    ids = await queue_some(context, 450)
    listed = await do("queue.list", limit=440)
    assert listed["total"] == 450
    assert [row["id"] for row in listed["messages"]] == ids[:440]
    shown = await do("queue.show", id=ids[3])
    assert shown["sender"] == "a@example.net"
    assert shown["recipients"][0]["reason"] == "mailbox locked"
    assert shown["recipients"][0]["state"] == "waiting"
    assert (await do("queue.retry", ids=[ids[3]]))["recipients"] == 1
    assert (await do("queue.show", id=ids[3]))["recipients"][0]["due_at"] < 5e9
    assert (await declined(do("queue.show", id=10**9))).kind == "missing"
    assert (await declined(do("queue.retry", ids=[10**9]))).kind == "missing"
    counts = {
        "messages": 450,
        "recipients": 450,
        "held": 0,
        "due": 1,
        "paused": 0,
        "all_paused": False,
        "down": 0,
    }
    assert (await do("status"))["queue"] == counts


async def test_settings(do: Do, context: Context) -> None:
    """Shown with default and effect, changed with a check, put back with `default`."""
    every = (await do("setting.list"))["settings"]
    assert len(every) > 20
    assert not any(setting["changed"] for setting in every)
    now = await do("setting.set", name="smtp.max_message_size", value="30M")
    assert (now["value"], now["raw"], now["effect"]) == ("30M", 30 << 20, "live")
    changed = (await do("setting.list", changed=True))["settings"]
    assert [setting["name"] for setting in changed] == ["smtp.max_message_size"]
    assert (await do("setting.get", name="smtp.max_message_size"))["value"] == "30M"
    error = await declined(do("setting.set", name="smtp.max_message_size", value="huge"))
    assert error.kind == "invalid"
    assert "25M" in error.mend
    assert (await declined(do("setting.set", name="smtp.max_mesage_size", value="1M"))).kind == "missing"
    back = await do("setting.set", name="smtp.max_message_size", value="default")
    assert (back["changed"], back["before"]) == (False, "30M")
    assert (await audit_of(do))[-1] == (
        "setting.set",
        "smtp.max_message_size",
        {"value": "30M"},
        {"value": back["default"]},
    )


async def test_every_setting_can_be_set_to_what_is_shown(do: Do) -> None:
    """The text form of each default is accepted as a value."""
    for setting in (await do("setting.list"))["settings"]:
        assert (await do("setting.set", name=setting["name"], value=setting["value"]))["value"] == setting[
            "value"
        ]


async def test_status_of_a_stopped_server(do: Do, context: Context) -> None:
    """Counts, without listeners."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    await deliver(context, b"a: b\r\n\r\nx\r\n")
    status = await do("status")
    assert (status["running"], status["listeners"]) == (False, [])
    assert (status["domains"], status["accounts"], status["messages"]) == (1, 1, 1)
    assert status["disk_free"] > 0


async def test_the_demo_is_made_once(do: Do) -> None:
    """The second time nothing is made, and the password is not changed."""
    wanted = {"domain": "posthouse.test", "address": "demo@posthouse.test", "password": "long enough"}
    assert (await do("demo.prepare", **wanted))["made"] is True
    before = await audit_of(do)
    assert (await do("demo.prepare", **wanted))["made"] is False
    assert await audit_of(do) == before


async def test_a_change_that_fails_leaves_no_audit_line(
    do: Do, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change and audit are one unit: when the line cannot be written, there is no change."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no audit")

    monkeypatch.setattr("posthouse.manage.domains.note", broken)
    assert (await declined(do("domain.add", name="example.org"))).kind == "failed"
    assert (await do("domain.list"))["domains"] == []
    assert await audit_of(do) == []


async def test_rights(context: Context) -> None:
    """Who may only look cannot change, and reading mail is a right of its own."""
    viewer = Actor("someone", "test", frozenset(("view",)))
    for name in ("domain.add", "setting.set", "message.raw"):
        error = await declined(perform(context, viewer, name, {}))
        assert error.kind == "refused"
    assert await perform(context, viewer, "domain.list", {})


async def test_secrets_are_masked_in_the_audit(context: Context, do: Do) -> None:
    """A field that sounds like a secret is masked, whoever forgot to do so."""

    def op(tx: Transaction) -> None:
        audit.note(
            tx, Actor("a", "b"), "x.y", "z", after={"api_token": "abc", "New-Password": "def", "plain": 1}
        )

    await context.database.run(op)
    assert (await audit_of(do))[0][3] == {"api_token": audit.MASK, "New-Password": audit.MASK, "plain": 1}


async def test_verify(do: Do, context: Context) -> None:
    """A healthy store is clean; a body that is gone is found, and so is a queued message without its body."""
    await do("domain.add", name="example.org")
    await do("account.add", address="anna@example.org", password="long enough")
    await deliver(context, NESTED)
    clean = await do("verify")
    assert (clean["error_count"], clean["bodies"], clean["messages"]) == (0, 1, 1)
    await queue_some(context, 1)
    body = (await do("message.show", message="anna@example.org/INBOX/1"))["copies"][0]["body"]
    Path(context.bodies.path(body)).unlink()
    found = await do("verify")
    assert found["queued"] == 1
    assert found["error_count"] == 2
    assert any(body in line for line in found["errors"])
    assert any("queue" in line for line in found["errors"])


async def test_verify_ends_when_nobody_listens(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The asker's connection breaks: the long work stops instead of going on for nobody."""
    ended = asyncio.Event()

    async def endless(database: Any, bodies: Any, *, progress: Any, rate: Any) -> None:
        try:
            for count in itertools.count():
                progress("bodies", count)
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def gone(value: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr("posthouse.manage.verify.verify", endless)
    monkeypatch.setattr("posthouse.manage.verify.TELL_SECONDS", 0.01)
    with pytest.raises(ConnectionResetError):
        await perform(context, Actor("a", "b"), "verify", {}, gone)
    assert ended.is_set()
