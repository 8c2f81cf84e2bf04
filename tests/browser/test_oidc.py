"""Single sign-on as an administrator meets it: the button, the provider's page, back; and what is refused in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from oidc_provider import CLIENT, SECRET, OidcProvider
from playwright.sync_api import Page
from running import RunningServer

from conftest import Open
from house import ADMIN, DOMAIN, USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]

BUTTON = "Continue with The House"


@pytest.fixture(scope="module")
def provider(server: RunningServer) -> Iterator[OidcProvider]:
    with OidcProvider() as made:
        for name, value in {
            "issuer": made.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "name": "The House",
        }.items():
            server.command("setting", "set", f"oidc.{name}", value)
        yield made


@pytest.fixture
def claims(provider: OidcProvider) -> Iterator[dict[str, Any]]:
    """What the provider says of the person."""
    provider.spoil = lambda claims: None
    provider.claims.clear()
    provider.claims.update({"email": ADMIN, "email_verified": True})
    yield provider.claims
    provider.spoil = lambda claims: None


def sign_on(page: Page) -> None:
    page.goto("/sign-in?next=/admin/domains")
    page.get_by_role("link", name=BUTTON).click()
    page.click("#yes")
    page.wait_for_load_state()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_an_administrator_signs_on(
    visit: Open, provider: OidcProvider, claims: dict[str, Any], width: str
) -> None:
    watched = visit("", width)
    page = watched.page
    page.goto("/sign-in")
    watched.look()
    watched.picture(f"sign-in-sso-{width}")
    sign_on(page)
    assert page.url.endswith("/admin/domains")
    watched.look(axe=False)
    assert not [each for each in page.context.cookies() if each["name"] == "posthouse-oidc"]


def test_refusals_are_in_words(visit: Open, provider: OidcProvider, claims: dict[str, Any]) -> None:
    """Another browser's answer, an account that is not here, one that is no administrator, a provider that declines."""
    spoiled: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "of another browser"},
        "stranger": {"email": "nobody@elsewhere.example"},
        "user": {"email": USER},
        "unverified": {"email_verified": False},
    }
    for name, change in spoiled.items():
        provider.spoil = lambda claims, change=change: claims.update(change)
        watched = visit()
        sign_on(watched.page)
        said = watched.page.locator(".notice.bad").inner_text()
        assert len(said.split()) > 3, (name, said)
        assert watched.page.get_by_role("link", name=BUTTON).count() == 1, name
        watched.look(axe=name == "stranger")
        if name == "stranger":
            watched.picture("sign-in-sso-refused-desk")
        watched.page.goto("/admin")
        assert "/sign-in" in watched.page.url, name


def test_a_provider_that_says_no_or_nothing(
    visit: Open, server: RunningServer, provider: OidcProvider
) -> None:
    page = visit().page
    for query in ("error=access_denied&state=x", "code=1&state=x", "", "state=%00", "code=" + "x" * 5000):
        answer = page.goto(f"/sign-in/oidc?{query}")
        assert answer is not None
        assert answer.status == 403, query[:40]
        assert page.locator(".notice.bad").inner_text().strip()
    server.command("setting", "set", "oidc.issuer", "http://127.0.0.1:9")
    try:
        page.goto("/sign-in")
        page.get_by_role("link", name=BUTTON).click()
        page.wait_for_selector(".notice.bad")
    finally:
        server.command("setting", "set", "oidc.issuer", provider.issuer)


def test_fresh_proof(
    visit: Open, server: RunningServer, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    """A sign-on that the provider had known for days is not fresh; asked to sign in anew there, it is."""
    page = visit().page
    sign_on(page)
    page.goto("/me/tokens/add")
    assert "/prove?next=" in page.url
    claims["auth_time"] = int(time.time())
    page.get_by_role("link", name=BUTTON).click()
    assert provider.asked[-1]["prompt"] == "login"
    page.click("#yes")
    page.wait_for_url("**/me/tokens/add")
    assert page.locator("#f-name").is_visible()
    assert DOMAIN in page.content()
