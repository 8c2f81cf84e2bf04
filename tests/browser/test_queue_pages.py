"""The pages of the queue, with mail that waits: found, looked at, held, released, given up, deleted, paused."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect
from running import RunningServer

from conftest import Open
from house import DOMAIN, DOMAIN_ADMIN, USER, furnished

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]

expect.set_options(timeout=20_000)
FULL = "mx1.full.example[192.0.2.25] said: 452 4.2.2 <everybody@full.example> Over quota, try later (to RCPT)"
SILENT = "mx.silent.example[192.0.2.7] does not answer"
MESSAGES = 63


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With mail for hosts that do not take it. Nothing of it is due while the tests run, unless they want it to be."""
    found = furnished(tmp_path_factory.mktemp("queue"))
    try:
        found.command("queue", "pause", "--all")
        with closing(sqlite3.connect(found.data / "posthouse.db", timeout=30)) as database:
            for number in range(MESSAGES):
                _put(database, number)
            database.commit()
        yield found
    finally:
        found.stop()
    _, trouble, rest = found.log.partition("Traceback")
    assert not trouble, rest[:4000]


def _put(database: sqlite3.Connection, number: int) -> None:
    now = time.time()
    full = number % 3 != 0
    sender = f"dora@{DOMAIN}" if number % 2 else "somebody@elsewhere.example"
    message = {
        "trace": f"q{number}",
        "body": bytes(32),
        "size": 4000 + number,
        "sender": sender,
        "received_at": now - 90_000 + 600 * number,
        "ret": "",
        "envid": "",
        "smtputf8": 0,
        "body_type": "7BIT",
        "priority": 0,
    }
    row = database.execute(_insert("queue_messages", message), message)
    domain = "full.example" if full else "silent.example"
    for name in ("everybody", "and-one-with-a-rather-long-name")[: 1 + (number == 1)]:
        recipient = {
            "message_id": row.lastrowid,
            "recipient": f"{name}@{domain}",
            "destination": f"mx:{domain}",
            "notify": "",
            "orcpt": "",
            "due_at": now + 7200,
            "expires_at": now + 300_000,
            "attempts": 5,
            "held": int(number == 2),
            "hold": "burst" if number == 2 else "",
            "reason": FULL if full else SILENT,
            "status": "4.2.2" if full else "4.4.1",
            "lease_token": "",
            "lease_owner": "",
            "lease_until": 0.0,
        }
        database.execute(_insert("queue_recipients", recipient), recipient)
    trace = {
        "trace": f"q{number}",
        "at": now - 80_000,
        "queue_id": row.lastrowid,
        "message_id": 0,
        "header_id": "",
        "entries": f'[["deliver","<everybody@{domain}> not delivered yet: {FULL if full else SILENT}"]]',
    }
    database.execute(_insert("traces", trace), trace)


def _insert(table: str, row: Mapping[str, object]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"


def _press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_every_view(visit: Open, server: RunningServer, width: str) -> None:
    """Messages by destination, sender and reason, and one of them, at both widths."""
    watched = visit("server", width)
    page = watched.page
    page.goto("/admin/queue")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_text("Delivery is paused.")).to_be_visible()
    watched.look()
    watched.picture(f"queue-list-{width}")
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(MESSAGES - 50)
    for path, text in (
        ("destinations", "full.example"),
        ("senders", "somebody@elsewhere.example"),
        ("reasons", "The mailbox is full."),
    ):
        page.goto(f"/admin/queue/{path}")
        expect(page.locator("tbody").get_by_text(text, exact=False).first).to_be_visible()
        watched.look()
        watched.picture(f"queue-{path}-{width}")
    page.goto("/admin/queue?search=rather-long")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody th a").click()
    expect(page.get_by_text(FULL).first).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    watched.look()
    watched.picture(f"queue-message-{width}")
    page.get_by_role("link", name="Its way so far").click()
    expect(page.get_by_text("Over quota", exact=False).first).to_be_visible()
    expect(page.get_by_role("heading", name="What becomes of it")).to_be_visible()
    watched.look()
    watched.picture(f"queue-trace-{width}")


def test_in_german(visit: Open, server: RunningServer) -> None:
    watched = visit("server", locale="de-DE", color_scheme="dark")
    page = watched.page
    for path in ("", "/destinations", "/senders", "/reasons"):
        page.goto(f"/admin/queue{path}")
        assert page.get_attribute("html", "lang") == "de"
        watched.look()
    expect(page.get_by_text("Das Postfach ist voll.")).to_be_visible()
    watched.picture("queue-reasons-dark-german")


