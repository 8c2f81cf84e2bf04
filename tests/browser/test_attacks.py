"""What a page of another site tries with somebody who is signed in here, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from running import RunningServer

from conftest import Open
from house import HOSTILE, USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]


@pytest.fixture
def evil(base: str) -> Iterator[str]:
    """Another site: it frames our pages, sends forms to them, and reads what it can."""
    page = f"""<!doctype html><title>evil</title>
<iframe id="frame" src="{base}/me"></iframe>
<form method="post" action="{base}/admin/domains" target="_blank"><input name="name" value="stolen.test"></form>
<form method="post" action="{base}/sign-out" target="_blank"></form>""".encode()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    site = HTTPServer(("127.0.0.1", 0), Site)
    serving = threading.Thread(target=site.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{site.server_port}"  # our pages are on localhost: another site
    site.shutdown()
    serving.join()
    site.server_close()


READ = """async (address) => {
  try {
    const answer = await fetch(address, { credentials: "include" });
    return await answer.text();
  } catch (error) { return "refused"; }
}"""

CHANGE = """async (address) => {
  try {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ name: "stolen.test" });
    await fetch(address, { method: "POST", credentials: "include", headers, body });
    return "sent";
  } catch (error) { return "refused"; }
}"""


def test_another_site_gets_nothing(visit: Open, server: RunningServer, base: str, evil: str) -> None:
    page = visit("server").page
    page.goto(evil)
    frame = page.frame(url=f"{base}/me")
    assert frame is None or "Sign out" not in frame.content()  # not shown in a frame
    assert page.evaluate(READ, f"{base}/api/v1/me") == "refused"
    assert page.evaluate(READ, f"{base}/admin/accounts") == "refused"
    assert page.evaluate(CHANGE, f"{base}/api/v1/domains") == "refused"
    for number in (0, 1):
        with page.context.expect_page() as opened:
            page.evaluate(f"document.forms[{number}].submit()")
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 403
        opened.value.close()
    assert page.title() == "evil"
    page.goto(f"{base}/me")
    assert "/sign-in" not in page.url  # not signed out either
    assert "stolen.test" not in server.command("domain", "list").stdout


def test_a_browser_and_a_token_with_hostile_names(visit: Open) -> None:
    """What is only known at run time is text as well, also where a script puts it into the page."""
    other = visit("user", user_agent=HOSTILE)
    page = visit("user").page
    page.goto("/me/tokens/add")
    page.fill("[name=name]", HOSTILE[:90])
    with page.expect_navigation():
        page.press("[name=name]", "Enter")
    for path in ("/me/sessions", "/me/tokens", "/me"):
        page.goto(path)
        assert "owned" not in page.title()
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("window.__violations") == []
    page.goto("/me/sessions")
    assert "document.title" in page.content()  # it is there, as text
    assert other.page.title() != "owned"
    assert USER in page.content()
