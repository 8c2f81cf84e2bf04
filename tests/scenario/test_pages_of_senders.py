"""The pages about those who send, in this process: what they show, and what their forms do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from http_client import Answer
from http_world import ANNA, DORA, ROOT, Caller, World, empty, world

from posthouse.database.contract import Transaction
from posthouse.directory import brakes
from posthouse.directory.brakes import Brake
from posthouse.queue.contract import HOLD_BURST, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService

PAGE = f"/admin/sending/{ANNA}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("world") / "empty")


@pytest.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(template, tmp_path / "world") as made:
        yield made


def text_of(answer: Answer) -> str:
    return answer.body.decode()


async def seen(place: World, path: str, caller: Caller) -> str:
    return text_of(await place.ask("GET", path, caller))


async def hold(place: World) -> None:
    """Anna is braked, and one message of hers is held."""
    account_id = place.ids[ANNA]

    def op(tx: Transaction) -> None:
        queue = QueueService(place.context.settings, place.context.feed)
        message = QueuedMessage("tr4ce", "ab" * 32, 10, ANNA, time.time(), account_id=account_id)
        queue.put(tx, message, [QueuedRecipient("far@far.test", "mx:far.test", hold=HOLD_BURST)])
        brakes.put_on(tx, Brake(account_id, "braked", time.time(), "", "300 <b>recipients</b>", 300, 9), ANNA)

    await place.context.database.run(op)


async def test_a_domain_administrator_looks_and_releases(place: World) -> None:
    dora = await place.sign_in(DORA)
    assert "Everybody may send" in await seen(place, "/admin/sending", dora)
    await hold(place)
    listed = await seen(place, "/admin/sending", dora)
    assert PAGE in listed
    assert "300 &lt;b&gt;recipients" in listed
    assert "Limits of their own" not in listed
    shown = await seen(place, PAGE, dora)
    assert "Reject what is held" in shown
    assert "far@far.test" not in shown
    assert "far@far.test" in await seen(place, f"{PAGE}?samples=1", dora)
    refused = await place.post(f"{PAGE}/reject", {"what": "delete"}, dora)
    assert (refused.status, "This cannot be taken back." in text_of(refused)) == (422, True)
    assert (await place.post(f"{PAGE}/release", {}, dora)).status == 303
    assert "Everybody may send" in await seen(place, "/admin/sending", dora)
    assert (await place.ask("GET", "/admin/sending/bert@other.example", dora)).status == 403
    assert (await place.post("/admin/sending/limits", {"of": ANNA}, dora)).status == 403


async def test_rejecting_blocks(place: World) -> None:
    root = await place.sign_in(ROOT)
    await hold(place)
    form = {"what": "delete", "block": "on", "sure": "on"}
    assert (await place.post(f"{PAGE}/reject", form, root)).status == 303
    shown = await seen(place, PAGE, root)
    assert "Let it send again" in shown
    assert "Whatever it submits is refused." in shown
    assert (await place.post(f"{PAGE}/unblock", {}, root)).status == 303
    assert (await place.post(f"{PAGE}/block", {"reason": "left <us>"}, root)).status == 303
    assert "left &lt;us&gt;" in await seen(place, PAGE, root)


async def test_limits_of_their_own(place: World) -> None:
    root = await place.sign_in(ROOT)
    wrong = await place.post("/admin/sending/limits", {"of": ANNA, "messages_hour": "many"}, root)
    assert (wrong.status, "This is no number." in text_of(wrong), 'value="many"' in text_of(wrong)) == (
        422,
        True,
        True,
    )
    done = await place.post("/admin/sending/limits", {"of": ANNA, "messages_hour": "77"}, root)
    assert done.status == 303
    shown = await seen(place, f"/admin/sending?of={ANNA}", root)
    assert ">77<" in shown
    assert "exception" in shown
    assert (await place.ask("GET", "/admin/sending?of=nobody@own.example", root)).status == 404
    assert (await place.post("/admin/sending/limits/remove", {"of": ANNA}, root)).status == 303
    assert "Nobody has limits of their own" in await seen(place, "/admin/sending", root)


async def test_send_as(place: World) -> None:
    dora = await place.sign_in(DORA)
    here = f"/admin/accounts/{ANNA}"
    assert (await place.post(f"{here}/send-as", {"pattern": "*"}, dora)).status == 403
    assert (await place.post(f"{here}/send-as", {"pattern": "nobody"}, dora)).status == 422
    assert (await place.post(f"{here}/send-as", {"pattern": "office@own.example"}, dora)).status == 303
    assert "office@own.example" in await seen(place, here, dora)
    assert (await place.post(f"{here}/send-as-remove", {"pattern": "office@own.example"}, dora)).status == 303
    assert 'value="office@own.example"' not in await seen(place, here, dora)
