"""Every registered page, by everybody who may open it, on desk and phone; and by everybody who may not."""

from __future__ import annotations

import re

import pytest
from running import RunningServer

from conftest import Open
from house import ADMIN, DOMAIN, DOMAIN_ADMIN, HOSTILE_ID, LONG, USER
from posthouse.manage.context import ROLE_ORDER
from posthouse.web import all as every_page
from posthouse.web.page import Page, pages

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

SAMPLES = {
    "/admin/domains/{name}": [DOMAIN, LONG],
    "/admin/domains/{name}/remove": [LONG],
    "/admin/domains/{name}/settings": [DOMAIN, LONG],
    "/admin/accounts/{address:path}": [USER],
    "/admin/accounts/{address:path}/remove": [USER],
    "/admin/accounts/{address:path}/absence": [USER],
    "/admin/domains/{name}/signature": [DOMAIN],
    "/admin/accounts/{address:path}/app-passwords": [USER],
    "/admin/accounts/{address:path}/password-hash": [USER],
    "/admin/accounts/{address:path}/programs": [USER],
    "/admin/accounts/{address:path}/empty": [USER],
    "/admin/aliases/{address:path}": [f"info@{DOMAIN}"],
    "/admin/aliases/{address:path}/remove": [f"info@{DOMAIN}"],
    "/admin/lists/{address:path}": [f"news@{DOMAIN}"],
    "/admin/lists/{address:path}/remove": [f"news@{DOMAIN}"],
    "/me/lists/{address:path}": [f"news@{DOMAIN}"],
    "/admin/groups/{name:path}": [f"staff@{DOMAIN}"],
    "/admin/groups/{name:path}/remove": [f"staff@{DOMAIN}"],
    "/admin/shared/mailbox/{address:path}": [f"desk@{DOMAIN}"],
    "/admin/shared/folder/{name:path}": ["News"],
    "/admin/shared/folder/{name:path}/remove": ["News"],
    "/admin/domains/{name}/dns": [DOMAIN],
    "/admin/domains/{name}/keys": [DOMAIN],
    "/admin/domains/{name}/keys/import": [DOMAIN],
    "/admin/certificates/{name}": ["self-made"],
    "/admin/certificates/{name}/remove": ["self-made"],
    "/admin/sign-in-sources/new/{kind}": ["ldap", "pam", "sql", "script"],
    "/admin/sign-in-sources/{name}": ["unix"],
    "/admin/network-lists/{name}": ["office", "gone-away"],
    "/admin/routes/{id:int}": ["1"],
    "/admin/routes/{id:int}/remove": ["1"],
    "/admin/sending/{address:path}": [USER],
    "/admin/webhooks/{id:int}": ["1"],
    "/admin/webhooks/{id:int}/remove": ["1"],
    "/sign-in/link/{link}": ["a-link-that-nobody-made"],
    "/setup/{token}": ["a-token-that-nobody-made"],
}
"""What parameters of a path are, per page; a page whose sample is not there yet is named by the test below."""

QUERIES = {
    "/admin/tls/policy": ["", "?domain=nobody.invalid"],
    "/admin/trace": [
        "",
        f"?message={HOSTILE_ID.replace('<', '%3C').replace('>', '%3E')}",
        f"?message={ADMIN}",
    ],
}

ASKED_FOR = {"/oauth/authorize": 404}
"""Pages that a program sends people to, and their answer to whoever comes without its words."""

GONE = {
    "/admin/domains/{name}/keys/{selector}/activate": "nobody.invalid",
    "/admin/domains/{name}/keys/{selector}/retire": "nobody.invalid",
    "/admin/domains/{name}/keys/{selector}/remove": "nobody.invalid",
    "/admin/queue/{id}": "999999",
    "/admin/queue/{id}/header": "999999",
    "/admin/sign-in-sources/{name}/preview": "nobody",
    "/admin/backup/{id}": "20260101T000000Z-00000000",
    "/admin/backup/{id}/verify": "20260101T000000Z-00000000",
    "/admin/backup/{id}/verify/events": "20260101T000000Z-00000000",
    "/admin/listeners/{name:path}/change": "127.0.0.1:1",
    "/admin/listeners/{name:path}/remove": "127.0.0.1:1",
}
"""Pages of things that are not there: their answer is a page, too."""

