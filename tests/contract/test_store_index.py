"""The search index behind the store, on each engine: filled, resumed, damaged, shared, swept, never in the way."""

from __future__ import annotations

import asyncio
import random
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from imap_session import RecordedSession
from store_parts import ACCOUNT, Parts

from posthouse.access.imap import search_scan
from posthouse.database.contract import Database
from posthouse.mail.casemap import fold
from posthouse.settings.contract import Settings
from posthouse.settings.limits import FREE_SPACE
from posthouse.settings.search import SEARCH_INDEX
from posthouse.store import index, index_fill
from posthouse.store.contract import DELETED, FlagChange, Mailbox, Message, NewMessage
from posthouse.store.facts import compute
from posthouse.store.index import SearchIndex
from posthouse.store.index_file import IndexFile, make, newest
from posthouse.store.service import MailStore


class Indexed(Parts):
    """A store with an index, which is worth while from one message on."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder / "search"
        super().__init__(database, folder)

    def another(self) -> MailStore:
        """With an index of its own on the same folder, as in another process."""
        store = super().another()
        store._index = SearchIndex(self.folder, self.database, self.bodies, self.settings)
        return store

    @property
    def index(self) -> SearchIndex:
        assert self.store._index is not None
        return self.store._index

    async def put(self, mailbox_id: int, *texts: str, prefix: bytes = b"") -> None:
        """Append messages with these texts."""
        made = []
        for text in texts:
            spool = self.bodies.spool()
            spool.write(
                b"Subject: a message\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()
            )
            body = spool.finish()
            made.append(NewMessage(body, prefix, facts=compute(body.buffer())))
        await self.store.append(mailbox_id, made)

    async def asked(self, mailbox_id: int, needle: str, store: MailStore | None = None) -> list[int]:
        """The UIDs the index leaves over."""
        found = await candidates(store or self.store, mailbox_id, needle)
        return [message.uid for message in found]

    async def filled(self, mailbox_id: int) -> None:
        """Ask once, and wait until the index is complete."""
        await self.asked(mailbox_id, "whatever")
        await self.index.filled()

    def file(self, mailbox_id: int) -> Path:
        """The mailbox's index."""
        found = newest(self.folder / str(mailbox_id))
        assert found is not None
        return found


async def opened(store: MailStore, mailbox_id: int) -> tuple[Mailbox, list[Message]]:
    view = await store.examine(mailbox_id)
    box, rows = view.mailbox, [row for row in view.rows() if row is not None]
    view.close()
    return box, rows


async def candidates(store: MailStore, mailbox_id: int, needle: str) -> list[Message]:
    box, rows = await opened(store, mailbox_id)
    return list(await store.candidates(box, rows, fold(needle)))


@pytest_asyncio.fixture
async def parts(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Indexed]:
    monkeypatch.setattr(index, "WORTH", 1)
    made = Indexed(database, tmp_path)
    yield made
    await made.close()


