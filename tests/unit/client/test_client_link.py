"""The client's way to the server, without one: repetition, patience, pages, streams, errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from posthouse.api.idempotent import _decline
from posthouse.client import (
    Accounts,
    Application,
    Conflict,
    ConnectionLost,
    Exists,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
    link,
)
from posthouse.client.errors import ApiError, error_of
from posthouse.client.topic import given, path_of

Handler = Callable[[httpx2.Request], httpx2.Response]

ACCOUNT = {"address": "anna@example.org", "quota": 0, "role": "user", "active": True, "domains": []}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits are noted, not waited for."""
    noted: list[float] = []
    monkeypatch.setattr(time, "sleep", noted.append)
    return noted


def app_of(handler: Handler, **more: Any) -> Application:
    return Application(
        "https://mail.example.org", "ph_secret", transport=httpx2.MockTransport(handler), **more
    )


def problem(status: int, kind: str, detail: str = "No.", **headers: str) -> httpx2.Response:
    body = {
        "type": f"urn:posthouse:{kind}",
        "title": "",
        "status": status,
        "detail": detail,
        "mend": "Mend it.",
    }
    return httpx2.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_lost_post_is_sent_again_under_its_key() -> None:
    """The answer was lost twice; the third request is the same one."""
    keys = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            raise httpx2.ReadError("gone")
        return httpx2.Response(201, json={"name": "example.org"})

    assert app_of(handler).calls.domain_add(name="example.org").name == "example.org"
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_tries_come_to_an_end() -> None:
    """A server that is not there is said to be so, and a silent one to be late."""
    tries = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        tries.append(request)
        raise httpx2.ConnectError("refused")

    with pytest.raises(ConnectionLost, match=r"mail\.example\.org"):
        app_of(handler).calls.me_show()
    assert len(tries) == 4

    def silent(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("late")

    with pytest.raises(TimedOut):
        app_of(silent).calls.me_show()


def test_what_is_not_safe_is_not_repeated() -> None:
    """A PATCH and a task whose answer is lost are sent once."""
    tries = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        tries.append(request.method)
        raise httpx2.ReadError("gone")

    calls = app_of(handler).calls
    with pytest.raises(ConnectionLost):
        calls.listener_change(name="*:25", port=26)
    with pytest.raises(ConnectionLost):
        calls.backup_run()
    assert tries == ["PATCH", "POST"]


def test_patience(waits: list[float]) -> None:
    """Slowed down it waits as it is told; longer than its patience it does not."""
    answers = [
        problem(429, "", retry_after="3"),
        httpx2.Response(200, json=ACCOUNT, headers={"etag": '"0a"'}),
    ]
    assert app_of(lambda request: answers.pop(0)).calls.account_show("anna@example.org").etag == '"0a"'
    assert 3 <= waits[0] < 4
    with pytest.raises(RateLimited) as slow:
        app_of(lambda request: problem(429, "", retry_after="300")).calls.me_show()
    assert slow.value.retry_after == 300
    with pytest.raises(Unavailable) as unavailable:
        app_of(lambda request: problem(503, "unavailable", retry_after="10")).calls.me_show()
    assert unavailable.value.retry_after == 10


def test_the_servers_own_words_for_a_key() -> None:
    """A request that still runs is waited for; one that nobody knows the end of is its own error."""
    running, lost = _decline("running"), _decline("lost")
    answers = [
        httpx2.Response(running.status_code, content=bytes(running.body), headers=dict(running.headers)),
        httpx2.Response(lost.status_code, content=bytes(lost.body)),
    ]
    with pytest.raises(OutcomeUnknown, match="Look whether it was done"):
        app_of(lambda request: answers.pop(0)).calls.domain_add(name="example.org")
    assert not answers


def test_a_repeated_delete_that_finds_nothing_is_done() -> None:
    """The first one did it; a first one that finds nothing is told."""
    deletes = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json=ACCOUNT, headers={"etag": '"0a"'})
        deletes.append(request.headers["if-match"])
        if len(deletes) == 1:
            raise httpx2.ReadError("gone")
        return problem(404, "missing")

    app_of(handler).links.account["anna@example.org"].delete()
    assert deletes == ['"0a"', '"0a"']
    with pytest.raises(NotFound):
        app_of(handler).links.account["anna@example.org"].delete()


def test_a_repeated_change_that_meets_itself_is_done() -> None:
    """After a lost answer 412 may be our own change: then what we wanted is there, else it is a conflict."""

    def handler_with(quota: int) -> Handler:
        puts: list[httpx2.Request] = []

        def handler(request: httpx2.Request) -> httpx2.Response:
            if request.method == "GET":
                now = {**ACCOUNT, "quota": quota if puts else 0}
                return httpx2.Response(200, json=now, headers={"etag": '"0b"' if puts else '"0a"'})
            puts.append(request)
            if len(puts) == 1:
                raise httpx2.ReadError("gone")
            return problem(412, "conflict")

        return handler

    account = app_of(handler_with(5)).links.account["anna@example.org"]
    account.quota = 5
    account.save()
    assert account.saved
    account = app_of(handler_with(6)).links.account["anna@example.org"]
    account.quota = 5
    with pytest.raises(Conflict) as caught:
        account.save()
    assert getattr(caught.value.current, "quota", 0) == 6
    assert not account.saved


