"""Lists of networks from the uses to the door: what is kept, what fails, what a follower makes of it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from list_server import Listed, ListServer

from posthouse.deliver import webhook_address
from posthouse.directory import network_list_records as records
from posthouse.directory import network_lists as lists
from posthouse.directory.network_lists import Kept, ListConfig, ListState
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.network_lists_fetch import Unfetched, fetch
from posthouse.manage.network_lists_refresh import Refresher, networks_of
from posthouse.net.limits import ConnectionLimits
from posthouse.net.peer import is_loopback
from posthouse.server.with_networks import Follower
from posthouse.settings.contract import Settings

Do = Callable[..., Awaitable[Any]]


class Nobody:
    """Spares this machine only."""

    def __call__(self, address: str) -> bool:
        return is_loopback(address)

    async def look(self, *, now: bool = False) -> bool:
        return False


def follower_of(context: Context) -> tuple[ConnectionLimits, Follower]:
    limits = ConnectionLimits(context.settings)
    return limits, Follower(context.database, context.settings, limits, Nobody(), lambda: None)  # type: ignore[arg-type]


async def test_from_the_use_to_the_door(do: Do, context: Context, tmp_path: Path) -> None:
    limits, follower = follower_of(context)
    await follower.load()
    file = tmp_path / "list.txt"
    file.write_text("203.0.113.0/24\n127.0.0.0/8\nnonsense\n")
    made = await do("network_list.add", name="own", place=str(file), protocols=["imap", "smtp"])
    assert (made["entries"], made["skipped"], made["protocols"]) == (2, 1, ["smtp", "imap"])
    assert limits.kept_out("203.0.113.1", "smtp") == ""
    await follower.load()
    assert limits.kept_out("203.0.113.1", "smtp") != ""
    assert limits.kept_out("203.0.113.1", "pop3") == limits.kept_out("127.0.0.1", "smtp") == ""
    assert str(limits.because("203.0.113.1", "imap")) == "list own 203.0.113.0/24"
    file.unlink()
    after = await do("network_list.refresh", name="own")
    assert after["trouble"] == "No such file or directory"
    await follower.load()
    assert limits.kept_out("203.0.113.1", "smtp") != ""
    _, again = follower_of(context)  # as after a restart
    await again.load()
    assert again.screening.keeps_out("203.0.113.1", "smtp") is not None
    tried = await do("range.try", address="203.0.113.1")
    assert (tried["refused"], tried["above"]) == (["smtp", "imap"], False)
    found = await context.database.read(lists.troubles)
    assert [each[0] for each in found] == ["network-lists.stale"]
    await do("network_list.remove", name="own")
    await follower.load()
    assert limits.kept_out("203.0.113.1", "smtp") == ""
    asked = {"of_name": "own", "of_generation": 0, "first": 0, "behind": 9}
    assert not await context.database.read(lambda tx: tx.execute(records.SELECT_PARTS, asked))
    assert not await context.database.read(lists.orphans)


async def test_large_lists_go_in_parts(do: Do, context: Context, tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    file.write_text(
        "".join(f"10.{a}.{b}.{c}\n" for a in range(4) for b in range(250) for c in range(1, 200, 2))
    )
    made = await do("network_list.add", name="large", place=str(file))
    assert made["entries"] == 100_000
    kept = await context.database.read(lists.find, "large")
    networks = await networks_of(context.database, kept)
    assert networks.count == 100_000
    assert networks.find(4, (10 << 24) + (3 << 16) + (249 << 8) + 199) is not None
    assert networks.find(4, (10 << 24) + 2) is None
    file.write_text("192.0.2.1\n")
    await do("network_list.refresh", name="large")
    kept = await context.database.read(lists.find, "large")
    assert (await networks_of(context.database, kept)).count == 1
    assert await context.database.run(lists.sweep, "large") == 0  # nothing of the former copy is left


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 61},
        {"kind": "both"},
        {"place": ""},
        {"place": "list.txt"},
        {"place": "ftp://lists.example/x"},
        {"place": "https://"},
        {"place": "https://me@lists.example/"},
        {"place": "https://lists.example:0/"},
        {"place": "https://lists.example/#x"},
        {"place": "/a\0b"},
        {"refresh": "9s"},
        {"refresh": "31d"},
        {"refresh": "often"},
        {"place": "http://lists.example/", "refresh": "299s"},
        {"protocols": []},
        {"protocols": ["smtp", "gopher"]},
    ],
)
async def test_what_is_no_list_is_refused(do: Do, wrong: dict[str, Any]) -> None:
    with pytest.raises(ManageError) as refused:
        await do("network_list.add", **{"name": "x", "place": "/tmp/x", **wrong})
    assert refused.value.kind == "invalid"


async def test_names_are_there_once_and_lists_are_few(do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    await do("network_list.add", name="a", place="/nowhere", active=False)
    with pytest.raises(ManageError) as refused:
        await do("network_list.add", name="a", place="/nowhere", active=False)
    assert refused.value.kind == "exists"
    monkeypatch.setattr(lists, "MOST", 1)
    with pytest.raises(ManageError, match="already"):
        await do("network_list.add", name="b", place="/nowhere", active=False)


def test_when_a_list_is_due() -> None:
    config = ListConfig("a", "block", "/x", 3600)

    def due(now: float, **state: Any) -> bool:
        return Kept(config, ListState(**{"place": "/x", "generation": 1, "tried_at": 10_000.0, **state})).due(
            now
        )

    assert Kept(config, ListState()).due(5.0)
    assert not due(13_599)
    assert due(13_600)
    assert due(9_999)  # the clock went back
    assert due(10_001, place="/other")
    assert not due(10_899, failures=1)
    assert due(10_900, failures=1)
    assert not due(11_799, failures=2)
    assert due(13_600, failures=60)
    assert not Kept(ListConfig("a", "block", "/x", 3600, active=False), ListState()).due(5.0)


PRIVATE = Settings({"blocklists.allow_private": True, "blocklists.time": 2.0, "blocklists.largest": 5000})


async def test_a_private_place_is_not_asked_unless_it_may() -> None:
    with ListServer({"/l": Listed(b"192.0.2.1\n")}) as place:
        with pytest.raises(Unfetched, match="setting blocklists"):
            await fetch(place.url("/l"), "", "", Settings())
        assert not place.asked
        found = await fetch(place.url("/l"), "", "", PRIVATE)
        assert found.data == b"192.0.2.1\n"
        assert (await fetch(place.url("/l"), found.etag, "", PRIVATE)).data is None
        assert place.asked[-1][1]["if-none-match"] == found.etag


async def test_a_redirect_is_no_way_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name may redirect to a private address; that is checked like the first."""

    async def resolve(host: str) -> list[str]:
        return ["127.0.0.1"] if host == "public.example" else ["192.168.7.7"]

    # The double is on loopback, which counts as public here.
    monkeypatch.setattr(webhook_address, "is_public", lambda address: address.is_loopback)
    with ListServer({"/l": Listed(to="http://inside.example/secret")}) as place:
        url = f"http://public.example:{place.port}/l"
        with pytest.raises(Unfetched, match="leads to 192"):
            await fetch(url, "", "", Settings(), resolve)
        assert place.statuses("/l") == [302]


