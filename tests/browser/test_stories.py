"""What people do with the pages, as they do it: good and bad input, with and without a script."""

from __future__ import annotations

import re

import pyotp
import pytest
from running import RunningServer

from conftest import Open, sign_in
from house import DOMAIN, LONG, USER

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]


def test_domain_account_alias(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/domains")
    page.fill("#f-name", "not a domain")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("#f-name[aria-invalid=true]")
    watched.look()
    watched.picture("form-error-desk")
    page.fill("#f-name", "new.test")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/admin/domains/new.test")
    assert "new.test" in page.locator("[role=status] .notice").inner_text()

    page.goto("/admin/accounts/add?domain=new.test")
    page.fill("#f-name", "nina")
    page.fill("#f-quota", "lots")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector(".notice.bad, .wrong")
    page.fill("#f-quota", "2G")
    page.get_by_role("button", name="Add").click()
    password = page.locator("#new-password").inner_text()
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    watched.look()
    watched.picture("password-made-desk")
    page.goto("/admin/accounts/nina@new.test")
    assert page.input_value("#f-quota") == "2G"

    page.goto("/admin/aliases")
    page.fill("#f-address", "office@new.test")
    page.fill("#f-targets", "nina@new.test")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector(".notice.good")
    page.goto("/admin/aliases/office@new.test/remove")
    page.get_by_role("button", name="Remove the alias").click()
    page.wait_for_selector(".notice.good")

    page.goto("/admin/accounts/nina@new.test/remove")
    button = page.get_by_role("button", name="Remove the account")
    assert button.is_disabled()
    page.fill("#f-confirm", "nina@new.test")
    button.click()
    page.wait_for_url("**/admin/accounts")
    page.goto("/admin/domains/new.test/remove")
    page.fill("#f-confirm", "new.test")
    page.get_by_role("button", name="Remove the domain").click()
    page.wait_for_url("**/admin/domains")
    assert page.get_by_text("new.test").count() == 1  # only the text that says it is gone

    # A made password signs in (of an account that still is).
    assert "new.test" not in server.command("domain", "list").stdout


def test_without_a_script(visit: Open, server: RunningServer) -> None:
    """Every form of an account works, and the phone's menu opens."""
    watched = visit("", "phone", java_script_enabled=False)
    page = watched.page
    page.goto("/sign-in")
    page.fill("[name=login]", f"anna@{DOMAIN}")
    page.fill("[name=password]", "wrong")
    page.press("[name=password]", "Enter")
    page.wait_for_selector(".notice.bad")
    sign_in(watched, f"anna@{DOMAIN}")
    page.locator(".top summary").click()
    page.locator(".top a", has_text="Accounts").click()
    page.fill("#search", "person07")
    page.press("#search", "Enter")
    page.get_by_role("link", name=f"person07@{DOMAIN}").click()
    page.fill("#f-quota", "1G")
    page.locator("form[action$='/quota'] button").click()
    page.wait_for_selector(".notice.good")
    assert page.input_value("#f-quota") == "1G"
    page.get_by_role("button", name="Switch off").click()
    assert page.get_by_text("switched off", exact=True).is_visible()
    page.goto(f"/admin/accounts/person08@{DOMAIN}/remove")
    page.fill("#f-confirm", "somebody else")
    page.get_by_role("button", name="Remove the account").click()
    page.wait_for_selector("#f-confirm-wrong")
    assert f"person08@{DOMAIN}" in server.command("account", "list").stdout


def test_list_pages(visit: Open, server: RunningServer) -> None:
    page = visit("server").page
    page.goto("/admin/accounts")
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**after=*")
    assert 0 < page.locator("tbody tr").count() < 50
    page.goto(f"/admin/accounts?domain={LONG}")
    assert page.locator("tbody tr").count() == 1


def test_setting(visit: Open, server: RunningServer) -> None:
    watched = visit("server")
    page = watched.page
    page.goto("/admin/settings?topic=smtp")
    field = page.locator("[name='smtp.max_recipients']")
    field.fill("7")
    field.press("Enter")
    page.wait_for_selector("[name='smtp.max_recipients'][aria-invalid=true]")
    watched.look()
    watched.picture("setting-error-desk")
    field.fill("2000")
    field.press("Enter")
    page.wait_for_selector(".notice.good")
    assert "2000" in server.command("setting", "get", "smtp.max_recipients").stdout
    row = page.locator("[id='smtp.max_recipients']")
    row.get_by_role("button", name="Default").click()
    page.wait_for_selector(".notice.good")
    assert page.input_value("[name='smtp.max_recipients']") == "1000"
    page.goto("/admin/settings?search=recipients+452")
    assert page.locator(".setting").count() == 1


def test_colours_and_language(visit: Open, server: RunningServer) -> None:
    page = visit("user").page
    page.locator(".side [name=theme][value=dark]").click()
    page.wait_for_selector("html[data-theme=dark]")
    page.locator(".side [name=language][value=de]").click()
    page.wait_for_selector("html[lang=de]")
    assert page.url.endswith("/me")
    assert page.get_by_role("heading", name="Mein Konto").count() >= 1


def test_second_factor(visit: Open, server: RunningServer) -> None:
    watched = visit("", "phone")
    page = watched.page
    address = f"person01@{DOMAIN}"
    sign_in(watched, address)
    page.goto("/me/security/totp")
    secret = page.locator("#totp-secret").inner_text()
    page.fill("#f-code", "000000")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector("#f-code-wrong")
    page.fill("#f-code", pyotp.TOTP(secret).now())
    page.fill("#f-name", "A phone")
    page.get_by_role("button", name="Add").click()
    page.wait_for_selector(".notice.good")
    watched.look()
    watched.picture("second-step-phone")
    page.get_by_role("button", name="Make recovery codes").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10

    other = visit()
    sign_in(other, address)
    assert other.page.locator("#totp").is_visible()
    other.look()
    other.picture("sign-in-second-desk")
    other.page.fill("#totp", "000000")
    other.page.press("#totp", "Enter")
    other.page.wait_for_selector(".notice.bad")
    other.page.locator("summary").click()
    other.page.fill("#recovery", "AAAAA-AAAAA")
    other.page.press("#recovery", "Enter")
    other.page.wait_for_selector(".notice.bad")
    assert other.page.locator("#recovery").is_visible(), "the box stays open"
    other.page.fill("#recovery", codes[0])
    other.page.press("#recovery", "Enter")
    other.page.wait_for_url("**/me")
    assert "9 recovery codes are left" in other.page.locator(".notice.note").inner_text()


def test_passkey(visit: Open, server: RunningServer) -> None:
    """Made, and used to sign in without a password, with the browser's own virtual authenticator."""
    watched = visit()
    page = watched.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": made})
    sign_in(watched, f"person02@{DOMAIN}")
    page.goto("/me/security/passkey")
    page.fill("#f-name", "A key")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_selector(".notice.good")
    watched.look()
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url("**/sign-in*")
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/me")
    assert page.get_by_text(f"person02@{DOMAIN}").first.is_visible()


def test_token(visit: Open, server: RunningServer) -> None:
    watched = visit("user")
    page = watched.page
    page.goto("/me/tokens/add")
    page.fill("#f-name", "A script")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#token").inner_text()
    answer = page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.ok
    assert USER in answer.text()
    page.goto("/me/tokens")
    watched.look()
    watched.picture("tokens-desk")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_selector(".notice.good")
    assert page.request.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status == 401
