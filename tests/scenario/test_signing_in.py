"""Somebody lost password and phone: a link made on the machine lets them in; and what a browser, a program and a
mail program may do afterwards. No secret of all that is in the log."""

from __future__ import annotations

import imaplib
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

from running import PASSWORD, RunningServer

ANNA = "anna@posthouse.test"


class Browser:
    """Pages and API as a browser with cookies asks for them."""

    def __init__(self, server: RunningServer) -> None:
        self.origin = f"http://127.0.0.1:{server.http}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, path: str, form: dict[str, str] | None = None, token: str = "") -> tuple[int, str]:
        data = urlencode(form).encode() if form is not None else None
        request = urllib.request.Request(self.origin + path, data, {"origin": self.origin})
        if token:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def follow(browser: Browser, path: str) -> int:
    """Open the link's page, and push its button."""
    status, page = browser.ask(path)
    assert status == 200
    return browser.ask(path, dict(re.findall(r'name="(csrf|next)" value="([^"]*)"', page)))[0]


def test_a_link_a_token_and_a_device(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """Two workers: what one notes, the other shows."""
    server = RunningServer(tmp_path / "server", workers=2)
    server.command("domain", "add", "posthouse.test")
    server.add_account(ANNA)
    server.command("account", "role", ANNA, "server")
    early = json.loads(server.command("sign-in-link", ANNA, "--json").stdout)
    server.start()
    try:
        token = json.loads(server.command("token", "add", ANNA, "report", "--json").stdout)["token"]
        made = json.loads(server.command("sign-in-link", ANNA, "--json").stdout)
        assert any(link.startswith(f"http://127.0.0.1:{server.http}/") for link in made["links"])

        browser = Browser(server)
        assert early["path"] != made["path"]
        assert follow(Browser(server), early["path"]) == 200
        assert follow(Browser(server), early["path"]) == 403, "a link is good once"
        assert follow(browser, made["path"]) == 200
        me = json.loads(browser.ask("/api/v1/me")[1])
        assert (me["address"], me["role"], me["fresh"]) == (ANNA, "server", True)

        stranger = Browser(server)
        assert json.loads(stranger.ask("/api/v1/me", token=token)[1])["rights"] == ["view"]
        assert stranger.ask("/api/v1/me", token=token + "x")[0] == 401

        client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
        client.starttls(trusting)
        client.login(ANNA, PASSWORD)
        client.xatom("ID", '("name" "Mail on the road" "version" "7")')
        client.logout()
        limit = time.monotonic() + 30
        while "Mail on the road 7" not in browser.ask("/api/v1/me/devices")[1]:
            assert time.monotonic() < limit, browser.ask("/api/v1/me/devices")
            time.sleep(0.3)

        server.command("account", "password", ANNA, "--generate")
        assert browser.ask("/api/v1/me")[0] == 401
        assert stranger.ask("/api/v1/me", token=token)[0] == 200
        for secret in (token, PASSWORD, early["path"], made["path"]):
            assert secret not in server.log
    finally:
        server.stop()
