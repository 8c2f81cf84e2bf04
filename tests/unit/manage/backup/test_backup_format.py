"""The format itself: encryption, keys, names, retention; and backups that somebody tampered with."""

from __future__ import annotations

import calendar
import hashlib
import random
import shutil
import time
import zlib
from pathlib import Path

import msgspec
import pytest
from backup_parts import house

from posthouse.manage.backup import keys, retention, sealing
from posthouse.manage.backup.access import put_state
from posthouse.manage.backup.exact import LAST
from posthouse.manage.backup.manifest import Manifest, Piece, TablePieces
from posthouse.manage.backup.place import FolderPlace, PlaceError, checked
from posthouse.manage.backup.repository import Repository, new_id
from posthouse.manage.backup.sealing import PIECE, TAG, WRAPPED, Damaged
from posthouse.manage.backup.tables import every_table
from posthouse.manage.errors import ManageError


def _id(number: int) -> str:
    return f"20260101T0000{number:02}Z-00000000"


SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 200_001)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_can_be_unsealed(size: int) -> None:
    """In any chunking, and with the right key only."""
    private, rng = bytes(range(32)), random.Random(size)
    content = rng.randbytes(size)
    stored = b"".join(sealing.seal(sealing.public_of(private), [content[:7], content[7:]]))
    for step in (1 + size // 5, 65536, 65552, len(stored)):
        pieces = [stored[start : start + step] for start in range(0, len(stored), step)]
        assert b"".join(sealing.unseal(private, pieces)) == content
    with pytest.raises(Damaged):
        list(sealing.unseal(bytes(32), [stored]))
    locked = b"".join(sealing.lock(private, [content]))
    assert b"".join(sealing.unlock(private, [locked])) == content


def test_pieces_cannot_be_cut_reordered_or_changed() -> None:
    """Every end of a piece, every exchange of two, and a flip anywhere is noticed."""
    private = bytes(range(32))
    stored = b"".join(sealing.seal(sealing.public_of(private), [random.Random(1).randbytes(3 * PIECE + 10)]))
    whole = PIECE + TAG
    ends = [0, 10, WRAPPED, *(WRAPPED + count * whole for count in (1, 2, 3)), len(stored) - 1]
    spoilt = [stored[:end] for end in ends]
    first, second = (stored[WRAPPED + n * whole : WRAPPED + (n + 1) * whole] for n in (0, 1))
    spoilt += [stored[:WRAPPED] + second + first + stored[WRAPPED + 2 * whole :], stored + b"\0"]
    for place in range(0, len(stored), 4999):
        spoilt.append(stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :])
    for each in spoilt:
        with pytest.raises(Damaged):
            list(sealing.unseal(private, [each]))


def test_recovery_keys_and_passphrases() -> None:
    """They open what they were made for, tell of slips of the pen, and refuse a repository somebody made up."""
    descriptor, made, text = keys.make("key")
    again = keys.read_descriptor(msgspec.json.encode(descriptor))
    assert keys.open_with(again, f" {text.lower()}\n") == made
    with pytest.raises(keys.WrongKey, match="mistake"):
        keys.read_key(text[:9] + ("A" if text[9] != "A" else "B") + text[10:])
    with pytest.raises(keys.WrongKey, match="begins with"):
        keys.open_with(again, "hello")
    forged = msgspec.structs.replace(descriptor, wrapped=b"".join(sealing.seal(made.recipient, [bytes(32)])))
    with pytest.raises(keys.WrongKey):
        keys.open_with(forged, text)
    descriptor, made, nothing = keys.make("passphrase", "correct horse battery")
    assert nothing == ""
    assert keys.open_with(descriptor, "correct horse battery") == made
    with pytest.raises(keys.WrongKey):
        keys.open_with(descriptor, "correct horse batterie")
    descriptor, made, text = keys.make("none")
    assert keys.open_with(descriptor, "") == made
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "objects/ab/../../../x",
        "objects/ab/cd\0",
        "manifests/x",
        "objects/aa/" + "b" * 64,
        "",
    ],
)
def test_no_other_name_becomes_a_path(name: str, tmp_path: Path) -> None:
    """A place knows only the names this program makes."""
    with pytest.raises(ValueError):
        checked(name)
    with pytest.raises(ValueError):
        FolderPlace(tmp_path).put(name, [b"x"])
    assert not list(tmp_path.rglob("*"))


def test_a_file_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    """An error half way leaves nothing; a full disk is told as such."""
    place, name = FolderPlace(tmp_path), "objects/ab/" + "ab" * 32

    def half() -> object:
        yield b"x" * 1000
        raise OSError(28, "No space left on device")

    with pytest.raises(PlaceError, match="is full"):
        place.put(name, half())  # type: ignore[arg-type]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert place.size(name) is None


def test_which_backups_are_kept() -> None:
    """The newest, and the last of each day, week and month."""
    start = calendar.timegm((2026, 1, 1, 3, 0, 0))
    ids = [new_id(start + day * 86400 + hour * 3600) for day in range(120) for hour in (0, 12)]
    kept = sorted(retention.keepers(ids, retention.Policy(1, 3, 2, 3)))
    assert [each[:9] + each[9:11] for each in kept] == [
        "20260228T15",
        "20260331T15",
        "20260426T15",
        "20260428T15",
        "20260429T15",
        "20260430T15",
    ]
    assert retention.keepers(ids, retention.Policy(2, 0, 0, 0)) == set(ids[-2:])


