"""A POST under an Idempotency-Key is carried out once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from http_client import Answer

from posthouse.manage import idempotency_records
from posthouse.manage.context import Context

Call = Callable[..., Awaitable[Answer]]

KEY = {"idempotency-key": "k-1"}
BODY = {"name": "new.example"}


async def test_the_second_gets_the_answer_of_the_first(call: Call) -> None:
    first = await call("POST", "/domains", json=BODY, headers=KEY)
    second = await call("POST", "/domains", json=BODY, headers=KEY)
    assert (first.status, first.body) == (second.status, second.body) == (201, first.body)
    assert second.headers["idempotency-replayed"] == "true"
    assert (await call("POST", "/domains", json=BODY)).status == 409


async def test_refusals_are_kept_too(call: Call) -> None:
    bad = {"name": "not a domain"}
    first = await call("POST", "/domains", json=bad, headers=KEY)
    second = await call("POST", "/domains", json=bad, headers=KEY)
    assert first.status == second.status == 422
    assert "idempotency-replayed" in second.headers


async def test_another_request_under_the_same_key(call: Call) -> None:
    await call("POST", "/domains", json=BODY, headers=KEY)
    other = await call("POST", "/domains", json={"name": "other.example"}, headers=KEY)
    assert other.status == 422
    assert other.json["field"] == "Idempotency-Key"
    # Somebody else's keys are others.
    assert (await call("POST", "/domains", json=BODY, headers=KEY, token="viewer")).status == 403


async def test_at_the_same_moment_one_is_carried_out(call: Call) -> None:
    answers = await asyncio.gather(*(call("POST", "/domains", json=BODY, headers=KEY) for _ in range(5)))
    statuses = sorted(answer.status for answer in answers)
    assert set(statuses) <= {201, 409}
    domains = (await call("GET", "/domains")).json["domains"]
    assert [each["name"] for each in domains] == ["example.org", "new.example"]
    done = [answer for answer in answers if answer.status == 201]
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1


async def test_a_crash_in_between_is_told(call: Call, context: Context) -> None:
    await call("POST", "/domains", json=BODY, headers=KEY)
    await context.database.run(
        lambda tx: tx.execute(idempotency_records.idempotency.update().values(answer=b""))
    )
    assert (
        (await call("POST", "/domains", json=BODY, headers=KEY))
        .json["detail"]
        .startswith("The first request")
    )
    context.started_at += 3600  # the server was started again
    lost = await call("POST", "/domains", json=BODY, headers=KEY)
    assert lost.status == 409
    assert "stopped" in lost.json["detail"]


async def test_kept_answers_cannot_be_read_without_the_token(call: Call, context: Context) -> None:
    await call("POST", "/domains", json=BODY, headers=KEY)

    def rows(tx: object) -> list[bytes]:
        return [bytes(row[3]) for row in tx.execute(idempotency_records.idempotency.select())]  # type: ignore[attr-defined]

    (kept,) = await context.database.scan(rows)
    assert b"new.example" not in kept
    assert (await call("POST", "/domains", json=BODY, headers=KEY, token="other")).status == 409


async def test_after_a_day_the_key_is_free(call: Call, context: Context) -> None:
    await call("POST", "/domains", json=BODY, headers=KEY)
    await context.database.run(lambda tx: tx.execute(idempotency_records.idempotency.update().values(at=0.0)))
    assert (await call("POST", "/domains", json=BODY, headers=KEY)).status == 409  # carried out: it exists


async def test_keys_that_are_none(call: Call) -> None:
    for key in ("", "a b", "x" * 256):
        answer = await call("POST", "/domains", json=BODY, headers={"idempotency-key": key})
        assert answer.status == 400, key
