"""Mail that somebody handed in for later: seen by its sender only, taken back by a click."""

from __future__ import annotations

import json
import smtplib
import ssl

import pytest
from running import PASSWORD, RunningServer

from conftest import Open
from house import USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]


def hand_in(server: RunningServer, to: list[str], seconds: int) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(USER, PASSWORD)
        options = [f"HOLDFOR={seconds}"]
        client.sendmail(
            USER, to, f"From: {USER}\r\nSubject: later\r\n\r\nx\r\n".encode(), mail_options=options
        )


def test_it_is_seen_and_taken_back(server: RunningServer, visit: Open) -> None:
    watched = visit("user")
    page = watched.page
    page.goto("/me/scheduled")
    assert "Nothing waits to be sent later" in page.inner_text("main")
    hand_in(server, ["one@later.example", "two@later.example"], 7200)
    hand_in(server, [f"n{number}@soon.example" for number in range(6)], 3600)
    page.reload()
    rows = page.locator("tbody tr")
    assert rows.count() == 2
    assert "n0@soon.example" in rows.nth(0).inner_text()
    assert "and 3 more" in rows.nth(0).inner_text()
    watched.look()
    watched.picture("me-scheduled-desk")
    rows.nth(1).get_by_role("button", name="Take back").click()
    page.wait_for_selector("text=The message is taken back")
    assert "one@later.example" in page.inner_text("main")
    assert page.locator("tbody tr").count() == 1
    waiting = json.loads(server.command("queue", "list", "--json").stdout)["messages"]
    assert len(waiting) == 1
    other = visit("domain")
    other.page.goto("/me/scheduled")
    assert "soon.example" not in other.page.inner_text("main")
    narrow = visit("user", "phone", locale="de-DE")
    narrow.page.goto("/me/scheduled")
    assert narrow.page.get_by_role("button", name="Zurücknehmen").count() == 1
    narrow.look()
