"""The suppression list and the kept bounces on every database."""

from __future__ import annotations

from notice_parts import NO_USER, desk, queued, told_of

from posthouse.database.contract import Database
from posthouse.deliver.contract import NoticeKind
from posthouse.deliver.dsn import verp
from posthouse.deliver.dsn.bounces import Bounces, Wanted, causes_since, page, remove_old
from posthouse.deliver.results import Said
from posthouse.directory import suppression
from posthouse.directory.suppression import Failure, Suppression, Suppressions
from posthouse.mail.address import parse_address
from posthouse.settings.contract import CurrentSettings, Settings

NOW = 1_795_000_000.0
DAY = 86400.0
BERT = "bert@there.test"
KEY = b"k" * 32


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


async def check(database: Database, address: str, account: str = "", at: float = NOW) -> str:
    refusal = await Suppressions(database, lambda: at).check(parse_address(address), account)
    return f"{refusal.code} {refusal.enhanced} {refusal.text}" if refusal is not None else ""


async def count(database: Database, address: str, at: float, after: int = 2, soft: bool = False) -> bool:
    failure = Failure(
        address, "mailbox-full" if soft else "no-mailbox", "5.1.1", "550 5.1.1 Üser unknown", "tr4ce"
    )
    return await database.run(suppression.count, failure, at, after=after, lifetime=30 * DAY, soft=soft)


async def test_two_failures_put_an_address_there_for_a_while(database: Database) -> None:
    assert not await count(database, "Bert@There.test", NOW)
    assert await check(database, BERT) == ""
    assert await count(database, BERT, NOW + DAY)
    said = await check(database, "BERT@there.test", at=NOW + 2 * DAY)
    assert said.startswith(
        f"550 5.1.1 Not sent: {BERT} is on this server's suppression list since 2026-11-18, because"
    )
    assert "there is no such mailbox (5.1.1)" in said
    assert f"posthouse suppression remove {BERT}" in said
    assert await check(database, "anna@there.test", at=NOW + 2 * DAY) == ""
    assert await check(database, BERT, at=NOW + 31 * DAY + 1) == ""
    assert await database.run(suppression.remove_expired, NOW + 31 * DAY + 1) == 1
    assert await database.run(suppression.remove_expired, NOW + 31 * DAY + 1) == 0


async def test_failures_long_ago_do_not_count(database: Database) -> None:
    assert not await count(database, BERT, NOW)
    assert not await count(database, BERT, NOW + 31 * DAY)
    assert await count(database, BERT, NOW + 32 * DAY)


async def test_what_arrives_ends_the_counting_not_the_entry(database: Database) -> None:
    await count(database, BERT, NOW)
    await database.run(suppression.forget_counts, ["BERT@there.test", "x@y.test"])
    assert not await count(database, BERT, NOW)
    assert await count(database, BERT, NOW)
    await database.run(suppression.forget_counts, [BERT])
    assert await check(database, BERT)


async def test_passing_failures_have_their_own_number(database: Database) -> None:
    for number in range(3):
        assert await count(database, BERT, NOW + number, after=3, soft=True) is (number == 2)
    assert not await count(database, "carl@there.test", NOW, after=0)


async def test_entries_by_hand_scopes_and_accounts(database: Database) -> None:
    def op(tx: object) -> None:
        suppression.put(tx, Suppression("@spam.test", said="never", first_at=NOW, last_at=NOW))  # type: ignore[arg-type]
        suppression.put(tx, Suppression(BERT, "anna@here.test", first_at=NOW, expires_at=NOW + DAY))  # type: ignore[arg-type]

    await database.run(op)
    assert (await check(database, "any.one@spam.test")).startswith("550 5.7.1 Not sent: @spam.test is on")
    assert await check(database, "any.one@sub.spam.test") == ""
    assert await check(database, BERT) == ""
    assert await check(database, BERT, "carl@here.test") == ""
    assert await check(database, BERT, "Anna@here.test")
    assert await check(database, BERT, "anna@here.test", at=NOW + DAY) == ""
    # failures do not change what was made by hand
    for number in range(3):
        await count(database, "x@spam.test", NOW + number)
    entry = await database.run(suppression.find, "@spam.test")
    assert entry is not None
    assert (entry.said, entry.expires_at, entry.hits) == ("never", 0.0, 0)
    assert await database.run(suppression.remove, BERT, "anna@here.test")
    assert not await database.run(suppression.remove, BERT, "anna@here.test")


async def test_pages_and_search(database: Database) -> None:
    def op(tx: object) -> None:
        for number in range(25):
            entry = Suppression(
                f"user{number:02}@there.test", said=f"Reason {number}_%", first_at=NOW, active=number < 20
            )
            suppression.put(tx, entry)  # type: ignore[arg-type]
        suppression.put(tx, Suppression("user01@there.test", "anna@here.test", first_at=NOW))  # type: ignore[arg-type]
        suppression.put(tx, Suppression("old@there.test", first_at=NOW, expires_at=NOW - 1))  # type: ignore[arg-type]

    await database.run(op)
    seen: list[tuple[str, str]] = []
    after = ("", "")
    while True:
        rows, total = await database.read(suppression.page, "", after, 7, NOW)
        assert total == 21
        seen += [(row.address, row.account) for row in rows]
        if len(rows) < 7:
            break
        after = seen[-1]
    assert len(seen) == len(set(seen)) == 21
    assert seen == sorted(seen)
    assert (await database.read(suppression.page, "", ("", ""), 100, NOW, counting=True))[1] == 26
    assert [
        row.address for row in (await database.read(suppression.page, "reason 7_", ("", ""), 9, NOW))[0]
    ] == ["user07@there.test"]
    assert (await database.read(suppression.page, "%", ("", ""), 9, NOW))[1] == 20


