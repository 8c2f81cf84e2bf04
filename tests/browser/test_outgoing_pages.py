"""The pages of sending with mail under way: a refusal from its sender to its end, a route that is tried, an
address that is refused, and the life of signing keys."""

from __future__ import annotations

import imaplib
import json
import smtplib
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from running import PASSWORD, RunningServer

from conftest import Open
from house import ADMIN, DOMAIN, USER, furnished

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(240)]

expect.set_options(timeout=20_000)
THERE = "there.test"
REFUSED = "550 5.1.1 Nobody of this name lives here"
PUT_OFF = "450 4.2.2 The mailbox is full, come again"


class Other(socketserver.ThreadingTCPServer):
    """Another mail server: knows no ``nobody``, puts ``full`` off, and takes all others."""

    daemon_threads = True
    allow_reuse_address = True


class Talk(socketserver.StreamRequestHandler):
    """One session with it."""

    def handle(self) -> None:
        self._say("220 mx.there.test")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            if b"<nobody@" in line:
                self._say(REFUSED)
            elif b"<full@" in line:
                self._say(PUT_OFF)
            else:
                self._say("221 2.0.0 bye" if verb == b"QUIT" else "250 2.0.0 fine")
            if verb == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With routes to another server, and to a port where nobody listens (it is the other server's until it ends)."""
    found = furnished(tmp_path_factory.mktemp("sending"))
    with Other(("127.0.0.1", 0), Talk) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{other.server_address[1]}"
        try:
            found.command("route", "add", THERE, "--target", target, "--description", "Our second server")
            found.command("route", "add", "away.test", "--target", "127.0.0.1:1")
            yield found
        finally:
            found.stop()
            other.shutdown()
    _, trouble, rest = found.log.partition("Traceback")
    assert not trouble, rest[:4000]


def submit(server: RunningServer, *recipients: str, sender: str = USER) -> None:
    """Hand a message in, as a mail program does."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    message = f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: Are you there?\r\n\r\nHello.\r\n"
    with smtplib.SMTP("127.0.0.1", server.submission) as smtp:
        smtp.starttls(context=context)
        smtp.login(sender, PASSWORD)
        smtp.sendmail(sender, recipients, message)


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what the server does by itself."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def told(server: RunningServer, words: str, name: str) -> Callable[[], bool]:
    return lambda: words in server.command("message", "trace", name, check=False).stdout


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_the_way_of_a_refused_message(visit: Open, server: RunningServer, width: str) -> None:
    """From "Where is my mail?" to the other server's own words; and its sender has the notice."""
    who = f"nobody@{THERE}"
    submit(server, who)
    until(told(server, "5.1.1 Nobody of this name", who))
    watched = visit("server", width)
    page = watched.page
    page.goto("/admin")
    page.fill("main [name=message]", who)
    page.locator("main [name=message]").press("Enter")
    page.wait_for_url("**/admin/trace?**")
    if page.locator(".timeline").count() != 1:  # the other width sent one, too: the newest
        page.locator("main a[href*='message=']").first.click()
    steps = page.locator(".timeline li")
    expect(steps.filter(has_text=f"<{who}> queued as")).to_have_count(1)
    last = steps.filter(has_text="Nobody of this name lives here")
    expect(last).to_contain_text("failed after 1 attempt")
    watched.look()
    watched.picture(f"trace-refused-{width}")
    until(lambda: "Nobody of this name" in inbox(server))


def inbox(server: RunningServer) -> str:
    """The newest message of the one who sends."""
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=ssl._create_unverified_context()) as imap:
        imap.login(USER, PASSWORD)
        _, found = imap.select("INBOX")
        number = (found[0] or b"0").decode()
        return "" if number == "0" else str(imap.fetch(number, "BODY.PEEK[]")[1][0])


def test_the_way_of_what_we_refuse_ourselves(visit: Open, server: RunningServer) -> None:
    """A stranger who wants us to relay is found by either address, with our reply."""
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.ehlo("stranger.test")
        smtp.mail("stranger@stranger.test")
        assert smtp.rcpt(f"relay-me@{THERE}")[0] == 550
    page = visit("server").page
    limit = time.monotonic() + 60
    while not page.locator(".timeline").count():  # refusals are gathered for a moment before they are written
        assert time.monotonic() < limit
        page.goto(f"/admin/trace?message=relay-me@{THERE}")
    expect(page.locator(".timeline")).to_contain_text("Relaying denied")


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_a_route_is_tried(visit: Open, server: RunningServer, width: str) -> None:
    """The list leads to a route; trying it says how far it gets; one that leads nowhere says so."""
    watched = visit("server", width)
    page = watched.page
    page.goto("/admin/routes")
    watched.look()
    watched.picture(f"routes-{width}")
    page.get_by_role("link", name=THERE).click()
    expect(page.locator("main details")).to_have_count(4)
    expect(page.locator("main details[open]")).to_have_count(0)  # what is rare is folded
    watched.look()
    watched.picture(f"route-{width}")
    press(page, "Try it now")
    expect(page.get_by_text("Mail can leave by this route.")).to_be_visible()
    watched.look()
    watched.picture(f"route-tried-{width}")
    page.goto("/admin/routes")
    page.get_by_role("link", name="away.test").click()
    press(page, "Try it now")
    expect(page.get_by_text("Mail cannot leave by this route now.")).to_be_visible()


