"""What people share comes back with a backup: rights, read marks, notes and shared mailboxes."""

from __future__ import annotations

from pathlib import Path

from backup_parts import ANNA, BERT, house, message

from posthouse.database.contract import Transaction
from posthouse.store import acl
from posthouse.store.acl import PUBLIC
from posthouse.store.records import message_id
from posthouse.store.seen import set_marks

CARL, DESK = "carl@posthouse.test", "desk@posthouse.test"
TABLES = ("folder_acl", "seen_marks", "folder_notes", "shared_mailboxes", "account_groups")


async def test_an_exact_restore_has_all_that_is_shared(empty_data: Path, tmp_path: Path) -> None:
    async with (
        house(empty_data, tmp_path / "first") as first,
        house(empty_data, tmp_path / "second") as second,
    ):
        await first.fill()
        await first.do("group.add", name="helpers")
        await first.do("group.member_add", name="helpers", member=BERT)
        await first.do("shared_mailbox.add", address=DESK, members=[ANNA, "$helpers"], own_marks=True)
        await first.do("shared_mailbox.set", address=DESK, keep_sent=False)
        await first.do("folder.add", name="News")
        await first.do("folder.set_rights", name="News", who="anyone", rights="read")
        await first.do("folder.set_rights", of=ANNA, name="INBOX", who=f"-{BERT}", rights="x")
        await first.put(DESK, "INBOX", message(1))
        anna = await first.account(ANNA)
        inbox = await first.box(DESK, "INBOX")

        def op(tx: Transaction) -> None:
            set_marks(tx, anna, [message_id(inbox.id, 1)], True)

        await first.context.database.run(op)
        key = await first.keep(tmp_path / "place")
        was = await first.everything()
        for name in ("folder_acl", "seen_marks", "shared_mailboxes"):
            assert was[name], name
        await second.do("backup.restore", place=str(tmp_path / "place"), key=key)
        now = await second.everything()
        for name in TABLES:
            assert now.get(name) == was.get(name), name
        shown = await second.do("shared_mailbox.show", address=DESK)
        assert [each["who"] for each in shown["members"]] == ["$helpers", ANNA]
        assert (shown["own_marks"], shown["keep_sent"]) == (True, False)
        # A group that is removed takes its entries along.
        await second.do("group.remove", name="helpers")
        shown = await second.do("shared_mailbox.show", address=DESK)
        assert [each["who"] for each in shown["members"]] == [ANNA]
        left = {row["identifier"] for row in await second.rows("folder_acl")}
        assert left == {acl.ANYONE, acl.of_account(anna), "-" + acl.of_account(await second.account(BERT))}


async def test_a_merge_brings_a_folder_back_with_its_rights(empty_data: Path, tmp_path: Path) -> None:
    """Those of people and groups that are the same; nobody inherits the rights of one who had the name before. What is
    there keeps its rights."""
    async with house(empty_data, tmp_path / "first") as first:
        await first.fill()
        folder = "Ablage/Jörgen 🐎"
        for name in ("helpers", "others"):
            await first.do("group.add", name=name)
        await first.do("account.add", address=CARL, password="correct-horse-battery")
        for who in (BERT, CARL, "$helpers", "$others", "anyone"):
            await first.do("folder.set_rights", of=ANNA, name=folder, who=who, rights="read")
        await first.do("folder.set_rights", of=ANNA, name="INBOX", who=BERT, rights="read")
        await first.do("folder.add", name="News/Old")
        await first.do("folder.set_rights", name="News/Old", who="$helpers", rights="read")
        key = await first.keep(tmp_path / "place")
        await first.do("folder.set_rights", of=ANNA, name="INBOX", who=BERT, rights="none")
        await first.context.store.delete(await first.account(ANNA), folder)
        await first.context.store.delete(PUBLIC, "News/Old")
        await first.do("account.remove", address=CARL, purge=True)
        await first.do("account.add", address=CARL, password="another-horse-battery")
        await first.do("group.remove", name="others")
        await first.do("group.add", name="others")
        told = await first.do("backup.restore", key=key, dry_run=True)
        done = await first.do("backup.restore", key=key)
        assert done["changes"] == told["changes"]
        lines = "\n".join(done["changes"])
        for who in (CARL, "group others"):
            assert f"leave out the rights of {who} on {ANNA}/{folder}: nobody here is the same" in lines
        assert "make mailbox public folders/News/Old" in lines
        shown = await first.do("folder.show", of=ANNA, name=folder)
        assert {each["who"] for each in shown["entries"]} == {BERT, "$helpers", "anyone"}
        assert (await first.do("folder.show", of=ANNA, name="INBOX"))["entries"] == []
        shown = await first.do("folder.show", name="News/Old")
        assert [each["who"] for each in shown["entries"]] == ["$helpers"]
        assert (await first.do("backup.restore", key=key))["changes"] == []
