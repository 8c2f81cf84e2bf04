"""App passwords by the pages and the API: made, shown once, good for a mail program, taken back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from http_world import World, empty, world

from posthouse.directory.app_passwords import plain_form

ANNA = "anna@own.example"
_SHOWN = re.compile(rb"[a-z2-7]{4}(?:-[a-z2-7]{4}){5}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("entry") / "empty")


@pytest_asyncio.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(template, tmp_path / "world") as made:
        yield made


async def test_an_app_password_is_made_and_shown_once(place: World) -> None:
    """The page shows it with a picture; the list and the audit never do; removing it ends it."""
    caller = await place.sign_in(ANNA)
    form = {"name": "Phone <b>", "protocols": ["imap"], "days": "30", "networks": "192.0.2.0/24"}
    answer = await place.post("/me/app-passwords/add", form, caller)
    assert answer.status == 200
    shown = _SHOWN.search(answer.body)
    assert shown
    assert b"<svg" in answer.body
    listed = await place.ask("GET", "/me/app-passwords", caller)
    assert b"Phone &lt;b&gt;" in listed.body
    assert shown[0] not in listed.body
    secret = plain_form(shown[0].decode())
    for table in ("app_passwords", "audit"):
        assert secret not in repr(place.rows(table)).replace("-", "")
    [row] = place.rows("app_passwords")
    assert (await place.post(f"/me/app-passwords/{row[0]}/remove", {}, caller)).status == 303
    assert not place.rows("app_passwords")


async def test_nobody_touches_those_of_others(place: World) -> None:
    """Not by number, not by address; an administrator does, an API token makes none."""
    anna = await place.sign_in(ANNA)
    await place.post("/me/app-passwords/add", {"name": "Phone"}, anna)
    [row] = place.rows("app_passwords")
    other = await place.sign_in("bert@other.example")
    assert (await place.post(f"/me/app-passwords/{row[0]}/remove", {}, other)).status == 404
    token = await place.token("bert@other.example", "view", "change")
    found = await place.ask("GET", f"/api/v1/app-passwords?address={ANNA}", token)
    assert found.status == 403
    made = await place.ask("POST", "/api/v1/app-passwords", token, json={"name": "x"})
    assert made.status == 403
    assert len(place.rows("app_passwords")) == 1


async def test_a_hash_of_another_server_is_taken_over_by_the_page(place: World) -> None:
    """Its form is checked; it is never shown again. The list says why the account is in the way of SCRAM."""
    root = place.callers["server"]
    path = f"/admin/accounts/{ANNA}/password-hash"
    assert (await place.ask("GET", path, root)).status == 200
    bad = await place.post(path, {"kind": "sha256", "password_hash": "5ebe22"}, root)
    assert bad.status == 422
    assert b"70 hexadecimal digits" in bad.body
    assert b"5ebe22" not in bad.body
    shown = await place.ask("GET", "/admin/accounts-without-scram", root)
    assert b"None is left" in shown.body
    md5 = "5ebe2294ecd0e0f08eab7690d2a6ee69"
    assert (await place.post(path, {"kind": "md5", "password_hash": md5}, root)).status == 303
    shown = await place.ask("GET", "/admin/accounts-without-scram", root)
    assert ANNA.encode() in shown.body
    assert b"The hash of another server, not used yet" in shown.body
    again = {"password": "quite another one"}
    assert (await place.post(f"/admin/accounts/{ANNA}/password", again, root)).status == 303
    assert b"None is left" in (await place.ask("GET", "/admin/accounts-without-scram", root)).body
    other = place.callers["other domain"]
    assert (await place.post(path, {"kind": "md5", "password_hash": md5}, other)).status == 403
    assert (await place.ask("GET", "/admin/accounts-without-scram", other)).status == 403
