"""Letting a mail program in, as its person meets it: sign-in, the question, back to the program; a device's code;
shutting it out again."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from running import PASSWORD, RunningServer

from conftest import Open
from house import USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]
VERIFIER = "v" * 64


class Listening:
    """The program's own place on this machine, to which the browser returns."""

    def __init__(self) -> None:
        self.got: dict[str, str] = {}
        listening = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/back?"):
                    query = parse_qs(urlsplit(self.path).query)
                    listening.got = {name: values[0] for name, values in query.items()}
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>The program</title><p id=done>Done")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.back = f"http://127.0.0.1:{self.server.server_port}/back"


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture(scope="module")
def client(server: RunningServer, base: str) -> str:
    """A program that made itself known."""
    server.command("setting", "set", "oauth.server", "true")
    server.command("setting", "set", "oauth.issuer", base)
    wanted = {"client_name": "Bird & <b>Co</b>", "redirect_uris": ["http://127.0.0.1/back"]}
    return str(httpx2.post(f"{base}/oauth/register", json=wanted).json()["client_id"])


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_a_program_is_let_in_and_shut_out(
    visit: Open, client: str, base: str, listening: Listening, width: str
) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": listening.back,
        "scope": "imap smtp",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    watched = visit("", width)
    page = watched.page
    page.goto(f"/oauth/authorize?{urlencode(query)}")
    page.fill("#f-login", USER)
    page.fill("#f-password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Let a program in").wait_for()
    said = page.inner_text("main")
    assert "Bird & <b>Co</b>" in said
    assert USER in said
    assert "send mail as you" in said
    assert "POP3" not in said
    watched.look()
    page.get_by_role("button", name="Let it in").click()
    page.wait_for_selector("#done")
    form = {"grant_type": "authorization_code", "client_id": client, "code": listening.got["code"]}
    form |= {"code_verifier": VERIFIER, "redirect_uri": listening.back}
    answer = httpx2.post(f"{base}/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    page.goto("/me/let-in")
    watched.look()
    page.get_by_role("button", name="Shut out").first.click()
    page.get_by_text("is shut out.").wait_for()
    form = {
        "grant_type": "refresh_token",
        "client_id": client,
        "refresh_token": answer.json()["refresh_token"],
    }
    assert httpx2.post(f"{base}/oauth/token", data=form).status_code == 400


def test_a_device_shows_a_code(visit: Open, client: str, base: str) -> None:
    began = httpx2.post(f"{base}/oauth/device", data={"client_id": client, "scope": "imap"}).json()
    watched = visit("user")
    page = watched.page
    page.goto("/device")
    watched.look()
    page.fill("#f-user_code", "BCDF-BCDF")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("No program waits").wait_for()
    page.fill("#f-user_code", began["user_code"].lower())
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Let a program in").wait_for()
    watched.look()
    page.get_by_role("button", name="Let it in").click()
    page.get_by_text("The program is let in.").wait_for()
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": client}
    answer = httpx2.post(f"{base}/oauth/token", data={**grant, "device_code": began["device_code"]})
    assert answer.json()["scope"] == "imap"


def test_an_administrator_enters_a_program(visit: Open, client: str) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/oauth")
    watched.look()
    page.fill("#f-name", "Thunderbird")
    page.fill("#f-redirect_uris", "https://localhost")
    page.get_by_role("button", name="Enter it").click()
    page.get_by_text("has the client id").wait_for()
    row = page.locator("tr", has_text="Thunderbird")
    row.get_by_role("button", name="Remove").click()
    page.get_by_text("Thunderbird is removed.").wait_for()