async def test_index_narrows(parts: Indexed) -> None:
    """The first search gets every message and has the mailbox indexed; the next one gets those that may match, and all
    that came since."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha beta", "gamma delta", "Größe ÄÖÜ", "alphabet")
    assert await parts.asked(inbox, "alpha") == [1, 2, 3, 4]
    await parts.index.filled()
    assert await parts.asked(inbox, "ALPHA") == [1, 4]
    assert await parts.asked(inbox, "größe") == [3]
    assert await parts.asked(inbox, "nowhere") == []
    assert await parts.asked(inbox, "al") == [1, 2, 3, 4]
    assert await parts.asked(inbox, "a message") == [1, 2, 3, 4]
    await parts.put(inbox, "epsilon", prefix=b"Delivered-To: someone@example.org\r\n")
    assert await parts.asked(inbox, "alpha") == [1, 4, 5]
    await parts.index.filled()
    assert await parts.asked(inbox, "alpha") == [1, 4]
    assert await parts.asked(inbox, "someone@") == [5]


async def test_index_ignores_what_is_gone(parts: Indexed) -> None:
    """Expunged messages are no candidates, and those that follow are found."""
    inbox = await parts.inbox()
    await parts.put(inbox, *["alpha"] * 6)
    await parts.filled(inbox)
    await parts.store.flags(inbox, [2, 6], FlagChange("add", DELETED))
    await parts.store.expunge(inbox)
    assert await parts.asked(inbox, "alpha") == [1, 3, 4, 5]
    await parts.put(inbox, "alpha", "beta")
    await parts.filled(inbox)
    assert await parts.asked(inbox, "alpha") == [1, 3, 4, 5, 7]


async def test_index_many_and_few(parts: Indexed) -> None:
    """Both ways to pick the candidates out of the messages, with a mailbox of two chunks and a neighbour."""
    inbox = await parts.inbox()
    sent = await parts.store.find(ACCOUNT, "Sent")
    assert sent is not None
    count = index_fill.CHUNK + 20
    await parts.put(inbox, *[f"common {'rare' if number == 55 else 'plain'}" for number in range(count)])
    await parts.put(sent.id, "common rare")
    await parts.filled(sent.id)
    await parts.filled(inbox)
    assert await parts.asked(inbox, "rare") == [56]
    assert await parts.asked(inbox, "common") == list(range(1, count + 1))
    assert await parts.asked(sent.id, "rare") == [1]


async def test_index_resumes(parts: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while it fills leaves what it did; the next one goes on from there."""
    inbox = await parts.inbox()
    await parts.put(inbox, *[f"text{number}" for number in range(60)])
    monkeypatch.setattr(index_fill, "CHUNK", 10)
    monkeypatch.setattr(index_fill, "CHUNK_SECONDS", 0.0)
    real = index_fill.document
    seen: list[int] = []

    def slowly(*given: Any) -> str | None:
        seen.append(1)
        if len(seen) == 7:
            parts.index._filler.stopping = True
        return real(*given)

    monkeypatch.setattr(index_fill, "document", slowly)
    await parts.filled(inbox)
    await parts.store.close()
    file = IndexFile(parts.file(inbox), (await opened(parts.store, inbox))[0].object_id, writing=False)
    assert file.state().upto == 7
    file.close()
    parts.store = parts.another()
    assert len(await parts.asked(inbox, "nowhere")) == 53
    await parts.index.filled()
    assert len(seen) == 60, "each message was indexed once"
    assert await parts.asked(inbox, "nowhere") == []
    assert await parts.asked(inbox, "text59") == [60]


@pytest.mark.parametrize("harm", ["emptied", "noise", "other", "cut", "page", "format"])
async def test_index_damaged(parts: Indexed, harm: str) -> None:
    """Whatever happened to the file, a search gets every message, or the right ones, and the index is made anew."""
    inbox = await parts.inbox()
    await parts.put(inbox, *[f"alpha{number} " + "words and more words " * 40 for number in range(30)])
    await parts.filled(inbox)
    await parts.store.close()
    path = parts.file(inbox)
    content = bytearray(path.read_bytes())
    assert len(content) > 20_000
    if harm == "emptied":
        content.clear()
    elif harm == "noise":
        content = bytearray(random.Random(1).randbytes(len(content)))
    elif harm == "cut":
        del content[5000:]
    elif harm == "page":
        content[4096:] = bytes(len(content) - 4096)
    if harm == "other":
        make(parts.folder / str(inbox), "another mailbox")
    elif harm == "format":
        import apsw

        connection = apsw.Connection(str(path))
        connection.execute("UPDATE state SET format = '0'")
        connection.close()
    else:
        path.write_bytes(content)
    parts.store = parts.another()
    for _ in range(3):
        assert 8 in await parts.asked(inbox, "alpha7 ")
        await parts.index.filled()
    assert parts.file(inbox) != path
    assert await parts.asked(inbox, "alpha7 ") == [8]


async def test_index_is_private(parts: Indexed) -> None:
    """Only the server's account may read what people write."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha")
    await parts.filled(inbox)
    await parts.asked(inbox, "alpha")
    paths = list((parts.folder / str(inbox)).iterdir())
    assert len(paths) >= 2
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(parts.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700


async def test_index_two_processes(parts: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that want the same mailbox: one fills it, both ask it, no message is in it twice."""
    monkeypatch.setattr(index_fill, "CHUNK", 5)
    inbox = await parts.inbox()
    await parts.put(inbox, *[f"alpha{number}" for number in range(40)])
    other = parts.another()
    assert other._index is not None
    await asyncio.gather(parts.asked(inbox, "alpha"), parts.asked(inbox, "alpha", other))
    await asyncio.gather(parts.index.filled(), other._index.filled())
    await parts.filled(inbox)
    box, _ = await opened(parts.store, inbox)
    file = IndexFile(parts.file(inbox), box.object_id, writing=False)
    assert (file.state().upto, file.documents) == (40, 40)
    file.close()
    assert await parts.asked(inbox, "alpha39") == [40]
    assert await parts.asked(inbox, "alpha39", other) == [40]
    # one replaces the file: the other follows
    make(parts.folder / str(inbox), box.object_id)
    assert len(await parts.asked(inbox, "alpha39", other)) == 40
    await other._index.filled()
    assert await parts.asked(inbox, "alpha39") == [40]
    await other.close()