async def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "none"):
        with pytest.raises(Unfetched):
            await fetch(str(place), "", "", PRIVATE)
    (tmp_path / "large").write_bytes(b"#" * 5001)
    with pytest.raises(Unfetched, match="larger than 5000"):
        await fetch(str(tmp_path / "large"), "", "", PRIVATE)


async def test_a_list_that_moved_meanwhile_keeps_nothing_of_before(
    do: Do, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is changed while the answer of the old one is on its way."""
    (tmp_path / "old").write_text("192.0.2.1\n")
    await do("network_list.add", name="a", place=str(tmp_path / "old"), active=False)

    async def slow(place: str, *rest: Any) -> Any:
        await do("network_list.change", name="a", place=str(tmp_path / "new"))
        return await fetch(place, *rest)

    monkeypatch.setattr("posthouse.manage.network_lists_refresh.fetch", slow)
    await Refresher(context.database, context.settings, context.feed).refresh("a")
    kept = await context.database.read(lists.find, "a")
    assert (kept.state.generation, kept.state.entries) == (0, 0)


async def test_a_key_in_a_url_is_not_in_the_audit(do: Do, context: Context) -> None:
    await do("network_list.add", name="a", place="https://lists.example/x?key=hunter2", active=False)
    told = await do("audit.list")
    assert "hunter2" not in str(told)
    assert "lists.example/x" in str(told)
