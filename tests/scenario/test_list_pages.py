"""Lists and groups in the browser: made, filled, looked after by their owners, and left with one click."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from http_world import ANNA, World, empty, world

from posthouse.database.contract import Transaction
from posthouse.deliver.lists_header import UNSUBSCRIBE_PATH
from posthouse.directory import lists
from posthouse.directory.lists_tokens import KEY_NAME, token
from posthouse.directory.own_secrets import own_secret
from posthouse.http.rate import Rates
from posthouse.server.with_lists import LeavingDesk

DOMAIN = ANNA.rpartition("@")[2]
NEWS = f"letter@{DOMAIN}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("lists") / "empty")


@pytest.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(template, tmp_path / "world") as made:
        yield made


async def test_a_list_is_made_filled_and_looked_after(place: World) -> None:
    root, anna = place.callers["server"], place.callers["user"]
    made = await place.post("/admin/lists", {"address": NEWS, "name": "The <news>", "mode": "public"}, root)
    assert made.status == 303, made.body
    here = made.headers["location"]
    for member in ("zoe@far.example", ANNA):
        assert (await place.post(f"{here}/join", {"member": member}, root)).status == 303
    wrong = await place.post(f"{here}/join", {"member": "no address"}, root)
    assert wrong.status in (404, 422)
    settings = {
        "active": "on",
        "mode": "members",
        "moderation": "all",
        "joining": "confirm",
        "replies": "list",
        "max_size": "0",
        "owners": ANNA,
    }
    changed = await place.post(here, settings, root)
    assert changed.status == 303, changed.body
    page = await place.ask("GET", here, root)
    assert page.status == 200
    text = page.body.decode()
    assert "zoe@far.example" in text
    assert "<news>" not in text
    many = await place.post(f"{here}/import", {"text": "address\nyan@far.example\nzoe@far.example\n"}, root)
    assert many.status == 303, many.body
    assert (await place.post(f"{here}/import", {"text": "no address"}, root)).status in (404, 422)
    saved = await place.ask("GET", f"{here}/export", root)
    assert saved.headers["content-type"].startswith("text/csv")
    assert saved.body.decode().split() == ["address,away", f"{ANNA},", "yan@far.example,", "zoe@far.example,"]

    mine = await place.ask("GET", "/me/lists", anna)
    assert NEWS in mine.body.decode()
    looked = f"/me/lists/{NEWS}"
    assert (await place.post(f"{looked}/leave", {"member": "zoe@far.example"}, anna)).status == 303
    assert "zoe@far.example" not in (await place.ask("GET", looked, anna)).body.decode()
    stranger = place.callers["other domain"]
    assert (await place.ask("GET", looked, stranger)).status == 404
    assert (await place.post("/me/lists/quit", {"address": NEWS}, anna)).status == 303
    assert (await place.post(f"{here}/remove", {}, root)).status == 303
    assert NEWS not in (await place.ask("GET", "/admin/lists", root)).body.decode()


async def test_a_group_is_made_filled_and_removed(place: World) -> None:
    root, dora = place.callers["server"], place.callers["domain"]
    name = f"crew@{DOMAIN}"
    made = await place.post("/admin/groups", {"name": name, "description": "All"}, dora)
    assert made.status == 303, made.body
    here = made.headers["location"]
    assert (await place.post(f"{here}/join", {"member": ANNA}, dora)).status == 303
    assert ANNA in (await place.ask("GET", here, dora)).body.decode()
    assert (await place.post("/admin/groups", {"name": "plain"}, dora)).status == 403
    assert (await place.post(f"{here}/leave", {"member": ANNA}, dora)).status == 303
    moved = await place.post(f"{here}/change", {"new_name": "team@other.example", "description": ""}, dora)
    assert moved.status == 403, moved.body
    changed = await place.post(f"{here}/change", {"new_name": f"team@{DOMAIN}", "description": "Us"}, dora)
    assert changed.status == 303, changed.body
    here, name = changed.headers["location"], f"team@{DOMAIN}"
    assert "Us" in (await place.ask("GET", here, dora)).body.decode()
    assert (await place.post(f"{here}/remove", {}, root)).status == 303
    assert name not in (await place.ask("GET", "/admin/groups", root)).body.decode()


async def test_one_click_leaves_and_a_look_does_not(place: World) -> None:
    context = place.context
    desk = LeavingDesk(context.database, context.feed, Rates(context.settings))
    place.parts.well_known.add(UNSUBSCRIBE_PATH, desk.answer, plain_ok=False)

    def fill(tx: Transaction) -> tuple[int, bytes]:
        made = lists.add(tx, NEWS, {})
        lists.add_members(tx, made, ["zoe@far.example"])
        return made.id, own_secret(tx, KEY_NAME)

    list_id, key = await context.database.run(fill)
    path = UNSUBSCRIBE_PATH + token(key, list_id, "zoe@far.example")
    for wrong in (path[:-4] + "AAAA", UNSUBSCRIBE_PATH + "x" * 900, UNSUBSCRIBE_PATH + "%ff"):
        assert (await place.post(wrong, {"List-Unsubscribe": "One-Click"})).status == 404
    assert (await place.ask("GET", path)).status == 200
    assert await context.database.read(lists.readers, list_id)
    for _ in range(2):  # twice is harmless
        assert (await place.post(path, {"List-Unsubscribe": "One-Click"})).status == 200
    assert await context.database.read(lists.readers, list_id) == {}
