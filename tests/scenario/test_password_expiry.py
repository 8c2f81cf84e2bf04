"""A password that has expired: the pages let its owner do nothing but set another, mail programs are told so in the
words of their protocol, and people hear of it before."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from http_world import ANNA, ROOT, World, empty, world
from running import PASSWORD, RunningServer

from posthouse.database.contract import Transaction
from posthouse.directory import records
from posthouse.directory.identity_records import browser_sessions
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.web.page import pages

DAY = 86_400.0
NEW = "another pony by the glue"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("expiry") / "empty")


@pytest_asyncio.fixture
async def place(template: Path, tmp_path: Path) -> AsyncIterator[World]:
    days = {"signin.password_days": 30, "signin.password_warning": 7}
    async with world(template, tmp_path / "world", **days) as made:
        yield made


async def age(place: World, address: str, days: float, source: str = "") -> None:
    """Let a password be so many days old."""

    def op(tx: Transaction) -> None:
        values = {"password_changed_at": time.time() - days * DAY, "source": source}
        tx.change(records.accounts.update().where(records.accounts.c.address == address).values(**values))
        bump(tx, DIRECTORY, None)

    await place.context.database.run(op)


async def test_an_expired_password_opens_one_page(place: World) -> None:
    """Every other page leads there, the API does nothing but the change and forgets the role; a new password opens all
    again, in the same session."""
    old = await place.sign_in(ROOT)
    await age(place, ROOT, 31)
    fresh = await place.sign_in(ROOT)
    for caller in (old, fresh):
        for page in pages():
            if page.open_to == "anyone" or "{" in page.path or page.path in ("/me/password", "/sign-out"):
                continue
            answer = await (
                place.ask("GET", page.path, caller)
                if page.method == "GET"
                else place.post(page.path, {}, caller)
            )
            assert (answer.status, answer.headers.get("location")) == (303, "/me/password"), page.path
        for path in ("/api/v1/accounts", "/api/v1/me/sessions", "/api/v1/settings"):
            answer = await place.ask("GET", path, caller)
            assert answer.status == 403, path
            assert b"has expired" in answer.body
        assert (await place.ask("GET", "/metrics", caller)).status in (401, 403)
        form = await place.ask("GET", "/me/password", caller)
        assert form.status == 200
        assert b"Your password has expired" in form.body
        assert b'href="/admin/accounts"' not in form.body
    same = {"current": "correct horse", "new": "correct horse", "again": "correct horse"}
    assert (await place.post("/me/password", same, fresh)).status == 422
    changed = await place.post("/me/password", {**same, "new": NEW, "again": NEW}, fresh)
    assert changed.headers["location"] == "/me"
    assert (await place.ask("GET", "/admin/accounts", fresh)).status == 200
    assert (await place.ask("GET", "/api/v1/accounts", fresh)).status == 200


async def test_who_proved_themselves_otherwise_is_let_in(place: World) -> None:
    """A token, a session that began without the password, and a password that is kept outside."""
    token = await place.token(ANNA, "view")
    caller = await place.sign_in(ANNA)
    await age(place, ANNA, 31)
    assert (await place.ask("GET", "/api/v1/me", token)).status == 200
    assert (await place.ask("GET", "/me", caller)).status == 303

    def by_passkey(tx: Transaction) -> None:
        tx.change(browser_sessions.update().values(how="passkey"))

    await place.context.database.run(by_passkey)
    shown = await place.ask("GET", "/me", caller)
    assert shown.status == 200
    assert b"Your password has expired." in shown.body
    await age(place, ANNA, 31, source="outside")
    assert (
        b"Your password"
        not in (await place.ask("GET", "/me/password", caller)).body.partition(b"<main")[2][:600]
    )


async def test_the_pages_tell_before(place: World) -> None:
    """From the day of the setting on, not before; the API says when."""
    caller = await place.sign_in(ANNA)
    assert b"expires soon" not in (await place.ask("GET", "/me/sharing", caller)).body
    await age(place, ANNA, 22)
    assert b"expires soon" not in (await place.ask("GET", "/me/sharing", caller)).body
    await age(place, ANNA, 24)
    assert b"expires soon" in (await place.ask("GET", "/me/sharing", caller)).body
    told = (await place.ask("GET", "/api/v1/me", caller)).json["password_expires_at"]
    assert abs(told - time.time() - 6 * DAY) < 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path / "server")
    made.add_domain()
    made.add_account("anna@posthouse.test")
    made.command("setting", "set", "signin.password_days", "10")
    made.command("setting", "set", "signin.expired_days", "2")
    made.command("setting", "set", "signin.free_failures", "100")
    with sqlite3.connect(made.data / "posthouse.db") as database:
        database.execute("UPDATE accounts SET password_changed_at = ?", (time.time() - 13 * DAY,))
    database.close()
    made.start()
    yield made
    made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


@pytest.mark.timeout(240)
def test_mail_programs_are_told_in_their_protocol(server: RunningServer) -> None:
    """RFC 5530's EXPIRED, RFC 4954's 535 5.7.8, RFC 3206's AUTH; who does not know the password hears nothing of it."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    login = "anna@posthouse.test"
    imap = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=tls)
    with pytest.raises(imaplib.IMAP4.error, match=r"\[EXPIRED\] The password has expired"):
        imap.login(login, PASSWORD)
    with pytest.raises(imaplib.IMAP4.error, match=r"\[AUTHENTICATIONFAILED\]"):
        imap.login(login, "wrong")
    imap.shutdown()
    smtp = smtplib.SMTP_SSL("127.0.0.1", server.submissions, context=tls)
    smtp.ehlo()
    smtp.user, smtp.password = login, PASSWORD
    code, text = _refusal(smtp)
    assert (code, text[:5]) == (535, b"5.7.8")
    assert b"has expired" in text
    smtp.close()
    pop3 = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=tls)
    pop3.user(login)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\] The password has expired"):
        pop3.pass_(PASSWORD)
    pop3.close()


def _refusal(smtp: smtplib.SMTP) -> tuple[int, bytes]:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        smtp.auth("PLAIN", smtp.auth_plain)
    return refused.value.smtp_code, refused.value.smtp_error  # type: ignore[return-value]
