"""The link for whoever lost password or phone: it signs in once, by a button, not by being looked at."""

from __future__ import annotations

import json

import pytest
from plain import Plain
from running import RunningServer

from conftest import Open
from house import USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_it_works_once(visit: Open, server: RunningServer, width: str) -> None:
    made = json.loads(server.command("sign-in-link", USER, "--json").stdout)
    path = made["path"]
    assert all(link.endswith(path) for link in made["links"])
    looking = Plain(server)
    for _ in range(2):  # a program that looks at links does not use it up
        assert looking.get(path).status == 200
    assert looking.get("/me").status == 303

    watched = visit("", width, java_script_enabled=width == "desk")
    page = watched.page
    page.goto(path)
    if width == "desk":
        watched.look()
        watched.picture("sign-in-link-desk")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/me")
    assert page.locator("main").get_by_text(USER).first.is_visible()

    other = visit("", width)
    other.page.goto(path)
    other.page.get_by_role("button", name="Sign in", exact=True).click()
    other.page.wait_for_selector(".notice.bad")
    other.look()
    other.picture(f"sign-in-link-used-{width}")
    other.page.goto("/me")
    assert "/sign-in" in other.page.url
