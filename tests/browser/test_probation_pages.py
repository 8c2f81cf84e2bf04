"""Risky changes in the browser: on trial at the top of every page, confirmed after a fresh proof, undone at once or by
time; and forms that wait for the proof."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator

import pytest
from plain import Plain
from playwright.sync_api import Page
from running import PASSWORD, RunningServer

from conftest import Open
from house import ADMIN, DOMAIN

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

TRIAL = ".notice.warning:has([data-until])"


@pytest.fixture(autouse=True)
def nothing_waits(server: RunningServer) -> Iterator[None]:
    yield
    for each in json.loads(server.command("probation", "list", "--json").stdout)["changes"]:
        server.command("probation", "revert", str(each["id"]))


def ban(page: Page, network: str) -> None:
    page.goto("/admin/bans")
    page.fill("#f-network", network)
    page.get_by_role("button", name="Ban", exact=True).click()
    page.wait_for_selector(".notice.good")


def bans(server: RunningServer) -> str:
    return server.command("ban", "list").stdout


def make_old(server: RunningServer) -> None:
    """The password of everybody's browser was given long ago."""
    with sqlite3.connect(server.data / "posthouse.db", timeout=20) as database:
        database.execute("UPDATE browser_sessions SET fresh_at = 1")
    database.close()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_confirmed_after_a_proof(visit: Open, server: RunningServer, width: str) -> None:
    watched = visit("server", width)
    page = watched.page
    ban(page, "192.0.2.0/24")
    page.goto("/admin/domains?search=post")
    trial = page.locator(TRIAL)
    assert "192.0.2.0/24" in trial.inner_text()
    assert re.fullmatch(r"[0-5]:\d\d", trial.locator("[data-until]").inner_text())
    watched.look()
    watched.picture(f"probation-{width}")
    trial.get_by_role("button", name="Confirm").click()
    page.wait_for_url(
        re.compile(r"/prove\?next=")
    )  # signed in before the change: that proves nothing about it
    watched.look()
    watched.picture(f"probation-prove-{width}")
    page.fill("#f-password", "wrong")
    page.press("#f-password", "Enter")
    page.wait_for_selector(".notice.bad")
    page.fill("#f-password", PASSWORD)
    page.press("#f-password", "Enter")
    page.wait_for_url("**/admin/domains?search=post")  # where one was
    page.locator(TRIAL).get_by_role("button", name="Confirm").click()
    page.wait_for_selector(".notice.good")
    assert page.url.endswith("/admin/domains?search=post")
    assert page.locator(TRIAL).count() == 0
    assert "192.0.2.0/24" in bans(server)
    assert "probation.confirm" in page.goto("/admin/audit").text()  # type: ignore[union-attr]
    server.command("ban", "remove", "192.0.2.0/24")


def test_undone_at_once(visit: Open, server: RunningServer) -> None:
    page = visit("server").page
    ban(page, "198.51.100.0/24")
    page.goto("/admin/queue")
    page.locator(TRIAL).get_by_role("button", name="Undo now").click()
    page.wait_for_selector(".notice.good")
    assert page.url.endswith("/admin/queue")
    assert page.locator(TRIAL).count() == 0
    assert "198.51.100.0/24" not in bans(server)


def test_what_nobody_confirms_is_undone(visit: Open, server: RunningServer) -> None:
    server.command("setting", "set", "manage.probation_time", "2s")
    try:
        page = visit("server").page
        ban(page, "203.0.113.0/24")
        until = time.monotonic() + 30
        while page.locator(TRIAL).count() and time.monotonic() < until:
            page.wait_for_timeout(300)
            page.reload()
        assert page.locator(TRIAL).count() == 0
        assert "203.0.113.0/24" not in bans(server)
        page.goto("/admin/audit")
        assert page.locator("main").get_by_text("probation.revert").count() >= 1
    finally:
        server.command("setting", "set", "manage.probation_time", "default")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_form_waits_for_the_proof(visit: Open, server: RunningServer, scripts: bool) -> None:
    """What was typed is sent after it with one click, also after a wrong password; nothing is done before."""
    watched = visit("server", java_script_enabled=scripts)
    page = watched.page
    page.goto("/me/tokens/add")
    make_old(server)
    name = f'A "token" <b>{scripts}</b> ü'
    page.fill("#f-name", name)
    page.check("#f-rights-send")
    page.get_by_role("button", name="Make the token").click()
    page.wait_for_url(re.compile(r"/prove\?next="))
    assert page.get_by_text("what you typed is kept").count() == 1
    for password in ("wrong", PASSWORD):
        page.fill("#f-password", password)
        with page.expect_navigation():
            page.locator("form:has(#f-password) button[type=submit]").click()
    if scripts:
        watched.look()
        watched.picture("proven-desk")
    with page.expect_navigation():
        page.get_by_role("button", name="Send it").click()
    assert page.locator("#token").inner_text().startswith("ph")
    page.goto("/me/tokens")
    row = page.get_by_role("row").filter(has_text=name)
    assert row.count() == 1
    page.goto("/prove")
    assert page.locator("[name=kept]").count() == 0  # it waits no more


def test_a_secret_does_not_wait(server: RunningServer) -> None:
    """It is kept nowhere, and the page says so."""
    person = Plain(server, ADMIN)
    make_old(server)
    typed = "a-secret-nobody-keeps"
    answer = person.post(f"/admin/accounts/{ADMIN}/password", {"password": typed})
    assert answer.status == 303
    page = person.get(answer.location)
    assert "please fill it in again" in page.text
    assert typed not in page.text + repr(person.cookies) + answer.location
    assert 'name="kept"' not in page.text


@pytest.mark.parametrize(
    "forged", ["e30=.0", "eyJ0YXJnZXQiOiIvYWRtaW4vZG9tYWlucyIsImZpZWxkcyI6e319.00", "ü.ü", "."]
)
def test_a_form_that_somebody_else_put_there_does_not_wait(server: RunningServer, forged: str) -> None:
    person = Plain(server, f"person40@{DOMAIN}")
    person.cookies["posthouse-kept"] = forged.encode("ascii", "ignore").decode()
    assert 'name="kept"' not in person.get("/prove").text
    answer = person.post("/prove", {"password": PASSWORD, "kept": "no base64!", "next": "/me"})
    assert (answer.status, answer.location) == (303, "/me")