_CHILD = """
import asyncio, sys
from pathlib import Path
from posthouse.store.index_file import IndexFile
path, name, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
file = IndexFile(path, "m1", writing=True)
won = file.claim(name)
if won is not None:
    for uid in range(1, 41):
        assert file.add(name, [(uid, "d", f"COMMON NUMBER{uid} X")]) == uid
print("filled" if won is not None else "left it", flush=True)
sys.stdin.read()
file.close()
"""


async def test_index_lease_across_processes(tmp_path: Path) -> None:
    """Of real processes on one file just one may fill it, as long as its lease lasts; readers read meanwhile."""
    path = make(tmp_path, "m1")
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHILD, str(path), f"p{number}", "1",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for number in range(2)
    ]  # fmt: skip
    said = []
    for child in children:
        assert child.stdout is not None
        said.append((await child.stdout.readline()).strip())
    assert sorted(said) == [b"filled", b"left it"]
    reader = IndexFile(path, "m1", writing=False)
    assert reader.find('"R40"')[1] == [40]
    assert sorted(reader.find('"COM"')[1]) == list(range(1, 41))
    reader.close()
    for child in children:
        await child.communicate(b"")
        assert child.returncode == 0


async def test_index_goes_with_its_mailbox(parts: Indexed) -> None:
    """A deleted mailbox and a removed account take their indexes along; a new mailbox of the name starts anew."""
    inbox = await parts.inbox()
    box = await parts.store.create(ACCOUNT, "Projects")
    for each in (box.id, inbox):
        await parts.put(each, "alpha")
        await parts.filled(each)
        await parts.asked(each, "alpha")
    await parts.store.delete(ACCOUNT, "Projects")
    assert not (parts.folder / str(box.id)).exists()
    again = await parts.store.create(ACCOUNT, "Projects")
    await parts.put(again.id, "alpha")
    assert await parts.asked(again.id, "alpha") == [1]
    await parts.store.remove_account(ACCOUNT)
    assert not (parts.folder / str(inbox)).exists()


async def test_index_sweep(parts: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The periodic job removes what has no mailbox, what was replaced, and replaces what mostly knows lost messages."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha")
    await parts.filled(inbox)
    stray = parts.folder / "99999"
    make(stray, "gone")
    (parts.folder / str(inbox) / "00000000000000000001.new").write_bytes(b"never finished")
    first = parts.file(inbox)
    box, _ = await opened(parts.store, inbox)
    await parts.store.upkeep()
    assert not stray.exists()
    assert parts.file(inbox) == first
    file = IndexFile(first, box.object_id, writing=True)
    assert file.claim("me")
    file.add("me", [(uid, "d", "gone") for uid in range(2, 1100)])
    file.close()
    await parts.store.upkeep()
    assert parts.file(inbox) != first
    assert first.exists(), "its readers keep it for an hour"
    monkeypatch.setattr("posthouse.store.index_file.REMOVAL_WAIT", -1)
    await parts.store.upkeep()
    assert [path.name for path in first.parent.iterdir()] == [parts.file(inbox).name]
    await parts.filled(inbox)
    assert await parts.asked(inbox, "alpha") == [1]