def test_from_reason_to_release(visit: Open, server: RunningServer) -> None:
    """From the reasons to the messages, some of them held, all of them released."""
    page = visit("server").page
    page.goto("/admin/queue/reasons")
    page.get_by_role("link", name="The other server does not answer.").click()
    expect(page.locator("tbody tr")).to_have_count(21)
    for number in (0, 1):
        page.locator("tbody input[name=ids]").nth(number).check()
    _press(page, "Hold")
    expect(page.locator(".notice.good")).to_contain_text("2 recipients are held.")
    assert "reason=4.4.1" in page.url
    expect(page.locator("tbody .mark.warning")).to_have_count(2)
    page.locator("#every").check()
    _press(page, "Release")
    expect(page.locator(".notice.good")).to_contain_text("2 recipients are released.")
    page.goto("/admin/queue?state=held")
    expect(page.locator("tbody tr")).to_have_count(1)  # what a brake held is another reason
    _press(page, "Hold")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was chosen.")
    expect(page.locator("tbody tr")).to_have_count(1)  # the filters are still there


def test_giving_up_and_deleting_ask_first(visit: Open, server: RunningServer) -> None:
    """Without a script, on a phone."""
    watched = visit("server", "phone", java_script_enabled=False)
    page = watched.page
    page.goto("/admin/queue?search=elsewhere.example&destination=silent.example")
    first = page.locator("tbody th a").first.get_attribute("href")
    page.locator("tbody input[name=ids]").first.check()
    _press(page, "Delete …")
    expect(page.get_by_text("This concerns recipients: 1, of messages: 1.")).to_be_visible()
    watched.picture("queue-confirm-phone")
    page.get_by_role("link", name="Cancel").click()
    assert "destination=silent.example" in page.url
    page.locator("tbody input[name=ids]").first.check()
    _press(page, "Delete …")
    _press(page, "Delete")
    expect(page.locator(".notice.good")).to_contain_text("1 recipient is deleted.")
    assert first is not None
    answer = page.goto(first)
    assert answer is not None
    assert answer.status == 404
    page.goto("/admin/queue?sender=somebody@elsewhere.example&destination=full.example")
    page.locator("#every").check()
    _press(page, "Give up …")
    expect(page.get_by_text("Each sender gets a notice", exact=False)).to_be_visible()
    _press(page, "Give up and tell the senders")
    expect(page.locator(".notice.good")).to_contain_text("recipients are given up; the senders are told.")
    page.goto("/admin/audit?use=queue.bounce")
    expect(page.get_by_text("queue.bounce").first).to_be_visible()


def test_pausing(visit: Open, server: RunningServer) -> None:
    page = visit("server").page
    page.goto("/admin/queue/destinations")
    page.fill("#f-destination", "Nothing-Waits.example")
    page.locator("#f-destination").press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("nothing-waits.example is paused")
    expect(page.get_by_role("heading", name="Paused, not on this page")).to_be_visible()
    page.fill("#f-destination", "no domain at all")
    page.locator("#f-destination").press("Enter")
    expect(page.get_by_text("is no domain name", exact=False).first).to_be_visible()
    page.goto("/admin")
    expect(page.get_by_text("Delivery is paused.")).to_be_visible()
    page.goto("/admin/queue")
    _press(page, "Let delivery go on")
    expect(page.get_by_text("Delivery is paused.")).to_have_count(0)
    page.goto("/admin")
    expect(page.get_by_text("Destinations that are paused: 1.")).to_be_visible()
    page.goto("/admin/queue")
    _press(page, "Pause all delivery")
    expect(page.get_by_text("Delivery is paused.")).to_be_visible()


def test_an_administrator_of_a_domain_sees_their_own(visit: Open, server: RunningServer) -> None:
    """Mail of others is neither listed nor counted nor touched."""
    watched = visit("domain")
    page = watched.page
    page.goto("/admin/queue")
    expect(page.get_by_text("somebody@elsewhere.example")).to_have_count(0)
    expect(page.get_by_text(DOMAIN_ADMIN).first).to_be_visible()
    watched.look()
    page.locator("#every").check()
    _press(page, "Hold")
    expect(page.locator(".notice.good")).to_contain_text("recipients are held.")
    listed = server.command("queue", "list", "--held", "--sender", "elsewhere.example").stdout
    assert listed.count("somebody@elsewhere.example") <= 1  # the one that was held before
    for path in ("destinations", "senders", "reasons"):
        answer = page.goto(f"/admin/queue/{path}")
        assert answer is not None
        assert answer.status == 403
    assert USER not in page.content()
