"""The pages that show a running server: numbers and plots, who is connected, the live log. Two workers, and mail, IMAP
sessions and hostile peers while they are looked at."""

from __future__ import annotations

import imaplib
import math
import smtplib
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from playwright.sync_api import Page, expect
from running import PASSWORD, RunningServer

from conftest import Open
from house import ADMIN, DOMAIN, DOMAIN_ADMIN, HOSTILE, USER, furnished

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]

expect.set_options(timeout=20_000)
CONNECTED = 56
"""More than one page of the list shows."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers that log conversations."""
    found = furnished(tmp_path_factory.mktemp("live"), workers=2)
    try:
        found.command("setting", "set", "log.smtp", "true")
        yield found
    finally:
        found.stop()
    _, trouble, rest = found.log.partition("Traceback")
    assert not trouble, rest[:4000]


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens soon."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.05)


def imap(server: RunningServer, address: str) -> imaplib.IMAP4:
    """A mail program that is signed in."""
    mail = imaplib.IMAP4("127.0.0.1", server.imap, timeout=20)
    mail.login(address, PASSWORD)
    mail.select()
    return mail


def deliver(server: RunningServer, name: str = "client.example", count: int = 1) -> None:
    """Bring mail from outside."""
    with smtplib.SMTP("127.0.0.1", server.smtp, local_hostname=name, timeout=20) as smtp:
        for number in range(count):
            smtp.sendmail("somebody@elsewhere.example", [USER], f"Subject: {number}\r\n\r\nHello\r\n")


def measure(server: RunningServer) -> None:
    """A year of measurements, as they would be kept; with a night in which the server was off."""
    now = int(time.time()) // 3600 * 3600
    moments = [
        *((now - hours * 3600, 3600) for hours in range(24 * 7, 24 * 300, 2)),
        *((now - fives * 300, 300) for fives in range(12 * 24, 12 * 24 * 7)),
        *((now - minutes * 60, 60) for minutes in range(60 * 24)),
    ]
    values = []
    for at, span in moments:
        day = 1 + math.sin(at / 86400 * 2 * math.pi)
        if now - 14 * 3600 < at < now - 9 * 3600:
            continue
        for topic, value in {
            "messages.accepted": 20 * day + at % 7,
            "messages.delivered": 17 * day + at % 5,
            "messages.refused": 4 * day + at % 3,
            "sessions.imap": 40 + 30 * day,
            "sessions.smtp": 5 * day,
            "sessions.submission": 3 * day,
            "sessions.pop3": 1.0,
            "connections": 30 * day + at % 11,
            "signin.failures": float(at % 4),
            "queue.messages": max(0.0, 10 * day - 12),
            "queue.age": max(0.0, 4000 * (day - 1)),
            "disk.free": 8e10 + (now - at) * 900,
            "cpu": 12 * day + at % 9,
            "memory": 2.1e8 + 1e7 * day,
        }.items():
            values.append((topic, at, span, value))
    with closing(sqlite3.connect(server.data / "posthouse.db", timeout=30)) as database, database:
        database.executemany(
            "INSERT OR IGNORE INTO samples (topic, at, span, value) VALUES (?, ?, ?, ?)", values
        )


def rows(page: Page) -> list[str]:
    """The lines of the list of sessions."""
    return page.locator("#open tbody tr").all_inner_texts()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_overview_and_measurements(visit: Open, server: RunningServer, width: str) -> None:
    watched = visit("server", width, color_scheme="light" if width == "desk" else "dark")
    page = watched.page
    page.goto("/admin")
    received = page.locator("a.tile", has_text="Received").locator(".value")
    before = int(received.inner_text())
    deliver(server, count=3)
    expect(received).to_have_text(str(before + 3))  # by itself
    assert page.locator("[aria-labelledby=workers] tbody tr").count() == 2
    warning = page.locator(".findings .notice", has_text="backup")
    assert warning.get_by_role("link").get_attribute("href") == "/admin/backup"
    watched.look()
    watched.picture(f"overview-live-{width}")


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_measurements(visit: Open, server: RunningServer, width: str) -> None:
    """Before anything was measured, and with a year of it."""
    watched = visit("server", width, color_scheme="light" if width == "desk" else "dark")
    page = watched.page
    page.goto("/admin/history?range=year")
    watched.look()
    measure(server)
    for name in ("hour", "day", "week", "month", "year", "nonsense"):
        page.goto(f"/admin/history?range={name}")
        chosen = page.locator(".topics [aria-current]").inner_text()
        assert chosen.lower() == name.replace("nonsense", "day")
        assert page.locator("svg.plot polyline").count() >= 13, name
        watched.look(axe=name == "day")
    page.locator("#numbers-messages summary").click()
    assert 15 < page.locator("#numbers-messages tbody tr").count() <= 25
    assert "received: last " in (page.locator("svg.plot desc").first.text_content() or "")
    watched.picture(f"measurements-{width}")