async def test_index_off(parts: Indexed) -> None:
    """Switched off while the server runs: nothing is asked or filled, and the files go at the next sweep."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha")
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == []
    parts.settings.now = Settings({SEARCH_INDEX.name: False})
    assert await parts.asked(inbox, "nowhere") == [1]
    await parts.store.upkeep()
    assert not (parts.folder / str(inbox)).exists()
    parts.settings.now = Settings()
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == []


async def test_index_leaves_room_on_the_disk(parts: Indexed) -> None:
    """With little space left nothing is indexed, and for a while not tried again; searches go on."""
    parts.settings.now = Settings({FREE_SPACE.name: 1 << 60})
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha")
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == [1]
    parts.settings.now = Settings()
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == [1]
    parts.index._rest_until = 0.0
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == []


async def test_index_of_a_folder_that_cannot_be_made(parts: Indexed) -> None:
    """A file where the folder should be: searches go on without an index."""
    parts.folder.write_bytes(b"")
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha")
    await parts.filled(inbox)
    assert await parts.asked(inbox, "nowhere") == [1]
    await parts.store.upkeep()


async def test_index_ahead_of_a_restored_database(parts: Indexed) -> None:
    """A database from before the index was filled: what the index knows of reused UIDs is not believed."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha", "beta")
    await parts.filled(inbox)
    box, _ = await opened(parts.store, inbox)
    for mark, upto in (("d", 2), ("d", 7)):
        file = IndexFile(parts.file(inbox), box.object_id, writing=True)
        assert file.claim("me")
        file._connection.execute("UPDATE state SET upto = ?, mark = ?, until = 0", (upto, mark))
        file.close()
        assert await parts.asked(inbox, "nowhere") == [1, 2]
        await parts.index.filled()
        await parts.filled(inbox)
        assert await parts.asked(inbox, "nowhere") == []


async def test_index_message_that_cannot_be_indexed(parts: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is missing, and one that is too long, are candidates of every search; the rest is indexed."""
    inbox = await parts.inbox()
    await parts.put(inbox, "alpha", "beta " * 300, "gamma", "delta")
    monkeypatch.setattr("posthouse.store.index_text.MAX_DOCUMENT", 1000)
    _, rows = await opened(parts.store, inbox)
    path = Path(parts.bodies.path(rows[2].body))
    kept = path.read_bytes()
    path.unlink()
    parts.bodies._cache._entries.clear()
    await parts.filled(inbox)
    path.write_bytes(kept)
    assert await parts.asked(inbox, "delta") == [2, 3, 4]


async def test_index_asks_nothing_of_small_mailboxes(parts: Indexed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few messages are scanned in no time: no file is made for them."""
    monkeypatch.setattr(index, "WORTH", 100)
    inbox = await parts.inbox()
    await parts.put(inbox, *["alpha"] * 99)
    await parts.filled(inbox)
    assert not parts.folder.exists()
    await parts.put(inbox, "beta")
    await parts.filled(inbox)
    assert await parts.asked(inbox, "beta") == [100]


async def test_index_and_scan_agree(parts: Indexed) -> None:
    """SEARCH BODY and TEXT over the corpus answer the same with and without the index."""
    inbox = await parts.inbox()
    corpus = sorted((Path(__file__).parents[1] / "corpus").glob("*/*.eml"))[::8]
    for path in corpus:
        spool = parts.bodies.spool()
        spool.write(path.read_bytes())
        body = spool.finish()
        prefix = b"Return-Path: <sender@example.org>\r\nDelivered-To: postmaster@example.net\r\n"
        await parts.store.append(inbox, [NewMessage(body, prefix, facts=compute(body.buffer()))])
    needles = [
        "the", "Content-Type", "example.net", "sender@", "é", "ß", "İ", "äöü", "日本", "(", "=", "e m", "http://",
        "multipart", "Received: from", "zzzzqqq", "utf-8", "ist ein", '\\"', "ＡＢＣ", "fi", "ﬁn", "straße",
    ]  # fmt: skip
    await parts.filled(inbox)
    search_scan.texts.clear()
    answers: list[dict[tuple[str, str], bytes]] = []
    for on in (True, False):
        parts.settings.now = Settings({SEARCH_INDEX.name: on})
        view = await parts.store.examine(inbox)
        session = _Session(parts.store, view)
        answers.append({})
        for key in ("BODY", "TEXT"):
            for needle in needles:
                data = needle.encode()
                line = b"UID SEARCH CHARSET UTF-8 %s {%d+}\r\n%s" % (key.encode(), len(data), data)
                answers[-1][key, needle] = await session.ask(line)
        view.close()
    assert answers[0] == answers[1]
    found = [len(answer) for answer in answers[0].values()]
    assert len(set(found)) > 10, "the needles tell messages apart"


class _Session(RecordedSession):
    """A session on a real store."""

    def __init__(self, store: MailStore, view: Any) -> None:
        self._real = view
        super().__init__(store)  # type: ignore[arg-type]

    def reselect(self) -> None:
        self.view = self._real