ELSEWHERE = {
    "/",
    "/admin/accounts-export",
    "/admin/aliases-export",
    "/admin/lists/{address:path}/export",
    "/sign-in/oidc",
    "/sign-in/oidc/begin",
    "/admin/domains/{name}/dns/zone",
}
"""Those that only send on, answer another site, or are files."""

FOREIGN_DOMAIN = {LONG}
"""Not the domain administrator's."""


def paths(page: Page) -> list[str]:
    """The addresses under which this page is looked at."""
    if "{" not in page.path:
        return [page.path + query for query in QUERIES.get(page.path, [""])]
    return [re.sub(r"\{[^}]*\}", sample, page.path) for sample in SAMPLES.get(page.path, [])]


def seen() -> list[Page]:
    """The pages that can be looked at."""
    assert every_page
    return [page for page in pages() if page.method == "GET" and page.path not in ELSEWHERE]


def test_every_page_has_a_sample() -> None:
    missing = [page.path for page in seen() if "{" in page.path and page.path not in {**SAMPLES, **GONE}]
    assert not missing, f"add a sample to SAMPLES (or GONE) for {missing}"


@pytest.mark.parametrize("width", ["desk", "phone"])
@pytest.mark.parametrize("role", ["server", "domain", "user"])
def test_pages_of_a_role(visit: Open, server: RunningServer, role: str, width: str) -> None:
    watched = visit(role, width, color_scheme="dark" if role == "user" else "light")
    for page in seen():
        if page.open_to == "anyone":
            continue
        allowed = ROLE_ORDER[role] >= ROLE_ORDER[page.open_to]
        for path in paths(page):
            answer = watched.page.goto(path)
            assert answer is not None
            if page.path in ASKED_FOR:
                assert answer.status == ASKED_FOR[page.path], path
                watched.look()
                continue
            foreign = role == "domain" and any(name in path for name in FOREIGN_DOMAIN)
            expected = 200 if allowed and not foreign else 403
            assert answer.status == expected, f"{role} {path}: {answer.status} {watched.page.title()}"
            if "text/html" not in answer.headers.get("content-type", ""):
                continue  # a stream or a file: nothing to look at
            # axe looks at every page once per width, in the most complete form of it.
            watched.look(axe=allowed and (role == "server" or page.path.startswith("/me")))
            if allowed and not foreign and role == "server":
                watched.picture(f"{_name(path)}-{width}")


def _name(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.partition("?")[0].lower())[:48].strip("-") + (
        "-found" if "%3C" in path else "-search" if "?" in path else ""
    )


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_pages_of_anyone(visit: Open, server: RunningServer, width: str) -> None:
    watched = visit("", width)
    for page in seen():
        if page.open_to == "anyone":
            for path in paths(page):
                watched.page.goto(path)
                watched.look()
                watched.picture(f"{_name(path)}-{width}")


def test_who_is_not_signed_in_is_asked_to(visit: Open, server: RunningServer) -> None:
    watched = visit()
    for page in seen():
        if page.open_to != "anyone":
            for path in paths(page):
                watched.page.goto(path)
                assert "/sign-in?next=" in watched.page.url, path


def test_dark_and_german(visit: Open, server: RunningServer) -> None:
    watched = visit("server", color_scheme="dark", locale="de-DE")
    for path in ("/admin", "/admin/accounts", f"/admin/accounts/{DOMAIN_ADMIN}", "/admin/settings", "/me"):
        watched.page.goto(path)
        assert watched.page.get_attribute("html", "lang") == "de"
        watched.look()
        watched.picture(f"{_name(path)}-dark-german")
    assert watched.page.title().startswith("Mein Konto")


def test_what_is_not_there(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    for path in (
        "/admin/nothing",
        "/nothing",
        "/admin/queue/999999",
        "/admin/accounts/nobody@posthouse.test",
    ):
        answer = watched.page.goto(path)
        assert answer is not None
        assert answer.status == 404, path
        watched.look()
    watched.picture("missing-desk")