def test_pausing_a_domain_that_a_route_takes(visit: Open, server: RunningServer) -> None:
    """Mail for it waits for its route, which is told by what it is for; pausing the domain says that this is not it."""
    submit(server, f"full@{THERE}")
    until(told(server, "come again", f"full@{THERE}"))
    page = visit("server").page
    page.goto("/admin/queue/destinations")
    expect(page.get_by_role("link", name=f"({THERE})")).to_be_visible()
    page.fill("#f-destination", THERE)
    page.locator("#f-destination").press("Enter")
    expect(page.locator(".notice.warning").first).to_contain_text(
        "Mail for it that takes a route still leaves"
    )
    page.goto("/admin/queue")
    page.get_by_role("link", name=USER).first.click()
    page.get_by_role("link", name="See the route").click()
    expect(page.locator("h1")).to_have_text("Route 2")


@pytest.mark.parametrize("width", ["desk", "phone"])
def test_an_address_that_is_suppressed(visit: Open, server: RunningServer, width: str) -> None:
    """Put on the list by hand, refused while it is there, taken when it was lifted."""
    who = f"gone-{width}@{THERE}"
    watched = visit("server", width)
    page = watched.page
    page.goto("/admin/suppressions")
    page.fill("#f-address", who)
    page.fill("#f-reason", "Left the company")
    page.fill("#f-duration", "7d")
    press(page, "Refuse")
    expect(page.locator(".notice.good")).to_contain_text(f"Mail to {who} is refused")
    watched.look()
    watched.picture(f"suppressions-{width}")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"5\.7\.1"):
        submit(server, who)
    page.locator("tr").filter(has_text=who).get_by_role("button", name="Lift").click()
    expect(page.locator(".notice.good")).to_contain_text("again")
    submit(server, who)


def test_the_life_of_signing_keys(visit: Open, server: RunningServer) -> None:
    """Made by themselves, used at the administrator's wish, replaced, put aside and removed."""
    until(lambda: len(keys(server)) == 2)
    watched = visit("server")
    page = watched.page
    here = f"/admin/domains/{DOMAIN}/keys"
    page.goto(here)
    expect(page.locator(".mark", has_text="waits for its record")).to_have_count(2)
    expect(page.get_by_role("button", name="Replace the keys")).to_have_count(0)
    expect(page.get_by_role("button", name="Make keys")).to_have_count(0)
    watched.look()
    watched.picture("keys-new-desk")
    first = keys(server)
    for selector in first:
        page.goto(f"{here}/{selector}/activate")
        press(page, "Sign with it now")
    expect(page.locator(".mark", has_text="signs")).to_have_count(2)
    press(page, "Check now")
    press(page, "Replace the keys")
    expect(page.locator(".notice.good")).to_contain_text("Publish their records")
    expect(page.locator(".mark", has_text="waits for its record")).to_have_count(2)
    expect(page.get_by_role("button", name="Replace the keys")).to_have_count(0)
    watched.look()
    watched.picture("keys-replaced-desk")
    page.goto(f"{here}/{first[0]}/retire")
    press(page, "Sign with it no more")
    page.goto(f"{here}/{first[0]}/remove")
    press(page, "Remove the key")
    expect(page.locator(".notice.good")).to_contain_text(first[0])
    assert first[0] not in keys(server)
    phone = visit("server", "phone", locale="de")
    phone.page.goto(here)
    phone.look()
    phone.picture("keys-phone-german")


def keys(server: RunningServer) -> list[str]:
    """The selectors of the domain."""
    return [
        each["selector"]
        for each in json.loads(server.command("dkim", "list", DOMAIN, "--json").stdout)["keys"]
    ]


def test_the_administrator_finds_mail_that_left(visit: Open, server: RunningServer) -> None:
    """What was relayed says to whom, how, and in the other server's words."""
    submit(server, f"friend@{THERE}", sender=ADMIN)
    until(told(server, "relayed", f"friend@{THERE}"))
    watched = visit("server")
    watched.page.goto(f"/admin/trace?message=friend@{THERE}")
    expect(watched.page.locator(".timeline")).to_contain_text("250 2.0.0 fine")
    watched.look()