async def test_settling_fills_the_list(database: Database) -> None:
    """Only failures for good, only of addresses outside, only where a server said so."""

    async def note(*told: tuple[str, NoticeKind, Said, str]) -> None:
        rows = [told_of(queued(), kind, said, address, destination=to) for address, kind, said, to in told]
        await database.run(desk().note, rows)

    there, full = "mx:there.test", Said(552, "5.2.2", "mailbox full", "mx.there.test")
    ours = Said(0, "5.1.1", "no such mailbox")
    for _ in range(2):
        await note(
            (BERT, "failed", NO_USER, there),
            ("late@there.test", "delayed", NO_USER, there),
            ("full@there.test", "failed", full, there),
            ("here@here.test", "failed", NO_USER, "local"),
            ("silent@there.test", "failed", ours, there),
        )
    rows, _ = await database.read(suppression.page, "", ("", ""), 100, NOW, counting=True)
    assert [(row.address, row.active, row.cause, row.hits, row.trace) for row in rows] == [
        (BERT, True, "no-mailbox", 2, "tr4ce")
    ]
    assert "User unknown" in rows[0].said
    await note(("carl@there.test", "failed", NO_USER, there))
    await note(("carl@there.test", "relayed", Said(250, "2.0.0", "ok"), there))
    await note(("carl@there.test", "failed", NO_USER, there))
    assert await check(database, "carl@there.test") == ""
    off = desk({"suppression.after": 0})
    for _ in range(3):
        await database.run(off.note, [told_of(queued(), recipient="dora@there.test")])
    assert await check(database, "dora@there.test") == ""


BOUNCE = (
    b"From: MAILER-DAEMON@mx.there.test\r\nSubject: failure notice\r\nIn-Reply-To: <one@here.test>\r\n\r\n"
    b"<other@there.test>:\r\n550 5.1.1 User unknown\r\n"
)


async def test_bounces_are_kept_once_and_count_where_they_are_certain(database: Database) -> None:
    clock = Clock()
    bounces = Bounces(database, CurrentSettings(Settings()), lambda: [KEY], clock)
    lists = parse_address("lists@here.test")
    path = verp.encode(lists, parse_address(BERT), KEY)
    assert path is not None
    for _ in range(2):
        (taken,) = await bounces.take(BOUNCE, path)
        assert (taken.about.recipient, taken.certain, taken.sender) == (BERT, True, "lists@here.test")
    assert await check(database, BERT) == ""
    await bounces.take(BOUNCE + b"again\r\n", path)
    assert (await check(database, BERT)).startswith("550 5.1.1")
    # without a mark of ours anybody may have written it
    for number in range(5):
        (taken,) = await bounces.take(BOUNCE + b"%d\r\n" % number, lists)
        assert (taken.about.recipient, taken.certain) == ("other@there.test", False)
    assert await check(database, "other@there.test") == ""
    rows, total = await database.scan(page, Wanted(sender="lists@here.test"))
    kept = [bounce for _, _, bounce in rows]
    assert total == 7
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    older, total = await database.scan(page, Wanted(search="SAID no", cause="no-mailbox"), 5, rows[1][0])
    assert (len(older), total) == (0, 0)
    older, total = await database.scan(page, Wanted(search="There.test", cause="no-mailbox"), 3, rows[1][0])
    assert ([row[0] for row in older], total) == ([row[0] for row in rows[2:5]], 7)
    for nothing in (Wanted(cause="spam"), Wanted(since=NOW + 1), Wanted(sender="bert@here.test")):
        assert await database.scan(page, nothing) == ([], 0)
    assert len(kept) == 7
    assert {each.about.message_id for each in kept} == {"<one@here.test>"}
    assert sum(each.certain for each in kept) == 2
    assert await database.read(causes_since, NOW - 1) == {"no-mailbox": 7}
    assert await bounces.take(b"Subject: hello\r\n\r\nhello\r\n", path) == []
    assert await database.run(remove_old, NOW) == 0
    assert await database.run(remove_old, NOW + 1) == 7


async def test_a_full_mailbox_takes_ten(database: Database) -> None:
    bounces = Bounces(database, CurrentSettings(Settings()), lambda: [KEY], Clock())
    path = verp.encode(parse_address("lists@here.test"), parse_address(BERT), KEY)
    assert path is not None
    for number in range(10):
        assert await check(database, BERT) == ""
        await bounces.take(
            BOUNCE.replace(b"550 5.1.1 User unknown", b"452 4.2.2 mailbox full %d" % number), path
        )
    assert "the mailbox is full" in await check(database, BERT)
