"""Signatures, automatic replies, journals and archive rules, as every engine keeps them."""

from __future__ import annotations

import asyncio

import pytest

from posthouse.database.contract import Database
from posthouse.directory import archives, autoreply, journals, signatures
from posthouse.directory.archives import ArchiveRule, Owner
from posthouse.directory.autoreply import AutoReply
from posthouse.directory.errors import DirectoryError
from posthouse.directory.journals import SERVER, Journal
from posthouse.directory.signatures import OwnSignature

DAY = 86_400.0


async def test_signatures_are_kept_replaced_and_removed(database: Database) -> None:
    wanted = OwnSignature("a", "<b>", False, "append", True, False)
    await database.run(signatures.put, "domain", 5, wanted)
    await database.run(signatures.put, "account", 5, OwnSignature("other"))
    assert await database.read(signatures.find, "domain", 5) == wanted
    await database.run(signatures.put, "domain", 5, OwnSignature("new"))
    assert await database.read(signatures.find, "domain", 5) == OwnSignature("new")
    await database.run(signatures.put, "domain", 5, OwnSignature(" "))
    assert await database.read(signatures.find, "domain", 5) is None
    assert await database.read(signatures.find, "account", 5) == OwnSignature("other")
    with pytest.raises(DirectoryError, match="longer"):
        await database.run(signatures.put, "account", 5, OwnSignature("x" * 20_001))


async def test_a_sender_is_claimed_once_however_many_ask(database: Database) -> None:
    await database.run(autoreply.put, 7, AutoReply("away"))
    claims = await asyncio.gather(
        *(database.run(autoreply.claim, 7, "Erik@Far.test", 1000.0 * DAY, 7) for _ in range(8))
    )
    assert sorted(claims) == [False] * 7 + [True]
    now = 1000.0 * DAY
    assert not await database.read(autoreply.due, 7, "erik@far.test", now + 6.9 * DAY, 7)
    assert await database.read(autoreply.due, 7, "erik@far.test", now + 7 * DAY, 7)
    assert await database.read(autoreply.due, 8, "erik@far.test", now, 7)
    assert await database.run(autoreply.claim, 7, "erik@far.test", now + 7 * DAY, 7)
    assert await database.read(autoreply.answered, 7) == 1


async def test_new_words_and_a_switch_off_begin_anew(database: Database) -> None:
    now = 1000.0 * DAY
    await database.run(autoreply.put, 7, AutoReply("away"))
    await database.run(autoreply.claim, 7, "a@b", now, 7)
    await database.run(autoreply.put, 7, AutoReply("away", days=3))
    assert not await database.read(autoreply.due, 7, "a@b", now, 7)
    await database.run(autoreply.put, 7, AutoReply("away again"))
    assert await database.read(autoreply.due, 7, "a@b", now, 7)
    await database.run(autoreply.claim, 7, "a@b", now, 7)
    await database.run(autoreply.put, 7, AutoReply("away again", active=False))
    assert await database.read(autoreply.due, 7, "a@b", now, 7)
    await database.run(autoreply.claim, 7, "a@b", now, 7)
    assert not await database.run(autoreply.tidy, now + 400 * DAY)
    assert await database.read(autoreply.answered, 7) == 0
    await database.run(autoreply.clear, 7)
    with pytest.raises(DirectoryError):
        await database.run(autoreply.clear, 7)


@pytest.mark.parametrize(
    "reply",
    [
        AutoReply(" "),
        AutoReply("x" * 20_001),
        AutoReply("x", days=0),
        AutoReply("x", days=366),
        AutoReply("x", starts_at=20.0, ends_at=10.0),
        AutoReply("x", starts_at=-1.0),
        AutoReply("x", subject="x" * 301),
    ],
)
async def test_replies_that_make_no_sense_are_refused(database: Database, reply: AutoReply) -> None:
    with pytest.raises(DirectoryError):
        await database.run(autoreply.put, 7, reply)
    assert await database.read(autoreply.find, 7) is None


def test_a_reply_holds_from_its_beginning_until_its_end() -> None:
    reply = AutoReply("x", starts_at=10.0, ends_at=20.0)
    assert [reply.holds(each) for each in (9.9, 10.0, 19.9, 20.0)] == [False, True, True, False]
    assert not AutoReply("x", active=False).holds(1.0)


async def test_journals(database: Database) -> None:
    await database.run(journals.put, Journal(SERVER, "Books@Far.Test"))
    await database.run(journals.put, Journal(3, "other@far.test", "incoming", "copy", False))
    assert await database.read(journals.active) == (Journal(SERVER, "Books@far.test"),)
    assert [each.domain_id for each in await database.read(journals.everything)] == [SERVER, 3]
    await database.run(journals.forget_domain, 3)
    assert (await database.run(journals.clear, SERVER)).address == "Books@far.test"
    with pytest.raises(DirectoryError):
        await database.run(journals.clear, SERVER)
    with pytest.raises(DirectoryError):
        await database.run(journals.put, Journal(SERVER, "no address"))


async def test_an_account_s_own_archive_rule_goes_before_its_domain_s(database: Database) -> None:
    owner = Owner(7, 3, "a@b")
    assert not await database.read(archives.anybody)
    await database.run(archives.put, "domain", 3, ArchiveRule(days=10))
    assert await database.read(archives.anybody)
    assert await database.read(archives.rule_for, owner) == ArchiveRule(days=10)
    await database.run(archives.put, "account", 7, ArchiveRule(folder=" Old / %YEAR% "))
    found = await database.read(archives.rule_for, owner)
    assert found is not None
    assert found.folder_of(1_700_000_000) == "Old/2023"
    await database.run(archives.put, "account", 7, ArchiveRule(active=False))
    assert await database.read(archives.rule_for, owner) is None
    await database.run(archives.set_progress, 7, 70, 12)
    await database.run(archives.set_progress, 7, 70, 14)
    assert await database.read(archives.progress, 70) == 14
    await database.run(archives.forget, "account", 7)
    assert await database.read(archives.progress, 70) == 0
    await database.run(archives.clear, "domain", 3)
    for folder in ("", "INBOX/old", "a*", "a//b", "%DAY%", "a\x07"):
        with pytest.raises(DirectoryError):
            await database.run(archives.put, "account", 7, ArchiveRule(folder=folder))
    with pytest.raises(DirectoryError):
        await database.run(archives.put, "account", 7, ArchiveRule(days=-1))
