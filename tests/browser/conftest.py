"""Chromium under Playwright, against a whole server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from running import PASSWORD, RunningServer

sys.path.insert(0, str(Path(__file__).parent))

from walking import WIDTHS, Watched

from house import PEOPLE, furnished

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One furnished server for a file of tests."""
    found = furnished(tmp_path_factory.mktemp("server"))
    yield found
    found.stop()
    _, trouble, rest = found.log.partition("Traceback")
    assert not trouble, rest[:4000]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def base(server: RunningServer) -> str:
    """The pages' origin. ``localhost`` counts as secure, so that passkeys work without a certificate."""
    return f"http://localhost:{server.http}"


@pytest.fixture
def visit(browser: Browser, base: str) -> Iterator[Open]:
    """``visit(role, width="desk")``: a browser of its own in which somebody of this role is signed in; "" for
    nobody."""
    contexts = []

    def opened(role: str = "", width: str = "desk", **options: object) -> Watched:
        across, down = WIDTHS[width]
        context = browser.new_context(
            base_url=base, viewport={"width": across, "height": down}, **{"locale": "en", **options}
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        watched = Watched(context.new_page())
        if role:
            sign_in(watched, PEOPLE[role])
        return watched

    yield opened
    for context in contexts:
        context.close()


def sign_in(watched: Watched, address: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in form."""
    page = watched.page
    page.goto("/sign-in")
    page.fill("[name=login]", address)
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
