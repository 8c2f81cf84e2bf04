"""Certificates, backups, bans and listeners in the browser: every form with good and bad input, by script and without,
and nothing of it for anybody but the server's administrator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from free_ports import free_port
from pebble import Pebble
from playwright.sync_api import Page
from running import PASSWORD, RunningServer
from test_security import FORM, cookie_of, post
from walking import Watched

from conftest import Open
from house import ADMIN, DOMAIN, LONG, USER
from posthouse.cli.client import ControlClient
from posthouse.web import all as every_page
from posthouse.web.page import pages

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

AREAS = ("/admin/certificates", "/admin/backup", "/admin/bans", "/admin/listeners")


def press(page: Page, name: str) -> None:
    """Press the button of this name, and wait for the page that follows."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).first.click()


def seen(watched: Watched, name: str) -> None:
    """Look at the page at both widths, and keep pictures of it."""
    page = watched.page
    for width, size in (("desk", (1280, 860)), ("phone", (390, 844))):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        watched.look()
        page.evaluate("scrollTo(0, 0)")
        watched.picture(f"{name}-{width}")
    page.set_viewport_size({"width": 1280, "height": 860})


def good(page: Page) -> str:
    """The text that says that a form was carried out."""
    return page.locator("main > [role=status] .notice").inner_text()


# ------------------------------------------------------------------ who may


@pytest.mark.parametrize("role", ["domain", "user", ""])
def test_nobody_else(visit: Open, server: RunningServer, role: str) -> None:
    """Each page and each form of these areas, by everybody who is not the server's administrator."""
    assert every_page
    ours = [each for each in pages() if each.path.startswith(AREAS)]
    assert len(ours) > 40
    address = {"domain": f"dora@{DOMAIN}", "user": USER}.get(role)
    headers = {"Cookie": cookie_of(server, address)} if address else {}
    page = visit(role).page
    for each in ours:
        path = re.sub(r"\{[^}]*\}", "1", each.path)
        if each.method == "POST":
            status, place = post(server, path, {"csrf": "x"}, headers)
            assert status == 403 if role else place == "/sign-in", f"{role} {path}: {status}"
        else:
            answer = page.request.get(path, max_redirects=0)
            assert answer.status == (403 if role else 303), f"{role} {path}: {answer.status}"


# ------------------------------------------------------------------ bans


