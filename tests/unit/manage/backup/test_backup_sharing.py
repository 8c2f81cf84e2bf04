"""What people share comes back with a backup: rights, read marks, notes and shared mailboxes."""

from __future__ import annotations

from pathlib import Path

from backup_parts import ANNA, BERT, house, message

from posthouse.database.contract import Transaction
from posthouse.store import acl
from posthouse.store.records import message_id
from posthouse.store.seen import set_marks

DESK = "desk@posthouse.test"
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


async def test_a_merge_brings_folders_back_to_their_owners_alone(empty_data: Path, tmp_path: Path) -> None:
    """Who saw a folder before it was deleted may be somebody else by now: what a merge brings is shared anew."""
    async with house(empty_data, tmp_path / "first") as first:
        await first.fill()
        folder = "Ablage/Jörgen 🐎"
        await first.do("folder.set_rights", of=ANNA, name=folder, who=BERT, rights="read")
        key = await first.keep(tmp_path / "place")
        await first.do("folder.set_rights", of=ANNA, name=folder, who=BERT, rights="none")
        await first.context.store.delete(await first.account(ANNA), folder)
        await first.do("backup.restore", key=key)
        shown = await first.do("folder.show", of=ANNA, name=folder)
        assert shown["entries"] == []
