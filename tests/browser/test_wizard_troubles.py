"""Set-up where everything goes wrong: it still ends with a server that takes mail, and says what is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dns_server import DnsServer
from pebble import Pebble
from playwright.sync_api import Page, expect
from running import PASSWORD
from test_wizard import ADDRESS, DOMAIN, Arrive, NewServer, arrive, outside

from ports import free_port

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

__all__ = ["arrive"]

LONG = "the-mail-server-of-a-household-with-a-rather-long-name.and-a-domain-that-is-no-shorter.example.org"


def looked_around(page: Page) -> None:
    page.wait_for_selector("#findings:not([data-refresh]) .tally", timeout=40_000)


def test_nothing_outside_answers(tmp_path: Path, arrive: Arrive) -> None:
    """No name server, nobody on port 25, no time, no authority: on a phone, in German, with wrong answers between."""
    server = NewServer(tmp_path / "server")
    with DnsServer() as gone:
        nowhere = outside(gone)
    more = {
        "dns.timeout": "1s",
        "diagnostics.port": str(free_port()),
        "diagnostics.time_server": f"127.0.0.1:{free_port()}",
        "certificates.directory": f"https://127.0.0.1:{free_port()}/dir",
    }
    server.prepare({**nowhere, **more}, free_port(), free_port())
    try:
        server.start()
        person = arrive("phone", locale="de-DE")
        page, watched = person.page, person.watched
        page.goto(server.link())
        watched.look()
        watched.picture("setup-link-phone-german")
        person.click("Beginnen")
        person.fill("address", "keine@adresse@")
        page.locator("form button[type=submit]").first.evaluate("button => { button.form.noValidate = true }")
        person.click("Weiter")
        assert page.locator("[aria-invalid=true]").count() == 1
        watched.look()
        watched.picture("setup-address-wrong-phone")
        person.fill("address", ADDRESS)
        person.click("Weiter")
        page.wait_for_url("**/setup/name")
        page.reload()
        person.fill("hostname", "kein name")
        person.click("Umsehen")
        assert page.locator("#f-hostname[aria-invalid=true]").count() == 1
        person.fill("hostname", LONG)
        person.fill("addresses", "1.2.3")
        person.click("Umsehen")
        assert page.locator("#f-addresses[aria-invalid=true]").count() == 1
        watched.look()
        person.fill("addresses", "192.0.2.1, 2001:db8::25")
        person.click("Umsehen")
        looked_around(page)
        watched.look()
        watched.picture("setup-password-phone")
        found = page.locator(".finding.bad, .finding.warn, .finding.unknown")
        assert found.count() > 5
        for each in found.all():
            assert each.locator(".mend").inner_text(), each.inner_text()
        page.reload()
        looked_around(page)
        person.fill("password", PASSWORD)
        person.fill("again", "something else")
        person.click("Server einrichten")
        assert page.locator("#f-again[aria-invalid=true]").count() == 1
        person.fill("password", PASSWORD)
        person.fill("again", PASSWORD)
        page.check("[name=certificate]")
        person.click("Server einrichten")
        page.wait_for_url("**/admin/setup?message=1", timeout=40_000)
        watched.look()
        watched.picture("setup-done-phone-german")
        page.wait_for_selector("#order form button", timeout=40_000)
        watched.look()
        base = page.url.partition("/admin")[0]
        for where, name in (("", "dns-unknown-phone"), ("?provider=cloudflare", "dns-provider-phone")):
            page.goto(f"{base}/admin/domains/{DOMAIN}/dns{where}")
            watched.look()
            watched.picture(name)
        page.goto(f"{base}/admin/domains/{DOMAIN}/dns?show=zone")
        watched.look()
        assert LONG in page.inner_text("#zone")
        page.goto(f"{base}/me/programs")
        watched.look()
        watched.picture("programs-long-name-phone")
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def test_killed_at_every_step(tmp_path: Path, arrive: Arrive) -> None:
    """After each kill a new link is printed, and the browser that opens it goes on where it was; another browser does
    not get in meanwhile. At last it is given up, and done by the command line."""
    server = NewServer(tmp_path / "server")
    with DnsServer() as nameserver:
        server.prepare(outside(nameserver), free_port(), free_port())
        try:
            person, other = arrive(), arrive()
            page = person.page

            def again() -> None:
                server.kill()
                server.start()
                link = server.link()
                page.goto(link)
                person.click("Begin")
                page.wait_for_load_state()
                other.page.goto(link)
                other.click("Begin")
                assert "does not open anything" in other.page.inner_text("h1")
                page.goto(link)  # the browser that came in by it goes on, too

            again()
            expect(page).to_have_url(server.link().partition("/setup")[0] + "/setup")
            person.fill("address", ADDRESS)
            person.click("Next")
            page.wait_for_url("**/setup/name")
            again()
            expect(page).to_have_url(server.link().partition("/setup")[0] + "/setup/name")
            person.fill("hostname", f"mx.{DOMAIN}")
            person.click("Look around")
            page.wait_for_url("**/setup/look")
            again()
            expect(page).to_have_url(server.link().partition("/setup")[0] + "/setup/look")
            assert f"mx.{DOMAIN}" in page.inner_text("main")
            assert ADDRESS in page.inner_text("main")
            person.click("Back")
            assert page.input_value("[name=hostname]") == f"mx.{DOMAIN}"
            words = ["setup", "--address", ADDRESS, "--password-stdin", "--no-check", "--json"]
            made = json.loads(server.command(*words, stdin=PASSWORD + "\n").stdout)
            assert made["hostname"] == f"mx.{DOMAIN}"
            assert made["test"]["mailbox"] == "INBOX"
            person.click("Look around")
            page.wait_for_url("**/sign-in")
            server.kill()
            server.start()
            assert "/setup/" not in server.printed()
        finally:
            server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.mark.needs("pebble")
def test_the_authority_refuses(tmp_path: Path, arrive: Arrive) -> None:
    """The proof cannot be seen, because the name is not in the DNS: the page says why, and trying again helps once it
    is."""
    server = NewServer(tmp_path / "server")
    with DnsServer() as nameserver:
        authority = Pebble(dns_server=nameserver.place)
        authority.start()
        more = {
            "certificates.directory": authority.directory,
            "certificates.ca_file": str(authority.ca_file),
        }
        server.prepare({**outside(nameserver), **more}, authority.http_port, authority.tls_port)
        try:
            server.start()
            words = ["setup", "--address", ADDRESS, "--password-stdin", "--no-check", "--certificate"]
            server.command(*words, stdin=PASSWORD + "\n")
            person = arrive()
            page = person.page
            page.goto(f"http://localhost:{server.http}/sign-in?next=/admin/setup")
            person.fill("login", ADDRESS)
            person.fill("password", PASSWORD)
            page.press("[name=password]", "Enter")
            page.wait_for_selector("#order :text('Try now')", timeout=60_000)
            assert f"mail.{DOMAIN}" in page.inner_text("#order [lang=en]")
            person.watched.look()
            person.watched.picture("setup-refused-desk")
            nameserver.add(f"mail.{DOMAIN}. A 127.0.0.1")
            person.click("Try now")
            page.wait_for_selector("#order .mark.good", timeout=60_000)
        finally:
            server.kill()
            authority.close()
    assert "Traceback" not in server.log, server.log[-4000:]