def test_sessions(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    with ExitStack() as stack:
        own, other = imap(server, USER), imap(server, DOMAIN_ADMIN)
        for mail in (own, other):
            stack.callback(mail.shutdown)
        page.goto("/admin/sessions?protocol=imap")
        until(lambda: len(rows(page)) == 2)  # of two accounts, whichever workers they are with
        watched.look()
        watched.picture("sessions-desk")
        page.get_by_role("link", name=USER).click()
        page.wait_for_url("**account=ulla*")
        assert len(rows(page)) == 1
        page.get_by_role("link", name="Disconnect", exact=True).click()
        watched.look()
        watched.picture("sessions-disconnect-desk")
        page.get_by_role("button", name="Disconnect").click()
        page.wait_for_selector(".notice.good")
        with pytest.raises(imaplib.IMAP4.abort):
            own.noop()
        other.noop()
        page.goto("/admin/audit?use=session.disconnect")
        assert USER in page.locator("tbody").inner_text()

        page.goto(f"/admin/sessions?account={DOMAIN_ADMIN}")
        page.get_by_role("link", name="Disconnect all of this account").click()
        page.get_by_role("button", name="Disconnect").click()
        page.wait_for_selector(".notice.good")
        with pytest.raises(imaplib.IMAP4.abort):
            other.noop()


def test_sessions_by_page(visit: Open, server: RunningServer) -> None:
    """Nobody who comes or goes moves what is being read; what cannot be filtered by is said in words."""
    watched = visit("server")
    page = watched.page
    with ExitStack() as stack:
        for number in range(CONNECTED):
            one = socket.create_connection(("127.0.0.1", server.smtp), timeout=20)
            stack.callback(one.close)
            one.recv(200)
            one.sendall(f"EHLO number{number}.example\r\n".encode())
            one.recv(400)
        page.goto("/admin/sessions?protocol=smtp&peer=127.0.0.0/8")
        until(lambda: len(rows(page)) == 50)
        assert f"50 of {CONNECTED}" in page.locator(".pager").inner_text()
        page.get_by_role("link", name="Next").click()
        page.wait_for_url("**after=*")
        second = rows(page)
        assert len(second) == CONNECTED - 50
        with socket.create_connection(("127.0.0.1", server.smtp), timeout=20) as late:
            late.recv(200)
            expect(page.locator(".pager")).to_contain_text(f"of {CONNECTED + 1}")  # by itself
            assert [row.partition("\n")[2] for row in rows(page)] == [
                row.partition("\n")[2] for row in second
            ]
    for wrong in ("peer=nowhere", "account=not%20an%20address", "after=x"):
        answer = page.goto(f"/admin/sessions?{wrong}")
        assert answer is not None
        assert answer.status == 422
        assert page.locator(".notice.bad").is_visible()
        watched.look()


def test_sessions_of_oneself(visit: Open, server: RunningServer) -> None:
    """A user sees and ends the own mail programs; a domain's administrator those of the domain, and no stranger."""
    own, stranger = imap(server, USER), socket.create_connection(("127.0.0.1", server.smtp), timeout=20)
    with stranger, ExitStack() as stack:
        stack.callback(own.shutdown)
        stranger.recv(200)
        watched = visit("domain", "phone")
        watched.page.goto("/admin/sessions")
        until(lambda: len(rows(watched.page)) == 1)
        assert USER in rows(watched.page)[0]
        watched.look()
        watched.picture("sessions-phone")
        watched = visit("user", "phone")
        watched.page.goto("/me/sessions")
        watched.look()
        watched.picture("sessions-own-phone")
        watched.page.locator("#mail-open").get_by_role("button", name="Disconnect").click()
        watched.page.wait_for_selector(".notice.good")
        with pytest.raises(imaplib.IMAP4.abort):
            own.noop()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_live_log(visit: Open, server: RunningServer, width: str) -> None:
    watched = visit("server", width, color_scheme="light" if width == "desk" else "dark")
    page = watched.page
    lines = page.locator("#log .log-line")
    page.goto("/admin/log")
    expect(page.locator("#log-state")).to_have_text("Live")
    for number in range(4):  # so that each worker has something to say
        deliver(server, f"{width}{number}.example")
    expect(lines.filter(has_text=f"EHLO {width}3.example")).to_have_count(1)
    watched.look()
    watched.picture(f"live-log-{width}")

    with socket.create_connection(("127.0.0.1", server.smtp), timeout=20) as hostile:
        hostile.recv(200)
        hostile.sendall(f"EHLO {width}-{HOSTILE}\r\n".encode())
        hostile.recv(400)
    expect(lines.filter(has_text="onerror=document.title").first).to_be_attached()
    assert page.title() == "Live log · Posthouse"
    assert page.locator("#log img, #log script").count() == 0

    page.get_by_role("button", name="Pause").click()
    deliver(server, f"paused-{width}.example")
    expect(page.locator("#log-state")).to_contain_text("New lines waiting")
    assert lines.filter(has_text=f"paused-{width}").count() == 0
    page.get_by_role("button", name="Pause").click()
    expect(lines.filter(has_text=f"EHLO paused-{width}")).to_have_count(1)

    delivered = lines.filter(has_text=f"EHLO paused-{width}")
    session = delivered.locator("a[href*='session=']").inner_text()
    delivered.locator("a[href*='session=']").click()
    page.wait_for_url(f"**session={session}")
    expect(lines.filter(has_text=f"EHLO paused-{width}")).to_have_count(1)
    assert all(session in text for text in lines.all_inner_texts())
    page.get_by_role("button", name="Clear").click()
    expect(lines).to_have_count(0)
    watched.look()
    page.locator("[name=level]").select_option("error")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**level=error*")
    expect(page.locator(".log-none")).to_be_visible()


def test_live_log_is_bounded(visit: Open, server: RunningServer) -> None:
    """However much is said; and what was shown is not shown again when the stream begins anew."""
    page = visit("server").page
    page.goto("/admin/log?text=flood")
    expect(page.locator("#log-state")).to_have_text("Live")
    with socket.create_connection(("127.0.0.1", server.smtp), timeout=20) as one:
        one.recv(200)
        for number in range(300):
            one.sendall(f"NOOP flood {number}.\r\n".encode())
            one.recv(400)
        one.sendall(b"NOOP flood again\r\n" * 2)
        lines = page.locator("#log .log-line")
        expect(lines.filter(has_text="flood 299.")).to_have_count(1)
        assert lines.count() <= 500
        page.evaluate("dispatchEvent(new Event('pagehide'))")
        one.sendall(b"NOOP flood unseen\r\n")
        one.recv(400)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        expect(lines.filter(has_text="flood unseen")).to_have_count(1)
        assert lines.filter(has_text="flood 299.").count() == 1


def test_live_log_without_a_script(visit: Open, server: RunningServer) -> None:
    watched = visit("", java_script_enabled=False)
    page = watched.page
    page.goto("/sign-in")
    page.fill("[name=login]", ADMIN)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    deliver(server, "plain.example")
    page.goto("/admin/log?text=plain.example")
    line = page.locator("#log .log-line").first
    assert "plain.example" in line.inner_text()
    deliver(server, "plain.example")
    before = page.locator("#log .log-line").count()
    page.get_by_role("link", name="Reload").click()
    until(lambda: page.locator("#log .log-line").count() > before)
    row = page.locator(".switches li", has_text="POP3 conversations")
    row.get_by_role("button", name="Switch on").click()
    page.wait_for_selector(".notice.good")
    assert page.url.endswith("text=plain.example")
    assert "true" in server.command("setting", "get", "log.pop3").stdout
    for wrong in ("level=loud", f"account={'x' * 500}", "session=%00", f"peer={DOMAIN}"):
        answer = page.goto(f"/admin/log?{wrong}")
        assert answer is not None
        assert answer.status == (422 if wrong.startswith("level") else 200), wrong


def test_german(visit: Open, server: RunningServer) -> None:
    watched = visit("server", color_scheme="dark", locale="de-DE")
    for name in ("log", "sessions", "history"):
        watched.page.goto(f"/admin/{name}")
        watched.look()
        watched.picture(f"{name}-dark-german")
    watched.page.goto("/admin")
    watched.look()
    watched.picture("overview-dark-german")
