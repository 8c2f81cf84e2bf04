"""Who may what over HTTP: every route of the API, every page and every fixed place, asked by everybody.

Made from the registers, so that what is new is asked, too. What is not theirs is refused, and the database is not
written to; what is theirs is not refused, and never fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from api_people import RIGHTS, token_of
from http_client import Answer
from http_samples import FORMS, MAY, PLACES, SAMPLES, path_of, request_of
from http_world import NOBODY, SCOPES, Caller, World, empty, world
from running import RunningServer
from starlette.routing import Mount

from posthouse.api.route import Route
from posthouse.api.table import PREFIX, every_route
from posthouse.manage import use as register
from posthouse.manage.context import ROLE_ORDER
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, uses
from posthouse.web.page import Page, pages

SESSIONS = ("user", "other domain", "domain", "server")
ROLES = {"user": "user", "other domain": "domain", "domain": "domain", "server": "server"}
WITHOUT = ("revoked session", "expired token")

OUTSIDE = {"diagnose", "setup.check", "setup.begin", "setup.todo", "dns.records"}
"""Uses that ask the network; in this process it counts that they were reached."""


def sampled() -> list[Route]:
    """The routes that can be asked; ``test_everything_has_a_sample`` names the others."""
    return [route for route in every_route() if route.use in SAMPLES]


LAST = ("/me/password", "/prove", "/sign-out")
"""Pages after which a session is over or another one."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("world") / "empty")


