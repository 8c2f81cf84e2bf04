"""Shared mailboxes, public folders and shared folders in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from http_world import ANNA, World, empty, world

DOMAIN = ANNA.rpartition("@")[2]
DESK = f"desk@{DOMAIN}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("shared") / "empty")


@pytest.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(template, tmp_path / "world") as made:
        yield made


async def test_a_shared_mailbox_from_making_to_leaving(place: World) -> None:
    root, anna = place.callers["server"], place.callers["user"]
    made = await place.post("/admin/shared", {"address": DESK, "members": "", "send": "behalf"}, root)
    assert made.status == 303, made.body
    here = made.headers["location"]
    assert (await place.post(f"{here}/member", {"who": "nobody@far.example"}, root)).status == 404
    member = {"who": ANNA, "rights": "member", "send": "behalf"}
    assert (await place.post(f"{here}/member", member, root)).status == 303
    text = (await place.ask("GET", here, root)).body.decode()
    assert ANNA in text
    assert "delete messages" in text
    assert "<code>lrswipkte</code>" in text
    assert (await place.post(here, {"own_marks": "on"}, root)).status == 303
    text = (await place.ask("GET", here, root)).body.decode()
    assert 'name="own_marks" value="on" checked' in text
    assert 'name="keep_sent" value="on" checked' not in text
    text = (await place.ask("GET", "/me/sharing", anna)).body.decode()
    assert f"Shared/{DESK}/INBOX" in text
    left = await place.post("/me/sharing/leave", {"name": f"Shared/{DESK}/INBOX"}, anna)
    assert left.status == 303, left.body
    text = (await place.ask("GET", "/me/sharing", anna)).body.decode()
    assert f"Shared/{DESK}/INBOX" not in text
    assert f"Shared/{DESK}/Sent" in text


async def test_a_public_folder_that_everybody_sees_may_be_left(place: World) -> None:
    root, anna = place.callers["server"], place.callers["user"]
    made = await place.post("/admin/shared/public", {"name": "News/<b>"}, root)
    assert made.status == 303, made.body
    here = made.headers["location"]
    rights = {"who": "anyone", "rights": "letters", "letters": "lrs"}
    assert (await place.post(f"{here}/rights", rights, root)).status == 303
    assert (await place.post(f"{here}/rights", {**rights, "letters": "lrz"}, root)).status == 422
    assert (await place.post(f"{here}/marks", {}, root)).status == 303
    text = (await place.ask("GET", here, root)).body.decode()
    assert 'name="own" value="on" checked' not in text
    assert "<b>" not in text.replace("<b>News", "")
    assert "Public/News/&lt;b&gt;" in (await place.ask("GET", "/me/sharing", anna)).body.decode()
    assert (await place.post("/me/sharing/leave", {"name": "Public/News/<b>"}, anna)).status == 303
    assert "Public/News/&lt;b&gt;" not in (await place.ask("GET", "/me/sharing", anna)).body.decode()
    text = (await place.ask("GET", here, root)).body.decode()
    assert f"-{ANNA}" in text  # the owner can take it back
    back = await place.post(f"{here}/rights", {"who": f"-{ANNA}", "rights": "none"}, root)
    assert back.status == 303
    assert "Public/News/&lt;b&gt;" in (await place.ask("GET", "/me/sharing", anna)).body.decode()
    assert (await place.post(f"{here}/remove", {}, root)).status == 303
    assert (await place.ask("GET", here, root)).status == 404


async def test_people_share_their_folders_themselves(place: World) -> None:
    anna = place.callers["user"]
    share = {"name": "INBOX", "who": "anyone", "rights": "read"}
    assert (await place.post("/me/sharing", share, anna)).status == 303
    assert (await place.post("/me/sharing/marks", {"name": "INBOX", "own": "yes"}, anna)).status == 303
    text = (await place.ask("GET", "/me/sharing", anna)).body.decode()
    assert "(anyone)" in text
    assert "Keep read marks in common" in text
    wrong = await place.post("/me/sharing", {**share, "who": "nobody@far.example"}, anna)
    assert wrong.status == 404
    assert (await place.post("/me/sharing", {**share, "rights": "none"}, anna)).status == 303
    assert "(anyone)" not in (await place.ask("GET", "/me/sharing", anna)).body.decode()
