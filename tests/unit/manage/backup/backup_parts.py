"""Small servers with mail on them, and everything they hold as one value to compare."""

from __future__ import annotations

import base64
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from posthouse.directory.live import LiveSettings
from posthouse.directory.passwords import Passwords
from posthouse.manage.backup.tables import LEFT_OUT, converters, every_table, select_all
from posthouse.manage.context import Actor, Context
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.settings.config import Config
from posthouse.store.contract import FlagChange, NewMessage

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
ACTOR = Actor("uid 7 (tester)", "test")


class QuickHasher:
    """In place of Argon2."""

    def hash(self, password: str) -> str:
        return f"hash-{password}"

    def verify(self, hash: str, password: str) -> bool:
        return hash == f"hash-{password}"


class House:
    """A stopped server's data folder, opened."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def do(self, use: str, /, **parameters: Any) -> Any:
        """Run a use; the settings are read again after it, as a running server would."""
        found = msgspec.to_builtins(await perform(self.context, ACTOR, use, parameters))
        await LiveSettings(self.context.database, self.context.feed, self.context.settings).load()
        return found

    async def account(self, address: str) -> int:
        """The id of an account."""
        table = every_table()["accounts"]
        statement = select(table.c.id, table.c.address)
        rows = await self.context.database.scan(lambda tx: tx.execute(statement))
        return next(int(row[0]) for row in rows if row[1] == address)

    async def box(self, address: str, name: str) -> Any:
        """A mailbox."""
        found = await self.context.store.find(await self.account(address), name)
        assert found is not None
        return found

    async def put(self, address: str, name: str, content: bytes, **more: Any) -> int:
        """Append a message; its UID."""
        mailbox = await self.box(address, name)
        spool = self.context.bodies.spool()
        spool.write(content)
        body = spool.finish()
        [done] = await self.context.store.append(mailbox.id, [NewMessage(body, **more)])
        body.discard()
        return done.uid

    async def uids(self, address: str, name: str) -> list[int]:
        """The UIDs of a mailbox."""
        view = await self.context.store.examine((await self.box(address, name)).id)
        try:
            return list(view.uids)
        finally:
            view.close()

    async def contents(self, address: str, name: str) -> dict[int, bytes]:
        """The bytes of every message of a mailbox."""
        rows = await self.rows("messages")
        number = (await self.box(address, name)).id
        return {
            row["id"] & 0xFFFFFFFF: row["prefix"] + bytes(self.context.bodies.read(row["body"].hex()))
            for row in rows
            if row["mailbox_id"] == number
        }

    async def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        table = every_table()[name]
        statement, convert = select_all(table), converters(table.columns)
        found = await self.context.database.scan(lambda tx: tx.execute(statement))
        names = [column.name for column in table.columns]
        return [
            {key: make(value) for key, make, value in zip(names, convert, row, strict=True)} for row in found
        ]

    async def indexed(self) -> dict[str, Any]:
        """Mailboxes and messages, as ``recorded`` tells them."""
        boxes = {row["id"]: row for row in await self.rows("mailboxes") if row["account_id"] >= 0}
        names = ("account_id", "name", "uidvalidity", "special_use")
        found: dict[str, Any] = {
            f"mailbox {number}": [row[name] for name in names] for number, row in boxes.items()
        }
        for row in await self.rows("messages"):
            if row["mailbox_id"] in boxes:
                place = f"{row['mailbox_id']}/{row['id'] & 0xFFFFFFFF}"
                prefix = base64.b64encode(row["prefix"]).decode()
                what = [row["body"].hex(), prefix, row["internal_date"], row["zone"], row["save_date"]]
                found[place] = [*what, row["flags"], row["keywords"].split()]
        return found

    def recorded(self) -> dict[str, Any]:
        """What the side record tells from its beginning to now; it takes down no more after this."""
        side = self.context.side
        assert side is not None
        side.close()
        found: dict[str, Any] = {}
        for file in sorted(side.folder.iterdir()):
            for line in file.read_bytes().splitlines():
                told = msgspec.json.decode(line)
                number, uids = told["m"], told.get("u")
                match told["t"]:
                    case "mailbox":
                        found[f"mailbox {number}"] = [told[name] for name in "anvs"]
                    case "gone":
                        gone = [key for key in found if key.startswith(f"{number}/")]
                        for key in [f"mailbox {number}", *gone]:
                            del found[key]
                    case "copy":
                        found[f"{number}/{uids}"] = [told[name] for name in "bpdzsfk"]
                    case "flags":
                        for uid in uids:
                            found[f"{number}/{uid}"][5:] = [told["f"], told["k"]]
                    case "expunge":
                        for uid in uids:
                            del found[f"{number}/{uid}"]
        return found

    async def everything(self) -> dict[str, Any]:
        """Every row, and every body of a message, without what a restore changes on purpose."""
        found: dict[str, Any] = {
            name: await self.rows(name) for name in every_table() if name not in LEFT_OUT
        }
        found["audit"] = [row for row in found["audit"] if row["use"] != "backup.restore"]
        for row in found["mailboxes"]:
            for name in ("uidnext", "highest_modseq", "tombstones_from"):
                del row[name]
        for row in found["counters"]:
            del row["value"]
        found["contents"] = {
            row["body"]: bytes(self.context.bodies.read(row["body"].hex())) for row in found["messages"]
        }
        return found

    async def fill(self) -> None:
        """Two accounts with mail: large and small, flags, keywords, a folder, an alias, a setting, a gap of UIDs."""
        await self.do("domain.add", name="posthouse.test")
        for address in (ANNA, BERT):
            await self.do("account.add", address=address, password="correct-horse-battery")
        await self.do("alias.add", address="info@posthouse.test", target=ANNA)
        await self.do("setting.set", name="smtp.max_message_size", value="30M")
        anna = await self.account(ANNA)
        await self.context.store.create(anna, "Ablage/Jörgen 🐎")
        for number in range(7):
            await self.put(
                ANNA, "INBOX", message(number), flags=number % 4, keywords=("Gelb",) * (number % 2)
            )
        await self.put(
            BERT, "INBOX", message(3), prefix=b"Delivered-To: bert\r\n", internal_date=1_600_000_000
        )
        await self.put(ANNA, "Ablage/Jörgen 🐎", b"Subject: big\r\n\r\n" + bytes(range(256)) * 3000, zone=120)
        inbox = await self.box(ANNA, "INBOX")
        await self.context.store.expunge_any(inbox.id, [2, 7])
        await self.context.store.flags(inbox.id, [5], FlagChange("add", 4, ("Rot",)))

    async def keep(self, place: Path) -> str:
        """Begin backups in a place (instead of one before, if there was one) and make the first; the recovery key."""
        key: str = (await self.do("backup.init", place=str(place), force=True))["recovery_key"]
        await self.do("backup.run")
        return key


def message(number: int) -> bytes:
    """A small message."""
    return (
        b"Subject: Nr. %d\r\nMessage-ID: <%d@e.example>\r\n\r\nHello %d\r\n"
        % (number, number, number)
        * (number + 1)
    )


@contextlib.asynccontextmanager
async def house(empty: Path, folder: Path, database_url: str = "") -> AsyncIterator[House]:
    """An empty server."""
    if not folder.exists():
        shutil.copytree(empty, folder)
    async with open_context(Config(data=str(folder), database_url=database_url)) as made:
        made.passwords.close()
        made.passwords = Passwords(hasher=QuickHasher())
        yield House(made)
        made.passwords.close()
