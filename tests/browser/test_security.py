"""What a hostile page, message or link tries, and does not get."""

from __future__ import annotations

import http.client
from urllib.parse import urlencode

import pytest
from running import PASSWORD, RunningServer

from conftest import Open, sign_in
from house import ADMIN, HOSTILE, HOSTILE_ID, USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(
    server: RunningServer, path: str, fields: dict[str, str], headers: dict[str, str]
) -> tuple[int, str]:
    """Send a form as any program can; status and Location."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    try:
        connection.request("POST", path, urlencode(fields), {**FORM, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


def cookie_of(server: RunningServer, address: str) -> str:
    """Sign in without a browser: the Cookie header."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    connection.request("POST", "/sign-in", urlencode({"login": address, "password": PASSWORD}), FORM)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303
    given: str = answer.headers["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    return given.partition(";")[0]


def test_header_of_a_message_is_text(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/trace?" + urlencode({"message": HOSTILE_ID}))
    assert page.locator(".timeline li").count() >= 2
    for path in ("/admin/trace?" + urlencode({"message": ADMIN}), "/admin/audit", "/admin"):
        page.goto(path)
        watched.look(axe=False)
        assert page.title() != "owned"
        assert page.locator("img[src=x]").count() == 0


def test_what_the_visitor_writes_is_text(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    wanted = urlencode(dict.fromkeys(("search", "message", "domain", "actor", "topic", "since"), HOSTILE))
    for path in ("/admin/domains", "/admin/accounts", "/admin/aliases", "/admin/queue", "/admin/trace"):
        page.goto(f"{path}?{wanted}")
        watched.look(axe=False)
        assert page.title() != "owned"
    for path in ("/admin/settings", "/admin/audit"):
        page.goto(f"{path}?{wanted}")
        assert page.title() != "owned"
    page.goto("/admin/domains")
    page.fill("#f-name", HOSTILE)
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("#f-name-wrong")
    assert page.input_value("#f-name") == HOSTILE
    assert page.title() != "owned"


def test_form_without_its_secret_is_refused(server: RunningServer) -> None:
    cookie = {"Cookie": cookie_of(server, ADMIN)}
    for fields in ({"name": "stolen.test"}, {"name": "stolen.test", "csrf": "x" * 43}):
        assert post(server, "/admin/domains", fields, cookie)[0] == 403
    foreign = {**cookie, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert post(server, "/admin/domains", {"name": "stolen.test"}, foreign)[0] == 403
    assert post(server, "/sign-in", {"login": USER, "password": PASSWORD}, foreign)[0] == 403
    assert "stolen.test" not in server.command("domain", "list").stdout


def test_cookie_from_before_the_sign_in_is_not_taken(visit: Open, server: RunningServer) -> None:
    watched = visit()
    fixed = "a-cookie-that-somebody-else-set-before-the-sign-in"
    watched.page.context.add_cookies(
        [{"name": "posthouse", "value": fixed, "domain": "localhost", "path": "/"}]
    )
    sign_in(watched, USER)
    now = [each["value"] for each in watched.page.context.cookies() if each["name"] == "posthouse"]
    assert now
    assert now != [fixed]
    first = now[0]
    sign_in_again = visit()
    sign_in(sign_in_again, USER)
    again = [each["value"] for each in sign_in_again.page.context.cookies() if each["name"] == "posthouse"]
    assert again != [first]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/%09/evil.example", "javascript:1"],
)
def test_sign_in_leads_nowhere_else(server: RunningServer, target: str) -> None:
    fields = {"login": USER, "password": PASSWORD, "next": target.replace("%09", "\t")}
    status, location = post(server, "/sign-in", fields, {})
    assert status == 303
    assert location == "/"


def test_signed_out_is_signed_out(visit: Open, server: RunningServer) -> None:
    watched = visit("user")
    page = watched.page
    cookies = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*")
    watched.look()
    page.context.add_cookies([each for each in cookies if each["name"] == "posthouse"])
    page.goto("/me")
    assert "/sign-in?next=" in page.url