def test_pages_come_as_they_are_needed() -> None:
    """Ten thousand accounts: the first is there after one page; the count costs none; every one comes once."""
    asked = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        after = request.url.params.get("after", "")
        asked.append(after)
        first = int(after.partition("@")[0] or -1) + 1
        rows = [{"address": f"{number:05}@example.org"} for number in range(first, min(first + 200, 10_000))]
        last = rows[-1]["address"] if len(rows) == 200 else ""
        return httpx2.Response(200, json={"accounts": rows, "next": last, "total": 10_000})

    accounts = Accounts(app_of(handler).calls)
    assert len(accounts) == 10_000
    assert accounts[0].address == "00000@example.org"
    assert [each.address for each in accounts[199:202]] == [f"{n:05}@example.org" for n in (199, 200, 201)]
    assert len(asked) == 2
    assert [each.address for each in accounts] == [f"{number:05}@example.org" for number in range(10_000)]
    assert len(asked) == 51  # the last page is full: only the one behind it says that nothing follows
    with pytest.raises(IndexError):
        accounts[10_000]
    accounts.refresh()
    assert len(asked) == 51


def test_a_stream_that_ends_early_says_so() -> None:
    """Events, then the end without a result; a problem at the end is raised; unknown events are left out."""
    head = 'event: future\ndata: {}\n\nevent: progress\ndata: {"type":"progress","text":"one"}\n\n'

    def told(rest: str) -> Handler:
        kind = {"content-type": "text/event-stream"}
        return lambda request: httpx2.Response(200, content=(head + rest).encode(), headers=kind)

    stream = app_of(told("")).calls.verify()
    assert next(stream).text == "one"
    with pytest.raises(ConnectionLost, match="before its result"):
        stream.wait()
    declined = {"type": "urn:posthouse:exists", "title": "", "status": 409, "detail": "There is one already."}
    last = f"event: problem\ndata: {msgspec.json.encode(declined).decode()}\n\n"
    with pytest.raises(Exists, match="already"):
        app_of(told(last)).calls.verify().wait()
    with pytest.raises(UnexpectedAnswer):
        app_of(told("event: result\ndata: [1]\n\n")).calls.verify().wait()


@pytest.mark.parametrize("body", [b"", b"<h1>Bad gateway</h1>", b"[]", b"\xff"])
def test_answers_of_strangers(body: bytes) -> None:
    """What is no answer of this API is said in words, whatever its status."""
    with pytest.raises(UnexpectedAnswer, match="right server"):
        app_of(lambda request: httpx2.Response(200, content=body)).calls.me_show()
    with pytest.raises(ApiError, match="502 Bad Gateway"):
        app_of(lambda request: httpx2.Response(502, content=body)).calls.me_show()
    moved = httpx2.Response(308, headers={"location": "https://evil.example/"})
    with pytest.raises(ApiError, match="another address"):
        app_of(lambda request: moved).calls.me_show()
    assert type(error_of(799, body)) is ApiError


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.org",
        "mail.example.org",
        "https://mail.example.org/admin",
        "https://a:b@mail.example.org",
        "",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    """Unencrypted, incomplete, or with something that would get lost."""
    with pytest.raises(ValueError, match=r"https://"):
        Application(url, "ph_secret")


@pytest.mark.parametrize("token", ["", "two words", "ph_ä", "ph_\x01x"])
def test_tokens_that_are_refused(token: str) -> None:
    """What fits in no header; never repeated in the error."""
    with pytest.raises(ValueError, match="no token") as caught:
        Application("https://mail.example.org", token)
    assert not token or token not in str(caught.value)


def test_the_token_is_not_shown() -> None:
    """Neither by the tree nor by what is below it."""
    with app_of(lambda request: httpx2.Response(200, json={})) as app:
        assert "ph_secret" not in f"{app!r} {app._link!r} {vars(app)!r}"


def test_paths_cannot_become_others() -> None:
    """Slashes are encoded, and nothing is left out."""
    assert path_of("/messages/{}/raw", "anna@example.org/INBOX/1?#") == (
        "/messages/anna@example.org%2FINBOX%2F1%3F%23/raw"
    )
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError, match="cannot name"):
            path_of("/accounts/{}", bad)


def test_defaults_are_left_to_the_server() -> None:
    """Only what differs is sent, and False is not 0."""
    assert given({"a": 1}, ("b", "", ""), ("c", [], ()), ("d", 0, False), ("e", None, None)) == {
        "a": 1,
        "d": 0,
    }
    assert link._texts({"x": True, "y": ["1", "2"]}) == [("x", "true"), ("y", "1"), ("y", "2")]


def test_saving_again_does_not_make_it_twice() -> None:
    """After a lost connection the same key; after an answer, good or bad, another."""
    keys: list[str] = []
    answers: list[httpx2.Response | None] = [None, None, None, None, problem(422, "invalid")]

    def handler(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["idempotency-key"])
        answer = answers.pop(0) if answers else httpx2.Response(201, json={"name": "example.org"})
        if answer is None:
            raise httpx2.ReadError("gone")
        return answer

    domain = app_of(handler).domains.add()
    domain.name = "example.org"
    for error in (ConnectionLost, Invalid):
        with pytest.raises(error):
            domain.save()
    domain.save()
    assert domain.saved
    assert len(set(keys[:5])) == 1
    assert len(set(keys)) == 2