def test_bans(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/bans")
    seen(watched, "admin-bans-empty")
    page.fill("#f-network", "not a network")
    page.fill("#f-reason", "It tries passwords")
    press(page, "Ban")
    assert "no address or network" in page.locator("#f-network-wrong").inner_text()
    assert page.input_value("#f-reason") == "It tries passwords"
    seen(watched, "admin-bans-wrong")
    page.fill("#f-network", "127.0.0.1")
    press(page, "Ban")
    assert "this machine itself" in page.locator("#f-network-wrong").inner_text()
    page.fill("#f-network", "192.0.2.0/24")
    page.fill("#f-duration", "soon")
    press(page, "Ban")
    assert page.locator("#f-duration-wrong").is_visible()
    page.fill("#f-duration", "7d")
    page.fill("#f-reason", "It tries passwords " + "again-and-" * 30 + "again")
    press(page, "Ban")
    assert "192.0.2.0/24" in good(page)
    assert "Ban 192.0.2.0/24" in page.locator(".notice.warning").inner_text()
    seen(watched, "admin-bans-filled")

    control = ControlClient(str(server.data), "")
    for number in range(60):
        control.call("ban.add", {"network": f"198.51.100.{number}", "now": True}, print)
    control.close()
    page.goto("/admin/bans?search=198.51")
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**after=*")
    assert page.locator("tbody tr").count() == 10
    page.goto("/admin/bans?search=nothing-like-this")
    seen(watched, "admin-bans-none-found")
    page.goto("/admin/bans?search=192.0.2.0")
    press(page, "Lift")
    assert "lifted" in good(page)
    assert page.locator(".notice.warning").count() == 0, "what was lifted waits no more"
    assert "192.0.2.0/24" not in server.command("ban", "list").stdout


# ------------------------------------------------------------------ listeners


def test_listeners(visit: Open, server: RunningServer, tmp_path: Path) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/listeners")
    assert page.locator("tbody tr").count() == 10
    page.get_by_role("link", name="Add a listener").click()
    page.select_option("#f-protocol", "imap")
    for wrong in ("abc", "0", "70000", str(server.imap)):
        page.fill("#f-port", wrong)
        page.fill("#f-address", "127.0.0.1")
        press(page, "Add")
        assert page.locator("#f-port-wrong").is_visible(), wrong
        assert page.input_value("#f-port") == wrong
        assert page.input_value("#f-protocol") == "imap"
    seen(watched, "admin-listeners-wrong")
    page.fill("#f-port", str(free_port()))
    page.fill("#f-address", "nowhere")
    press(page, "Add")
    assert "no IP address" in page.locator("#f-address-wrong").inner_text()
    page.fill("#f-address", "127.0.0.1")
    page.fill("#f-proxy_from", "everybody")
    press(page, "Add")
    assert "no network" in page.locator("#f-proxy_from-wrong").inner_text()
    page.fill("#f-proxy_from", "192.0.2.1 2001:db8::/64")
    press(page, "Add")
    assert "in effect already" in good(page)
    seen(watched, "admin-listeners-added")

    socket = tmp_path / "l.sock"
    page.goto("/admin/listeners/add")
    page.select_option("#f-protocol", "lmtp")
    page.fill("#f-path", str(socket))
    press(page, "Add")
    assert socket.exists()
    row = page.locator("tr", has_text=str(socket))
    row.get_by_role("link", name="Change").click()
    page.wait_for_url("**/change")
    press(page, "Save")
    assert "Nothing is different" in page.locator("[role=alert]").inner_text()
    moved = tmp_path / "moved.sock"
    page.fill("#f-path", str(moved))
    press(page, "Save")
    page.locator("tr", has_text=str(moved)).get_by_role("link", name="Remove").click()
    page.wait_for_url("**/remove")
    watched.look()
    press(page, "Remove the listener")
    assert not moved.exists()

    page.locator("tr", has_text=str(server.pop3)).first.get_by_role("link", name="Change").click()
    page.wait_for_url("**/change")
    page.select_option("#f-tls", "none")
    seen(watched, "admin-listeners-change")
    press(page, "Save")
    assert page.locator(".notice.warning").count() >= 1
    page.get_by_role("link", name="Back to those of posthouse.toml").click()
    page.wait_for_url("**/reset")
    seen(watched, "admin-listeners-reset")
    press(page, "Go back to them")
    assert page.locator("tbody tr").count() == 10
    page.goto("/admin/listeners/reset")
    press(page, "Go back to them")
    assert "not changed" in page.locator("[role=alert]").inner_text()
    for _ in range(20):
        if not page.locator("[role=status].notice.warning button", has_text="Confirm").count():
            break
        server.command("probation", "confirm", *_waiting(server))
        page.goto("/admin/listeners")


def _waiting(server: RunningServer) -> list[str]:
    found = re.findall(r"^\s*(\d+)\s", server.command("probation", "list").stdout, re.MULTILINE)
    return found[-1:]


# ------------------------------------------------------------------ certificates


def test_certificates(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/certificates")
    assert "self-made" in page.locator("tbody").inner_text()
    page.get_by_role("link", name="Add your own").click()
    page.fill("#f-chain", "this is no certificate")
    press(page, "Add")
    assert "no certificate in it" in page.locator("#f-chain-wrong").inner_text()
    authority = trustme.CA()
    leaf = authority.issue_cert(f"mail.{DOMAIN}", f"mail.{LONG}")
    other = authority.issue_cert("other.test")
    chain = b"".join(each.bytes() for each in leaf.cert_chain_pems).decode()
    page.fill("#f-chain", chain)
    press(page, "Add")
    assert "no private key" in page.locator("#f-key-wrong").inner_text()
    page.fill("#f-key", other.private_key_pem.bytes().decode())
    press(page, "Add")
    assert "belongs to none" in page.locator("#f-key-wrong").inner_text()
    assert page.input_value("#f-chain").strip() == chain.strip()
    seen(watched, "admin-certificates-wrong")
    page.set_input_files(
        "#key-file", {"name": "key.pem", "mimeType": "text/plain", "buffer": leaf.private_key_pem.bytes()}
    )
    page.wait_for_function("document.querySelector('#f-key').value.length > 100")
    press(page, "Add")
    assert f"mail.{DOMAIN}" in good(page)
    assert "BEGIN CERTIFICATE" in page.locator("#pem").text_content()
    assert "PRIVATE KEY" not in page.content()
    page.locator("summary", has_text="PEM").click()
    seen(watched, "admin-certificates-given")
    page.goto("/admin/certificates")
    seen(watched, "admin-certificates-filled")
    page.locator("tbody a", has_text=LONG[:20]).click()
    page.locator("main").get_by_role("link", name="Remove").click()
    page.wait_for_url("**/remove")
    press(page, "Remove the certificate")
    assert "removed" in good(page)
    page.goto("/admin/certificates/self-made-anew")
    press(page, "Make it anew")
    assert "made anew" in good(page)
    page.goto("/admin/certificates/nothing-like-this")
    assert "no certificate" in page.locator("h1, main").first.inner_text().lower()


def test_certificate_is_refused(visit: Open, server: RunningServer) -> None:
    """What is wrong with an order stands in the form; what the authority says, on the page of the work."""
    watched = visit("server")
    page = watched.page
    page.goto("/admin/certificates/order")
    page.fill("#f-hosts", "not_a_host mail.posthouse.test")
    press(page, "Order")
    assert "no host name" in page.locator("#f-hosts-wrong").inner_text()
    page.fill("#f-hosts", "mail.posthouse.test")
    page.select_option("#f-challenge", "dns-01")
    press(page, "Order")
    assert page.locator("#f-agreed-on-wrong").is_visible()
    assert page.input_value("#f-challenge") == "dns-01"
    page.check("#f-agreed-on")
    press(page, "Order")
    assert "no way to prove" in page.locator("#f-hosts-wrong").inner_text()
    seen(watched, "admin-certificates-order-wrong")
    page.select_option("#f-challenge", "http-01")
    press(page, "Order")
    page.get_by_text("127.0.0.1:9").first.wait_for()
    page.goto("/admin/certificates")
    assert "The last order failed" in page.locator("tbody").inner_text()
    seen(watched, "admin-certificates-failed")
    page.locator("tbody a", has_text="mail.posthouse.test").first.click()
    seen(watched, "admin-certificates-failed-one")


@pytest.fixture(scope="module")
def authority() -> Iterator[Pebble]:
    found = Pebble()
    found.start()
    yield found
    found.close()


@pytest.mark.needs("pebble", "pebble-challtestsrv")
@pytest.mark.parametrize("script", [True, False])
def test_certificate_is_ordered(visit: Open, server: RunningServer, authority: Pebble, script: bool) -> None:
    watched = visit("server", java_script_enabled=script)
    page = watched.page
    for name, value in (("directory", authority.directory), ("ca_file", str(authority.ca_file))):
        server.command("setting", "set", f"certificates.{name}", value)
    if script:
        for port, tls in ((authority.http_port, "none"), (authority.tls_port, "implicit")):
            server.command(
                "listener",
                "add",
                "http",
                "--port",
                str(port),
                "--address",
                "127.0.0.1",
                "--tls",
                tls,
                "--now",
            )
    page.goto("/admin/certificates/order")
    host = "scripted.test" if script else "plain.test"
    page.fill("#f-hosts", host)
    if page.locator("#f-agreed-on").count():
        page.check("#f-agreed-on")
    if script:
        seen(watched, "admin-certificates-order")
    press(page, "Order")
    page.get_by_role("link", name="Show the certificate").wait_for(timeout=60_000)
    if script:
        seen(watched, "admin-certificates-ordered")
    page.get_by_role("link", name="Show the certificate").click()
    assert "in use" in page.locator("main").inner_text()
    if not script:
        return
    seen(watched, "admin-certificates-one")
    press(page, "Renew now")
    page.get_by_role("link", name="Show the certificate").wait_for(timeout=60_000)
    page.goto("/admin/certificates/account")
    assert "registered" in page.locator("main").inner_text()
    seen(watched, "admin-certificates-account-made")
    press(page, "Give it a new key")
    assert "new key" in good(page)
    page.fill("#f-contact", "no address at all")
    press(page, "Save")
    page.fill("#f-contact", ADMIN)
    press(page, "Save")
    page.goto("/admin/certificates/account/close")
    press(page, "Close the account")
    assert "closed" in good(page)


# ------------------------------------------------------------------ backups


def _set_up(watched: Watched, place: Path) -> str:
    """Through the form; the recovery key."""
    page = watched.page
    page.goto("/admin/backup")
    seen(watched, "admin-backup-none")
    page.get_by_role("link", name="Set up backups").click()
    page.fill("#f-place", "relative/place")
    press(page, "Begin")
    assert page.locator("#f-place-wrong").is_visible()
    page.fill("#f-place", str(place))
    page.fill("#f-times", "half past nine")
    press(page, "Begin")
    assert page.locator("#f-times-wrong").is_visible()
    assert page.input_value("#f-place") == str(place)
    page.fill("#f-times", "03:15")
    page.select_option("#f-protection", "passphrase")
    page.fill("#f-passphrase", "short")
    page.fill("#f-again", "shirt")
    press(page, "Begin")
    assert page.locator("#f-again-wrong").is_visible()
    page.fill("#f-passphrase", "short")
    page.fill("#f-again", "short")
    press(page, "Begin")
    assert "12 characters" in page.locator("#f-passphrase-wrong").inner_text()
    seen(watched, "admin-backup-set-up-wrong")
    page.select_option("#f-protection", "key")
    press(page, "Begin")
    key = page.locator("#recovery-key").inner_text()
    assert key.startswith("PHKEY1-")
    seen(watched, "admin-backup-key")
    page.check("#f-kept")
    press(page, "Go on")
    assert "first backup" in good(page)
    return key


def test_backup(visit: Open, server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    watched = visit("server")
    page = watched.page
    key = _set_up(watched, tmp_path_factory.mktemp("backups") / "place")
    seen(watched, "admin-backup-first")
    press(page, "Back up now")
    page.get_by_role("link", name="Show it").wait_for(timeout=60_000)
    seen(watched, "admin-backup-run")
    page.goto("/admin/backup")
    assert page.locator("tbody tr").count() == 1
    seen(watched, "admin-backup-list")
    page.locator("tbody th a").click()
    page.wait_for_url("**/admin/backup/2*")
    backup = page.url.rpartition("/")[2]
    assert page.locator("tbody tr").count() == 50
    seen(watched, "admin-backup-one")
    page.goto(f"/admin/backup/{backup}?search=ulla")
    assert page.locator("tbody tr").count() == 1

    page.goto(f"/admin/backup/{backup}/verify")
    page.fill("#f-key", "PHKEY1-WRONG")
    press(page, "Check")
    assert "no recovery key" in page.locator("#f-key-wrong").inner_text()
    watched.look()
    page.fill("#f-key", key)
    press(page, "Check")
    page.get_by_text("every message is what it was").wait_for(timeout=60_000)
    seen(watched, "admin-backup-verified")

    page.goto(f"/admin/backup/{backup}/verify/events")  # of work that has ended: ends at once

    server.command("account", "remove", f"person42@{DOMAIN}", "--purge", "--yes")
    page.goto(f"/admin/backup/restore?id={backup}&account=person42@{DOMAIN}")
    assert page.input_value("#f-scope") == "account"
    press(page, "See what would change")
    assert "needs the recovery key" in page.locator("#f-key-wrong").inner_text()
    page.fill("#f-key", key)
    page.fill("#f-account", "nobody@posthouse.test")
    press(page, "See what would change")
    page.get_by_text("The backup has no nobody@posthouse.test").first.wait_for()
    page.goto("/admin/backup/restore")
    page.fill("#f-at", "yesterday")
    page.select_option("#f-scope", "message")
    seen(watched, "admin-backup-restore")
    press(page, "See what would change")
    assert page.locator("#f-account-wrong").is_visible()
    page.select_option("#f-scope", "account")
    page.fill("#f-account", f"person42@{DOMAIN}")
    page.fill("#f-key", key)
    press(page, "See what would change")
    assert "no date" in page.locator("#f-at-wrong").inner_text()
    seen(watched, "admin-backup-restore-wrong")
    page.fill("#f-at", "")
    page.fill("#f-key", key)
    press(page, "See what would change")
    page.locator("#f-confirm").wait_for(timeout=60_000)
    assert key not in page.content()
    assert f"person42@{DOMAIN}" in page.locator(".changes").inner_text()
    assert f"person42@{DOMAIN}" not in server.command("account", "list").stdout, "only looked"
    seen(watched, "admin-backup-plan")
    page.fill("#f-confirm", backup)
    press(page, "Restore")
    page.get_by_text("All of it is put back.").wait_for(timeout=60_000)
    seen(watched, "admin-backup-restored")
    assert f"person42@{DOMAIN}" in server.command("account", "list").stdout
    page.goto("/admin/backup/restore/plan")
    assert page.locator("#f-confirm").count() == 0, "the key is forgotten"

    page.goto("/admin/backup/prune")
    press(page, "Look what would go")
    page.get_by_text("Nothing is to be removed").wait_for(timeout=60_000)
    seen(watched, "admin-backup-prune")
    assert key not in server.log
    assert PASSWORD not in server.log


def test_backup_without_a_script(visit: Open, server: RunningServer) -> None:
    """On from the test above: work is followed by a page that loads itself."""
    watched = visit("server", "phone", java_script_enabled=False)
    page = watched.page
    server.command("setting", "set", "backup.keep_last", "1")
    for name in ("daily", "weekly", "monthly"):
        server.command("setting", "set", f"backup.keep_{name}", "0")
    page.goto("/admin/backup")
    press(page, "Back up now")
    page.get_by_role("link", name="Show it").wait_for(timeout=60_000)
    page.goto("/admin/backup/prune")
    press(page, "Look what would go")
    page.get_by_role("button", name="Remove them").wait_for(timeout=60_000)
    page.get_by_role("button", name="Remove them").click()
    page.get_by_text("This is gone").wait_for(timeout=60_000)
    page.goto("/admin/backup")
    assert page.locator("tbody tr").count() == 1
    # Without the recovery key nobody goes on with somebody else's backups.
    place = page.locator(".facts dd").first.inner_text()
    page.goto("/admin/backup/set-up")
    page.fill("#f-old_place", place)
    page.fill("#f-key", "PHKEY1-AAAAA")
    press(page, "Go on with them")
    assert page.locator("#f-key-wrong").is_visible()
    page.fill("#f-place", place)
    press(page, "Begin")
    assert "set up already" in page.locator("#f-force-wrong").inner_text()
    page.check("#f-force")
    press(page, "Begin")
    assert "There are backups in" in page.locator("#f-place-wrong").inner_text()


def test_german(visit: Open, server: RunningServer) -> None:
    watched = visit("server", locale="de-DE", color_scheme="dark")
    page = watched.page
    for path in (*AREAS, "/admin/backup/set-up", "/admin/backup/restore", "/admin/certificates/order"):
        page.goto(path)
        assert page.get_attribute("html", "lang") == "de"
        watched.look(axe=False)
        watched.picture(path.strip("/").replace("/", "-") + "-german")


def test_forms_need_their_secret(server: RunningServer) -> None:
    cookie = {"Cookie": cookie_of(server, ADMIN), **FORM}
    for each in pages():
        if each.method == "POST" and each.path.startswith(AREAS):
            path = re.sub(r"\{[^}]*\}", "1", each.path)
            assert post(server, path, {"csrf": "x" * 43}, cookie)[0] == 403, path