@pytest.fixture
async def place(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async def elsewhere(call: Call, wanted: Any) -> Any:
        raise ManageError("unavailable", "There is no network in this test.", "Nothing to mend.")

    for name in OUTSIDE & set(uses()):
        monkeypatch.setitem(register._uses, name, dataclasses.replace(uses()[name], body=elsewhere))
    async with world(template, tmp_path / "world") as made:
        yield made


def wanted_pages() -> list[Page]:
    """The pages that can be asked; those that end a session at the end."""
    found = [page for page in pages() if page.method == "GET" or page.path in FORMS]
    return sorted(found, key=lambda page: (page.path in LAST, page.method))


async def open_page(place: World, page: Page, caller: Caller) -> Answer:
    if page.method == "POST":
        return await place.post(path_of(page), FORMS[page.path], caller)
    return await place.ask("GET", path_of(page), caller)


def refusal(answer: Answer) -> bool:
    """Refused, or sent to sign in."""
    to_sign_in = answer.status == 303 and answer.headers["location"].startswith("/sign-in")
    return answer.status in (401, 403, 404) or to_sign_in


async def test_everything_has_a_sample(place: World) -> None:
    missing = sorted({route.use for route in every_route()} - set(SAMPLES))
    assert not missing, f"add samples of {missing} to tests/unit/manage/samples"
    forms = sorted({page.path for page in pages() if page.method == "POST"} - set(FORMS))
    assert not forms, f"add what a browser would send to {forms} to FORMS in tests/scenario/http_samples.py"
    assert not set(FORMS) - {page.path for page in pages()}, "forms of pages that are gone: remove them"
    well_known = place.parts.well_known
    places = {*well_known._exact, *well_known._prefixes}
    assert places == set(PLACES), "say in PLACES of tests/scenario/http_samples.py who learns what there"


async def test_nothing_answers_beside_the_registers(place: World) -> None:
    """A route that is in none of them would not be asked below."""
    routes = place.app._inner.routes
    known = {page.path for page in pages()} | {
        *("/health", "/static/{version}/{name:path}", "/admin/{rest:path}", "/me/{rest:path}"),
        *(f"{PREFIX}/openapi.json", "/api/docs", "/api/docs.css", PREFIX),
    }
    assert {route.path for route in routes} == known
    assert [route.path for route in routes if isinstance(route, Mount)] == [PREFIX]


async def ask_route(place: World, route: Route, caller: Caller) -> Answer:
    target, json = request_of(route)
    headers = {"accept": "application/json"} if route.stream and not route.media_type else {}
    return await place.ask(route.method, PREFIX + target, caller, json=json, headers=headers)


def api_may(name: str, route: Route) -> bool:
    """Whether the table lets this caller in."""
    if name in SESSIONS:
        return name in MAY[SAMPLES[route.use][1]]
    return name == f"token {uses()[route.use].right}"


async def test_api_refuses_what_is_not_theirs(place: World) -> None:
    before = place.changes()
    wrong = []
    callers = {"nobody": NOBODY, **place.callers}
    del callers["token of another domain"]
    for route in sampled():
        for name, caller in callers.items():
            if name in (*SESSIONS, *(f"token {scope}" for scope in SCOPES)) and api_may(name, route):
                continue
            answer = await ask_route(place, route, caller)
            identified = name not in ("nobody", *WITHOUT)
            if answer.status not in ((403, 404) if identified else (401,)):
                wrong.append(f"{route.method} {route.path} by {name}: {answer.status}")
            if place.changes() != before:
                wrong.append(f"{route.method} {route.path} by {name} changed something")
                before = place.changes()
    assert not wrong


async def test_a_token_for_one_domain_reaches_no_other(place: World) -> None:
    """It is a server administrator's, with every right, and for other.example only."""
    caller, before = place.callers["token of another domain"], place.changes()
    wrong = []
    for route in sampled():
        who = SAMPLES[route.use][1]
        if who in ("domain", "owner", "server"):
            answer = await ask_route(place, route, caller)
            if answer.status not in (403, 404) or place.changes() != before:
                wrong.append(f"{route.method} {route.path}: {answer.status}")
                before = place.changes()
    assert not wrong


async def test_a_session_without_its_secret_changes_nothing(place: World) -> None:
    """Every route and page that changes, by somebody who may, but as a foreign page would send it."""
    before = place.changes()
    wrong = []
    for name in SESSIONS:
        bare = Caller(cookie=place.callers[name].cookie)
        for route in sampled():
            if route.method != "GET":
                answer = await ask_route(place, route, bare)
                if answer.status != 403 or place.changes() != before:
                    wrong.append(f"{route.method} {route.path} by {name}: {answer.status}")
        for page in wanted_pages():
            if page.method == "POST" and page.path not in ("/preferences",):
                answer = await open_page(place, page, bare)
                if answer.status != 403 or place.changes() != before:
                    wrong.append(f"POST {page.path} by {name}: {answer.status}")
    assert not wrong


async def test_pages_refuse_those_of_a_lower_role(place: World) -> None:
    """Nobody, old sessions and tokens (pages take none) are sent to sign in."""
    before = place.changes()
    wrong = []
    for page in wanted_pages():
        if page.open_to == "anyone":
            continue
        for name, caller in {"nobody": NOBODY, **place.callers}.items():
            if name in SESSIONS and ROLE_ORDER[ROLES[name]] >= ROLE_ORDER[page.open_to]:  # type: ignore[index]
                continue
            answer = await open_page(place, page, caller)
            expected = answer.status == 403 if name in SESSIONS else answer.status == 303 and refusal(answer)
            if not expected or place.changes() != before:
                wrong.append(f"{page.method} {page.path} by {name}: {answer.status}")
                before = place.changes()
    assert not wrong


async def test_pages_of_another_domain(place: World) -> None:
    """The administrator of other.example learns nothing about own.example, and changes nothing there."""
    caller, before = place.callers["other domain"], place.changes()
    wrong = []
    for page in wanted_pages():
        if page.open_to != "domain":
            continue
        answer = await open_page(place, page, caller)
        told = page.method == "GET" and answer.status < 400 and b"own.example" in answer.body
        named = "{" in page.path and not refusal(answer)
        if told or named or failed(answer) or place.changes() != before:
            wrong.append(f"{page.method} {page.path}: {answer.status}")
            before = place.changes()
    assert not wrong


async def test_things_of_others_by_their_number(place: World) -> None:
    """Session 1 and token 1 are anna's."""
    for name in ("other domain", "domain", "server"):
        caller, before = place.callers[name], place.changes()
        for path in ("/me/sessions/1", "/me/security/1/remove"):
            answer = await place.post(path, {}, caller)
            assert answer.status in (403, 404), f"{path} by {name}: {answer.status}"
        assert (await place.ask("DELETE", "/api/v1/me/sessions/1", caller)).status == 404
        assert place.changes() == before
    caller, before = place.callers["domain"], place.changes()
    assert (await place.post("/me/tokens/1/remove", {}, caller)).status == 404
    assert (await place.ask("DELETE", "/api/v1/tokens/1", caller)).status == 404
    assert place.changes() == before


def refused(answer: Answer, use: str) -> bool:
    """By the gate of the use."""
    return answer.status == 401 or f"may not do {use} here".encode() in answer.body


def failed(answer: Answer) -> bool:
    """503 is the honest answer of parts that only a running server has."""
    return answer.status >= 500 and answer.status != 503


ORDER = {"GET": 0, "POST": 1, "PUT": 2, "PATCH": 3, "DELETE": 4}


@pytest.mark.parametrize("name", [*SESSIONS, *(f"token {scope}" for scope in SCOPES)])
async def test_api_does_what_is_theirs(place: World, name: str) -> None:
    wrong = []
    caller = place.callers[name]
    for route in sorted(sampled(), key=lambda each: ORDER[each.method]):
        if api_may(name, route):
            answer = await ask_route(place, route, caller)
            if failed(answer) or refused(answer, route.use):
                wrong.append(f"{route.method} {route.path}: {answer.status} {answer.body[:200]!r}")
    assert not wrong


@pytest.mark.parametrize("name", SESSIONS)
async def test_pages_show_what_is_theirs(place: World, name: str) -> None:
    wrong = []
    caller = place.callers[name]
    for page in wanted_pages():
        anyone = page.open_to == "anyone"
        if not anyone and ROLE_ORDER[ROLES[name]] < ROLE_ORDER[page.open_to]:  # type: ignore[index]
            continue
        answer = await open_page(place, page, caller)
        if failed(answer) or (not anyone and page.path not in LAST and answer.status == 401):
            wrong.append(f"{page.method} {page.path}: {answer.status} {answer.body[:200]!r}")
        if not anyone and answer.headers.get("location", "").startswith("/sign-in?next"):
            wrong.append(f"{page.method} {page.path}: is not signed in any more")
    assert not wrong


async def test_pages_for_anyone_do_not_fail(place: World) -> None:
    before = place.changes()
    for page in wanted_pages():
        if page.open_to == "anyone":
            answer = await open_page(place, page, NOBODY)
            assert answer.status < 500, f"{page.method} {page.path}: {answer.status}"
    assert place.changes() == before


class Numbers:
    """Measurements, of which there are none."""

    async def exposition(self) -> str:
        return "posthouse_up 1\n"


async def test_fixed_places(place: World) -> None:
    place.context.measures = Numbers()  # type: ignore[assignment]
    before = place.changes()
    for path, who in PLACES.items():
        for name, caller in {"nobody": NOBODY, **place.callers}.items():
            for method in ("GET", "POST"):
                answer = await place.ask(method, path, caller, body=b"<a/>" if method == "POST" else None)
                assert answer.status < 500, f"{method} {path} by {name}"
                knows = who == "anyone" or name in ("server", "token view")
                if not knows:
                    assert answer.status in (401, 403, 405), f"{method} {path} by {name}"
    assert place.changes() == before
    assert (await place.ask("GET", "/metrics", place.callers["token view"])).body == b"posthouse_up 1\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same with all parts of a real server."""
    made = RunningServer(tmp_path_factory.mktemp("http") / "server")
    made.start()
    try:
        for domain in ("hq.example", "own.example"):
            made.add_domain(domain)
        for address in ("root@hq.example", "anna@own.example", "dora@own.example"):
            made.add_account(address)
        made.command("account", "role", "root@hq.example", "server")
        made.command("account", "role", "dora@own.example", "domain", "own.example")
        made.command("alias", "add", "info@own.example", "anna@own.example")
        yield made
    finally:
        made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


@pytest.mark.parametrize(
    ("address", "name"),
    [("root@hq.example", "server"), ("dora@own.example", "domain"), ("anna@own.example", "user")],
)
def test_a_real_server_shows_everything_that_is_theirs(
    server: RunningServer, address: str, name: str
) -> None:
    """All that is looked at, with every part there: no 503 either."""
    token = token_of(server, address, *RIGHTS)
    wrong = []
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{server.http}{PREFIX}",
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
    ) as client:
        for route in sampled():
            if route.method != "GET" or route.use in OUTSIDE or route.use == "log.watch":
                continue
            answer = client.get(request_of(route)[0])
            gate = answer.status_code == 401 or f"may not do {route.use} here" in answer.text
            if gate == (name in MAY[SAMPLES[route.use][1]]) or answer.status_code >= 500:
                wrong.append(f"{route.path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong
