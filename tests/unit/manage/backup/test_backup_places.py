"""From one engine to another, and to an object store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from backup_parts import ANNA, house, message
from sqlalchemy import create_engine

from posthouse.database.urls import parse
from posthouse.manage.backup.tables import every_table
from posthouse.manage.errors import ManageError
from posthouse.store.verify import verify


def clean(url: str) -> None:
    """Delete every row that a test before left."""
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        for table in reversed([*every_table().values()]):
            connection.execute(table.delete())
    engine.dispose()


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
async def test_from_sqlite_to_a_server_and_back(
    engine: str, request: pytest.FixtureRequest, empty_data: Path, tmp_path: Path
) -> None:
    """Every row and body is the same on the other engine, ids go on above the highest; and the same again on
    SQLite, from a backup made there."""
    url = request.getfixturevalue(f"{engine}_database")
    clean(url)
    async with house(empty_data, tmp_path / "first") as first:
        await first.fill()
        key = await first.keep(tmp_path / "one")
        was = await first.everything()
        was["audit"].pop()
    async with house(empty_data, tmp_path / "second", url) as second:
        await second.do("backup.restore", place=str(tmp_path / "one"), key=key)
        assert await second.everything() == was
        report = await verify(second.context.database, second.context.bodies)
        assert not report.error_count, report.errors
        await second.do("account.add", address="cora@posthouse.test", password="correct-horse-battery")
        await second.put(ANNA, "INBOX", message(9))
        other = await second.keep(tmp_path / "two")
        now = await second.everything()
        now["audit"].pop()
    async with house(empty_data, tmp_path / "third") as third:
        await third.do("backup.restore", place=str(tmp_path / "two"), key=other)
        back = await third.everything()
        assert back["audit"] == now["audit"]
        assert back == now


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An object store on loopback with one bucket; its address."""
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unused")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        urlopen(Request(f"http://{host}:{port}/mail", method="PUT")).close()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


async def test_backups_in_an_object_store(s3: str, empty_data: Path, tmp_path: Path) -> None:
    """Kept, listed, checked, pruned and restored as in a folder; large messages in parts; a store that does not
    answer as it should is told in a sentence."""
    async with house(empty_data, tmp_path / "first") as first:
        await first.fill()
        await first.put(ANNA, "INBOX", b"Subject: large\r\n\r\n" + os.urandom(20 << 20))
        for name, value in (
            ("endpoint", s3),
            ("key_id", "any"),
            ("secret_key", "thing"),
            ("region", "us-east-1"),
        ):
            await first.do("setting.set", name=f"backup.s3_{name}", value=value)
        await first.do("setting.set", name="backup.rate", value="0")
        key = (await first.do("backup.init", place="s3://mail/posthouse/one"))["recovery_key"]
        await first.do("backup.run")
        again = await first.do("backup.run")
        assert again["new_objects"] < 5
        assert (await first.do("backup.verify", key=key))["error_count"] == 0
        await first.do("setting.set", name="backup.keep_last", value="1")
        await first.do("setting.set", name="backup.keep_daily", value="0")
        assert len((await first.do("backup.prune"))["backups"]) == 1
        inbox = await first.box(ANNA, "INBOX")
        before = await first.contents(ANNA, "INBOX")
        await first.context.store.expunge_any(inbox.id, list(before))
        await first.do("backup.restore", key=key, account=ANNA)
        assert sorted((await first.contents(ANNA, "INBOX")).values()) == sorted(before.values())
        with pytest.raises(ManageError, match="cannot be used"):
            await first.do("backup.init", place="s3://no-such-bucket/x", force=True)
        assert "thing" not in json.dumps(await first.rows("audit"))
