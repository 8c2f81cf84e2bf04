"""A merge brings the whole household back: lists, groups, addresses, and what belongs to accounts and domains."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from backup_parts import ANNA, BERT, House, house, message
from sqlalchemy import bindparam, insert

from posthouse.database.contract import Transaction
from posthouse.directory.client_certificate_records import client_certificates
from posthouse.directory.identity_records import factors
from posthouse.directory.lists import find as find_list
from posthouse.manage.backup import merge_rows
from posthouse.manage.backup.tables import every_table
from posthouse.manage.errors import ManageError

pytestmark = pytest.mark.timeout(600)

CARL, DESK, LIST = "carl@posthouse.test", "desk@posthouse.test", "team@posthouse.test"
TABLES = (
    *{part.table for part in (*merge_rows.OF_ACCOUNT, *merge_rows.OF_DOMAIN)},
    "account_addresses",
    "masked_addresses",
    "domain_names",
    "domain_templates",
    "account_groups",
    "group_members",
    "mailing_lists",
    "list_members",
    "list_people",
    "folder_acl",
    "folder_notes",
)
GIVEN = {
    "id",
    "account_id",
    "domain_id",
    "of_id",
    "list_id",
    "group_id",
    "member_id",
    "mailbox_id",
    "identifier",
}
"""Columns with numbers that are others on another server."""
SHOWN = {"scope", "address"}
"""Columns that hold a number in some rows."""


async def furnish(first: House) -> None:
    """A server with something of everything."""
    await first.fill()
    for address in (CARL,):
        await first.do("account.add", address=address, password="correct-horse-battery")
    await first.do("domain.name_add", name="posthouse.test", other="post.test")
    await first.do("domain.template_save", template="small", domain="posthouse.test")
    await first.do("domain.signature_set", name="posthouse.test", plain="The post office")
    await first.do("domain.archive_set", name="posthouse.test", days=300)
    await first.do("account.address_add", address=ANNA, further="anne@posthouse.test")
    await first.do("account.signature_set", address=ANNA, plain="Anna")
    await first.do("account.auto_reply_set", address=ANNA, plain="I am away.")
    await first.do("account.archive_set", address=BERT, days=30)
    await first.do("account.forward_set", address=BERT, targets=["bert@there.example"])
    await first.do("app_password.add", name="phone", address=ANNA, protocols=["imap"])
    await first.do("journal.set", address="books@there.example")
    await first.do("journal.set", of="posthouse.test", address="books@there.example", form="copy")
    await first.do("group.add", name="staff")
    await first.do("group.add", name="all")
    await first.do("group.member_add", name="staff", member=BERT)
    await first.do("group.member_add", name="all", member="staff")
    await first.do("group.member_add", name="all", member=ANNA)
    await first.do("list.add", address=LIST, mode="members")
    await first.do("list.change", address=LIST, tag="[team]", owners=[ANNA])
    for member in (CARL, "dora@far.example", "staff"):
        await first.do("list.member_add", address=LIST, member=member)
    await first.do("shared_mailbox.add", address=DESK, members=[ANNA, "$staff"])
    await first.do("folder.add", name="News")
    await first.do("folder.set_rights", name="News", who="$all", rights="read")
    await first.put(DESK, "INBOX", message(1))
    anna = await first.account(ANNA)

    def op(tx: Transaction) -> None:
        masked = every_table()["masked_addresses"]
        domain = tx.execute(every_table()["domains"].select())[0][0]
        rows: list[tuple[Any, dict[str, Any]]] = [
            (masked, {"address": "m-1@posthouse.test", "domain_id": domain, "note": "shop", "active": 1}),
            (client_certificates, {"fingerprint": b"c" * 32, "name": "laptop"}),
            (factors, {"kind": "totp", "name": "phone", "mark": b"m" * 32, "secret": "s", "counter": 3}),
        ]
        for table, values in rows:
            known = {"account_id": anna, **values}
            for column in table.c:
                if column.name != "id" and column.name not in known:
                    known[column.name] = 0
            tx.execute(insert(table).values({name: bindparam(name) for name in known}), known)
        number = every_table()["mailboxes"]
        inbox = next(row[0] for row in tx.execute(number.select()) if row[1] == anna and row[2] == "INBOX")
        note = {"mailbox_id": inbox, "account_id": anna, "entry": "/comment", "value": b"mine"}
        tx.insert_ignore(every_table()["folder_notes"], note)

    await first.context.database.run(op)


async def all_rows(server: House, name: str) -> Counter[tuple[tuple[str, Any], ...]]:
    """The rows of a table without what is another number elsewhere."""
    found: Counter[tuple[tuple[str, Any], ...]] = Counter()
    for row in await server.rows(name):
        kept = {key: value for key, value in row.items() if key not in GIVEN}
        for key in SHOWN & kept.keys():
            kept[key] = str(kept[key]).rstrip("0123456789") if name != "account_addresses" else kept[key]
        found[tuple(sorted(kept.items()))] += 1
    return found


async def members(server: House, name: str) -> set[str]:
    return {each["name"] for each in (await server.do("list.members", address=name))["members"]}


async def test_everything_comes_to_another_server(
    empty_data: Path, tmp_path: Path, database_url: str
) -> None:
    """Under other numbers, and a second merge finds nothing to do."""
    async with (
        house(empty_data, tmp_path / "first") as first,
        house(empty_data, tmp_path / "second", database_url) as second,
    ):
        await furnish(first)
        key = await first.keep(tmp_path / "place")
        await second.do("domain.add", name="other.test")
        await second.do("account.add", address="zoe@other.test", password="correct-horse-battery")
        await second.do("group.add", name="other")
        place = {"place": str(tmp_path / "place"), "key": key}
        told = await second.do("backup.restore", **place, dry_run=True)
        assert told["mode"] == "merge"
        done = await second.do("backup.restore", **place)
        assert done["changes"] == told["changes"]
        assert [line for line in done["changes"] if not line.startswith(("make ", "add ", "set "))] == []
        for name in TABLES:
            wanted, now = await all_rows(first, name), await all_rows(second, name)
            if name == "account_groups":
                now = Counter({row: count for row, count in now.items() if ("name", "other") not in row})
            assert now == wanted, name
            assert (
                now
                or name in ("account_limits", "sending_limits", "sender_rights", "source_accounts")
                or (name in ("auto_reply_senders", "dkim_keys"))
            ), f"nothing of {name} was tried"
        assert await members(second, LIST) == {CARL, "dora@far.example", "staff"}
        shown = await second.do("group.show", name="all")
        assert {*shown["accounts"], *shown["groups"]} == {"staff", ANNA}
        shown = await second.do("shared_mailbox.show", address=DESK)
        assert {each["who"] for each in shown["members"]} == {"$staff", ANNA}
        shown = await second.do("folder.show", name="News")
        assert [each["who"] for each in shown["entries"]] == ["$all"]
        [password] = (await second.do("app_password.list", address=ANNA))["app_passwords"]
        assert (password["address"], password["name"], password["protocols"]) == (ANNA, "phone", ["imap"])
        assert (await second.do("account.signature", address=ANNA))["plain"] == "Anna"
        assert (await second.do("domain.show", name="posthouse.test"))["others"] == ["post.test"]
        assert len(await second.contents(DESK, "INBOX")) == 1
        again = await second.do("backup.restore", **place)
        assert (again["changes"], again["messages"]) == ([], 0)


async def test_what_is_there_stays_and_conflicts_are_named(empty_data: Path, tmp_path: Path) -> None:
    async with house(empty_data, tmp_path / "first") as first:
        await furnish(first)
        await first.do("list.add", address="second@posthouse.test")
        key = await first.keep(tmp_path / "place")
        # Who left stays away, and what was taken back does not come back to somebody who is here.
        await first.do("list.member_remove", address=LIST, member="dora@far.example")
        await first.do("group.member_remove", name="all", member=ANNA)
        [password] = (await first.do("app_password.list", address=ANNA))["app_passwords"]
        await first.do("app_password.remove", id=password["id"])
        await first.do("account.signature_set", address=ANNA)
        await first.do("account.address_remove", address=ANNA, further="anne@posthouse.test")
        await first.do("alias.add", address="anne@posthouse.test", target=BERT)
        await first.do("domain.name_remove", name="posthouse.test", other="post.test")
        await first.do("domain.add", name="post.test")
        await first.do("account.masked_remove", address=ANNA, masked="m-1@posthouse.test")
        await first.do("account.add", address="m-1@posthouse.test", password="correct-horse-battery")
        await first.do("list.remove", address="second@posthouse.test")
        await first.do("account.add", address="second@posthouse.test", password="correct-horse-battery")
        told = await first.do("backup.restore", key=key)
        assert sorted(told["changes"]) == sorted(
            [
                f"keep account {ANNA} as it is: in the backup it has app passwords, a signature besides",
                f"leave out address anne@posthouse.test of {ANNA}: there is an alias of that name",
                f"leave out masked address m-1@posthouse.test of {ANNA}: there is an account of that name",
                "leave out name post.test of domain posthouse.test: there is a domain of that name",
                "keep group all as it is: in the backup it has 1 member besides",
                f"keep list {LIST} as it is: in the backup it has 1 member besides",
                "leave out list second@posthouse.test: there is an account of that name",
            ]
        )
        assert (await first.do("app_password.list", address=ANNA))["app_passwords"] == []
        assert "dora@far.example" not in await members(first, LIST)


async def test_an_account_that_was_lost_has_all_its_own_again(empty_data: Path, tmp_path: Path) -> None:
    """A merge of one account brings no list and no group; a list without a group that is another by now."""
    async with house(empty_data, tmp_path / "first") as first:
        await furnish(first)
        key = await first.keep(tmp_path / "place")
        await first.do("account.remove", address=ANNA, purge=True)
        await first.do("list.remove", address=LIST)
        await first.do("group.remove", name="staff")
        await first.do("group.add", name="staff")
        done = await first.do("backup.restore", key=key, account=ANNA)
        assert f"make account {ANNA}" in done["changes"]
        assert f"make address anne@posthouse.test of {ANNA}" in done["changes"]
        assert len(await first.rows("app_passwords")) == len(await first.rows("factors")) == 1
        assert (await first.do("account.auto_reply", address=ANNA))["plain"] == "I am away."
        assert await first.context.database.scan(find_list, LIST) is None
        done = await first.do("backup.restore", key=key)
        assert f"leave out group staff of list {LIST}: no group here is the same" in done["changes"]
        assert await members(first, LIST) == {CARL, "dora@far.example"}


async def test_a_list_that_was_cut_off_is_made_whole(
    empty_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge that dies in the middle of a list leaves nothing of it; the next brings it with all of its members."""
    async with house(empty_data, tmp_path / "first") as first:
        await furnish(first)
        key = await first.keep(tmp_path / "place")
        await first.do("list.remove", address=LIST)
        fine = merge_rows.filled

        def broken(table: Any, row: Any, **own: Any) -> Any:
            if row.get("address") == "dora@far.example":
                raise RuntimeError("cut off")
            return fine(table, row, **own)

        monkeypatch.setattr("posthouse.manage.backup.merge_names.filled", broken)
        with pytest.raises(ManageError, match="failed inside the server"):
            await first.do("backup.restore", key=key)
        assert await first.rows("mailing_lists") == []
        monkeypatch.undo()
        await first.do("backup.restore", key=key)
        assert await members(first, LIST) == {CARL, "dora@far.example", "staff"}