def test_when_the_next_is_due() -> None:
    """Times of day and intervals; what was missed is made up for."""
    noon = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))
    assert retention.next_run(noon, 0, "", 0) is None
    assert retention.next_run(noon, noon - 10, "", 3600) == noon + 3590
    assert retention.next_run(noon, noon - 10, "03:15 15:00", 0) == noon + 3 * 3600
    missed = retention.next_run(noon, noon - 3 * 86400, "03:15", 0)
    assert missed is not None
    assert missed < noon


async def test_a_flip_of_any_byte_is_found(empty_data: Path, tmp_path: Path) -> None:
    """Verify finds a flip in every byte of every file, and a restore of what was tampered with puts nothing back."""
    async with house(empty_data, tmp_path / "first") as made:
        await made.do("domain.add", name="posthouse.test")
        await made.do("account.add", address="anna@posthouse.test", password="correct-horse-battery")
        await made.put("anna@posthouse.test", "INBOX", b"Subject: x\r\n\r\nhello\r\n")
        place = tmp_path / "place"
        key = await made.keep(place)
    repository = Repository(
        FolderPlace(place),
        keys.open_with(keys.read_descriptor((place / "posthouse-backup.json").read_bytes()), key),
    )
    [backup] = repository.backups()
    files = [
        path for folder in ("objects", "manifests") for path in (place / folder).rglob("*") if path.is_file()
    ]
    rng = random.Random(5)
    for path in files:
        name, good = path.relative_to(place).as_posix(), path.read_bytes()
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1 :])
            with pytest.raises(Damaged):
                list(repository._stored(name))
        path.write_bytes(good[:-40])
        async with house(empty_data, tmp_path / "second") as second:
            with pytest.raises(ManageError, match=r"cannot be read|no backup"):
                await second.do("backup.restore", place=str(place), key=key)
            assert not await second.rows("domains")
            assert not await second.rows("accounts")
        shutil.rmtree(tmp_path / "second")
        path.write_bytes(good)
    assert repository.read_manifest(backup).bodies == 1


async def test_a_hostile_manifest_is_refused(empty_data: Path, tmp_path: Path) -> None:
    """Even who has the keys cannot make a restore write elsewhere, fill memory, or put in what is no table."""
    descriptor, made, text = keys.make("key")
    place = FolderPlace(tmp_path / "place")
    place.put("posthouse-backup.json", [msgspec.json.encode(descriptor)])
    repository = Repository(place, made)

    def write(number: int, **changed: object) -> str:
        manifest = Manifest(
            format=1, id=_id(number), started=0, finished=0, parent="", program="x", schema="0002",
            hostname="x", domains=[], accounts=[], tables=[], body_lists=[], bodies=0, body_bytes=0, lost=[],
            new_objects=0, new_bytes=0,
        )  # fmt: skip
        manifest = msgspec.structs.replace(manifest, **changed)
        name = f"manifests/{_id(number)}"
        packed = [b"z", zlib.compress(msgspec.msgpack.encode(manifest))]
        place.put(name, repository._marked(name, repository._covered("manifest", packed)))
        return name.removeprefix("manifests/")

    def rows(content: bytes, size: int = -1) -> list[Piece]:
        digest = hashlib.sha256(content).digest()
        repository.put("rows", digest, [content])
        return [Piece(digest, len(content) if size < 0 else size, 1)]

    bomb = b"\xdd\0\0\0\1" + bytes(30 << 20)
    nested = b"\xdd\0\0\0\1" + b"\x91" * 100_000 + b"\xc0"
    settings = ["name", "value"]
    bad = [
        write(1, id="../../../tmp/x"),
        write(2, format=9),
        write(3, tables=[TablePieces("../../x", ["a"], 0, 0, [])]),
        write(4, tables=[TablePieces("accounts", ["id", "x; DROP TABLE accounts"], 0, 0, [])]),
        write(5, tables=[TablePieces("settings_values", settings, 1, 0, rows(bomb, 1000))]),
        write(6, tables=[TablePieces("settings_values", settings, 1, 0, rows(nested))]),
        write(
            7, tables=[TablePieces("settings_values", settings, 1, 0, rows(msgspec.msgpack.encode([["a"]])))]
        ),
        write(8, tables=[TablePieces("settings_values", settings, 1, 0, [Piece(bytes(31), 5, 1)])]),
        write(9, tables=[TablePieces("settings_values", settings, 1, 0, [Piece(bytes(32), 1 << 60, 1)])]),
        write(10, body_lists=[Piece(bytes(32), 100, 1)], bodies=1),
    ]
    async with house(empty_data, tmp_path / "second") as second:
        before = sorted(path.name for path in (tmp_path / "second").rglob("*.eml"))
        for backup in bad:
            with pytest.raises(ManageError) as refused:
                await second.do("backup.restore", place=str(tmp_path / "place"), key=text, id=backup)
            assert refused.value.what != "backup.restore failed inside the server.", backup
            await second.context.database.run(put_state, "restoring", None)
        assert sorted(path.name for path in (tmp_path / "second").rglob("*.eml")) == before
        assert not await second.rows("accounts")
        assert not await second.rows("settings_values")


def test_what_refers_to_something_is_put_back_after_it() -> None:
    """Engines check it; so do we, for every table there will be."""
    tables = every_table()
    order = [name for name in tables if name not in LAST] + list(LAST)
    assert set(LAST) <= set(tables)
    for place, name in enumerate(order):
        referred = {key.column.table.name for key in tables[name].foreign_keys}
        assert referred <= set(order[:place]) | {name}, name
