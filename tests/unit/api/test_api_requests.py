"""Requests to the API: what goes in, what comes out, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from http_client import Answer, ask

from posthouse.manage.context import Context
from posthouse.settings import http as settings_http
from posthouse.settings.contract import Settings

Call = Callable[..., Awaitable[Answer]]
PASSWORD = "correct-horse-battery"


async def test_a_thing_from_its_making_to_its_end(call: Call) -> None:
    made = await call(
        "POST", "/accounts", json={"address": "bert@example.org", "password": PASSWORD, "quota": "1M"}
    )
    assert made.status == 201, made.body
    assert made.json["quota"] == 1024 * 1024
    listed = await call("GET", "/accounts?domain=example.org")
    assert [each["address"] for each in listed.json["accounts"]] == ["anna@example.org", "bert@example.org"]
    assert (await call("PUT", "/accounts/bert%40example.org/quota", json={"quota": "2M"})).json[
        "quota"
    ] == 2 << 20
    assert (await call("DELETE", "/accounts/bert@example.org")).status == 200
    assert (await call("GET", "/accounts/bert@example.org")).status == 404


async def test_pages_name_the_next(call: Call) -> None:
    for name in ("b", "c"):
        await call("POST", "/accounts", json={"address": f"{name}@example.org", "password": PASSWORD})
    seen, path = [], "/accounts?limit=1&domain=example.org"
    while path:
        page = await call("GET", path)
        seen += [each["address"] for each in page.json["accounts"]]
        link = page.headers.get("link", "")
        assert bool(link) == bool(page.json["next"])
        path = link.partition(">")[0].removeprefix("</api/v1") if link else ""
    assert seen == ["anna@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/accounts", {"address": "x@example.org"}, 422, "password"),
        ("POST", "/accounts", {"address": 7, "password": PASSWORD}, 422, "address"),
        ("POST", "/accounts", {"address": "x@example.org", "password": PASSWORD, "colour": 1}, 422, "colour"),
        (
            "POST",
            "/accounts",
            {"address": "x@example.org", "password": PASSWORD, "quota": "lots"},
            422,
            "quota",
        ),
        ("POST", "/accounts", {"address": "no address", "password": PASSWORD}, 422, "address"),
        ("POST", "/accounts", {"address": "anna@example.org", "password": PASSWORD}, 409, "address"),
        ("POST", "/accounts", [1], 422, None),
        ("GET", "/accounts?limit=many", None, 422, "limit"),
        ("GET", "/accounts?limit=1&limit=2", None, 422, "limit"),
        ("GET", "/accounts?colour=red", None, 422, "colour"),
        ("GET", "/queue/abc", None, 422, "id"),
        ("GET", "/queue/7", None, 404, None),
        ("GET", "/settings/no.such", None, 404, "name"),
        (
            "PUT",
            "/accounts/anna@example.org/quota",
            {"quota": "1M", "address": "b@example.org"},
            422,
            "address",
        ),
        ("GET", "/nowhere", None, 404, None),
        ("PATCH", "/accounts", None, 405, None),
    ],
)
async def test_what_is_wrong_is_named(
    call: Call, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = await call(method, path, **({} if body is None else {"json": body}))
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("field") == field
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b'{"address": "\xff"}', 400),
        ("application/json", b"[" * 100_000, 400),
        ("text/plain", b"hello", 415),
        ("application/x-www-form-urlencoded", b"address=a%40example.org", 415),
        ("", b"{}", 415),
    ],
)
async def test_what_cannot_be_read(call: Call, kind: str, body: bytes, status: int) -> None:
    answer = await call("POST", "/accounts", body=body, headers={"content-type": kind})
    assert answer.status == status, answer.body


async def test_the_same_value_in_path_and_body_is_no_error(call: Call) -> None:
    body = {"quota": "1M", "address": "anna@example.org"}
    assert (await call("PUT", "/accounts/anna@example.org/quota", json=body)).status == 200


async def test_a_file_as_the_body(call: Call) -> None:
    text = f"address,password\nc@example.org,{PASSWORD}\n".encode()
    answer = await call(
        "POST", "/accounts/import", body=text, headers={"content-type": "text/csv; charset=utf-8"}
    )
    assert answer.json == {"added": ["c@example.org"], "skipped": 0}
    bad = await call("POST", "/accounts/import", json={"text": "address,password\nx@other.example,y\n"})
    assert bad.status == 422
    assert any("line 2" in line for line in bad.json["problems"])


async def test_who_is_nobody(call: Call) -> None:
    nobody = await call("GET", "/status", token="")
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"] == 'Bearer realm="posthouse"'
    stranger = await call("GET", "/status", token="forged")
    assert stranger.status == 401
    assert 'error="invalid_token"' in stranger.headers["www-authenticate"]
    basic = await call("GET", "/status", token="", headers={"authorization": "Basic cm9vdDpyb290"})
    assert basic.status == 401


async def test_a_token_does_what_it_may(call: Call) -> None:
    assert (await call("GET", "/status", token="viewer")).status == 200
    refused = await call("POST", "/domains", token="viewer", json={"name": "x.example"})
    assert refused.status == 403
    assert refused.json["type"] == "urn:posthouse:refused"
    assert (await call("GET", "/status", token="user")).status == 403


async def test_a_browser_needs_the_token_of_its_session(call: Call) -> None:
    cookie = {"cookie": "posthouse=signed-in"}
    body = {"name": "x.example"}
    assert (await call("GET", "/status", token="", headers=cookie)).status == 200
    assert (await call("POST", "/domains", token="", headers=cookie, json=body)).status == 403
    wrong = {**cookie, "x-csrf-token": "guess"}
    assert (await call("POST", "/domains", token="", headers=wrong, json=body)).status == 403
    right = {**cookie, "x-csrf-token": "token-of-form"}
    assert (await call("POST", "/domains", token="", headers=right, json=body)).status == 201
    # Over https only the cookie that is bound to this host counts.
    assert (await call("GET", "/status", token="", headers=cookie, scheme="https")).status == 401
    bound = {"cookie": "__Host-posthouse=signed-in"}
    assert (await call("GET", "/status", token="", headers=bound, scheme="https")).status == 200


async def test_versions(call: Call) -> None:
    first = await call("GET", "/accounts/anna@example.org")
    tag = first.headers["etag"]
    again = await call("GET", "/accounts/anna@example.org", headers={"if-none-match": f'"x", W/{tag}'})
    assert (again.status, again.body) == (304, b"")
    quota = "/accounts/anna@example.org/quota"
    assert (await call("PUT", quota, json={"quota": "1M"}, headers={"if-match": tag})).status == 200
    late = await call("PUT", quota, json={"quota": "2M"}, headers={"if-match": tag})
    assert late.status == 412
    assert (await call("GET", "/accounts/anna@example.org")).json["quota"] == 1 << 20
    assert (await call("PUT", quota, json={"quota": "2M"}, headers={"if-match": "nonsense"})).status == 400
    assert (await call("PUT", quota, json={"quota": "2M"}, headers={"if-match": f"W/{tag}"})).status == 400


async def test_too_many_requests(call: Call, context: Context) -> None:
    context.settings.now = Settings({settings_http.BURST.name: 2, settings_http.RATE.name: 0.1})
    assert [(await call("GET", "/domains")).status for _ in range(3)] == [200, 200, 429]
    late = await call("GET", "/domains")
    assert int(late.headers["retry-after"]) >= 1
    assert (await call("GET", "/domains", token="viewer")).status == 200  # a bucket of its own
    assert [(await call("GET", "/domains", token="")).status for _ in range(3)] == [401, 401, 429]


async def test_an_encoded_slash_stays_in_its_parameter(call: Call) -> None:
    answer = await call("GET", "/messages/anna%40example.org%2FINBOX%2F1")
    assert answer.status == 404
    assert "INBOX" in answer.json["detail"]


async def test_the_documentation_is_for_everybody(app: Any) -> None:
    page = await ask(app, "GET", "/api/docs")
    assert page.status == 200
    assert "script" not in page.headers["content-security-policy"]
    assert b"<script" not in page.body
    assert b"style=" not in page.body
    assert b"/api/v1/accounts/{address}" in page.body
    assert (await ask(app, "GET", "/api/docs.css")).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts?limit=abc", "limit: this must be a whole number, not a text."),
        ("/queue?after=abc", "'abc' is no place in the queue."),
        ("/audit?after=abc", "'abc' is no place in the audit."),
    ],
)
async def test_a_wrong_parameter_is_refused_in_words(call: Call, path: str, words: str) -> None:
    answer = await call("GET", path)
    assert (answer.status, answer.json["detail"]) == (422, words)


async def test_a_word_that_is_none_of_the_choices_is_refused_with_them(call: Call) -> None:
    answer = await call("GET", "/status/history/nonsense")
    assert answer.status == 422
    assert "nonsense" in answer.json["detail"]
    assert "queue.messages" in answer.json["mend"]
