"""CRAM-MD5 (RFC 2195) between a whole server and the clients that speak it: smtplib, imaplib, curl, msmtp and mpop."""

from __future__ import annotations

import hashlib
import hmac
import imaplib
import poplib
import smtplib
import sqlite3
import ssl
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

from posthouse.wire.sasl.cram_md5 import answer, key_of

ANNA, BERTA, CARL = "anna@posthouse.test", "berta@posthouse.test", "carl@posthouse.test"
HERE = "127.0.0.1"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Anna and Carl were there before CRAM-MD5 was switched on, Berta came later."""
    running = RunningServer(tmp_path_factory.mktemp("cram") / "server")
    running.add_domain()
    running.add_account(ANNA)
    running.add_account(CARL)
    running.start()
    try:
        running.command("setting", "set", "signin.first_delay", "0")
        switch(running, "true")
        running.add_account(BERTA)
        yield running
    finally:
        running.kill()
    assert "Traceback" not in running.log, running.log[-4000:]
    for secret in (key_of(PASSWORD.encode()).hex(), PASSWORD):
        assert secret not in running.log


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def smtp(server: RunningServer) -> smtplib.SMTP_SSL:
    client = smtplib.SMTP_SSL(HERE, server.submissions, context=context(), timeout=60)
    client.ehlo()
    return client


def imap(server: RunningServer) -> imaplib.IMAP4_SSL:
    return imaplib.IMAP4_SSL(HERE, server.imaps, ssl_context=context(), timeout=60)


def pop(server: RunningServer) -> poplib.POP3_SSL:
    return poplib.POP3_SSL(HERE, server.pop3s, context=context(), timeout=60)


def offered(server: RunningServer) -> list[bool]:
    """By submission, IMAP and POP3."""
    with smtp(server) as one, imap(server) as two:
        three = pop(server)
        found = [
            "CRAM-MD5" in one.esmtp_features["auth"].split(),
            "AUTH=CRAM-MD5" in two.capabilities,
            "CRAM-MD5" in three.capa()["SASL"],
        ]
        three.quit()
    return found


def until(met: Callable[[], bool], seconds: float = 60.0) -> None:
    last = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < last
        time.sleep(0.2)


def switch(server: RunningServer, value: str) -> None:
    server.command("setting", "set", "signin.cram_md5", value)
    until(lambda: offered(server) == [value == "true"] * 3)


def keys(server: RunningServer) -> int:
    found = sqlite3.connect(f"file:{server.data / 'posthouse.db'}?mode=ro", uri=True)
    try:
        return int(found.execute("SELECT count(*) FROM cram_md5_keys").fetchone()[0])
    finally:
        found.close()


def response(login: str, password: str, challenge: bytes) -> str:
    digest = answer(key_of(password.encode()), b64decode(challenge)).hex()
    return b64encode(f"{login} {digest}".encode()).decode()


def refuses_md5() -> str:
    """Why the clients of the standard library cannot make a digest here, "" where they can."""
    try:
        hmac.new(b"", b"", hashlib.md5)
    except ValueError as problem:
        return str(problem)
    return ""


def said(refusal: bytes, words: bytes) -> bool:
    """False, for a sign-in that was refused as a wrong password is."""
    assert words in refusal
    return False


def by_smtplib(server: RunningServer, login: str, password: str) -> bool:
    with smtp(server) as client:
        client.user, client.password = login, password
        try:
            return client.auth("CRAM-MD5", client.auth_cram_md5, initial_response_ok=False)[0] == 235
        except smtplib.SMTPAuthenticationError as problem:
            return said(problem.smtp_error, b"5.7.8 ")


def by_imaplib(server: RunningServer, login: str, password: str) -> bool:
    with imap(server) as client:
        try:
            client.login_cram_md5(login, password)
            return bool(client.select("INBOX")[0] == "OK")
        except imaplib.IMAP4.error as problem:
            return said(str(problem).encode(), b"[AUTHENTICATIONFAILED] ")


def by_poplib(server: RunningServer, login: str, password: str) -> bool:
    client = pop(server)
    try:
        challenge = client._shortcmd("AUTH CRAM-MD5").removeprefix(b"+ ")
        client._shortcmd(response(login, password, challenge))
        return client.stat()[0] >= 0
    except poplib.error_proto as problem:
        return said(problem.args[0], b"[AUTH] ")
    finally:
        client.close()


def tool(*words: str, config: str = "", text: str = "", folder: Path | None = None) -> bool:
    """Run a mail program; whether it was content."""
    if folder is not None:
        rc = folder / f"{words[0]}rc"
        rc.touch(mode=0o600)
        rc.write_text(config)
        words = (words[0], f"--file={rc}", *words[1:])
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0


def by_curl(url: str, server: RunningServer, login: str, password: str, *more: str, text: str = "") -> bool:
    who = ("--user", f"{login}:{password}", "--login-options", "AUTH=CRAM-MD5")
    return tool("curl", "-sk", "--url", url, *who, *more, text=text)


def by_msmtp(server: RunningServer, login: str, password: str, folder: Path) -> bool:
    config = (
        f"account default\nhost {HERE}\nport {server.submissions}\nfrom {login}\nauth cram-md5\n"
        f"user {login}\npassword {password}\ntls on\ntls_starttls off\ntls_certcheck off\n"
    )
    return tool("msmtp", login, config=config, text="Subject: by msmtp\n\nx\n", folder=folder)


def by_mpop(server: RunningServer, login: str, password: str, folder: Path) -> bool:
    config = (
        f"account default\nhost {HERE}\nport {server.pop3s}\nauth cram-md5\nuser {login}\n"
        f"password {password}\ntls on\ntls_starttls off\ntls_certcheck off\nkeep on\n"
        f"delivery mbox {folder / 'mbox'}\nuidls_file {folder / 'uidls'}\n"
    )
    return tool("mpop", config=config, folder=folder)


@pytest.mark.skipif(bool(refuses_md5()), reason="only on systems whose library has MD5")
def test_the_standard_library(server: RunningServer) -> None:
    """Who is new has a key at once; wrong passwords and unknown people are refused in the same words."""
    for way in (by_smtplib, by_imaplib, by_poplib):
        assert way(server, BERTA, PASSWORD)
        assert way(server, BERTA.upper(), PASSWORD)
        assert not way(server, BERTA, "wrong")
        assert not way(server, "nobody@posthouse.test", PASSWORD)
        assert not way(server, CARL, PASSWORD)  # has no key


@pytest.mark.needs("curl")
@pytest.mark.skipif(bool(refuses_md5()), reason="only on systems whose library has MD5")
def test_curl(server: RunningServer) -> None:
    """Over all three protocols; a message goes out by it."""
    mail = ("--mail-from", BERTA, "--mail-rcpt", BERTA, "--upload-file", "-")
    urls = {
        f"imaps://{HERE}:{server.imaps}/INBOX": (),
        f"pop3s://{HERE}:{server.pop3s}/": (),
        f"smtps://{HERE}:{server.submissions}/here": mail,
    }
    for url, more in urls.items():
        text = "Subject: by curl\r\n\r\nx\r\n" if more else ""
        assert by_curl(url, server, BERTA, PASSWORD, *more, text=text), url
        assert not by_curl(url, server, BERTA, "wrong", *more, text=text), url
    with imap(server) as client:
        client.login(BERTA, PASSWORD)
        client.select("INBOX")
        assert client.search(None, "SUBJECT", '"by curl"')[1] != [b""]


@pytest.mark.needs("msmtp", "mpop")
def test_msmtp_and_mpop(server: RunningServer, tmp_path: Path) -> None:
    for way in (by_msmtp, by_mpop):
        assert way(server, BERTA, PASSWORD, tmp_path)
        assert not way(server, BERTA, "wrong", tmp_path)
    assert "by msmtp" in (tmp_path / "mbox").read_text()


def test_a_key_is_learned_and_outlives_a_restart(server: RunningServer) -> None:
    """From the first sign-in with the password; a new password ends it, and is known at once."""
    assert not by_poplib(server, ANNA, PASSWORD)
    with imap(server) as client:
        client.login(ANNA, PASSWORD)
    until(lambda: by_poplib(server, ANNA, PASSWORD))
    server.stop()
    server.start()
    assert by_poplib(server, ANNA, PASSWORD)
    server.command("account", "password", ANNA, "--password-stdin", stdin="another pony by the glue\n")
    until(lambda: not by_poplib(server, ANNA, PASSWORD))
    assert by_poplib(server, ANNA, "another pony by the glue")


def test_hostile_responses_are_refused_and_the_session_goes_on(server: RunningServer) -> None:
    """What is no base64, no UTF-8, no digest or far too long, an early response, and a change of mind."""
    digest = b"0" * 32
    lines = [
        "!!!!",
        "dGltIGI5MTNhNjAy=",
        "dGlt\x01",
        "",
        *(
            b64encode(each).decode()
            for each in (
                b"x",
                b"\xff\xfe " + digest,
                b"a\0b " + digest,
                b" " + digest,
                b"tim " + digest[1:],
                b"tim " + "²".encode() * 16,
                b"t" * 5000 + b" " + digest[:-1],
            )
        ),
    ]
    client = smtp(server)
    for line in lines:
        code, challenge = client.docmd("AUTH", "CRAM-MD5")
        assert code == 334
        assert b64decode(challenge).startswith(b"<")
        assert client.docmd(line)[0] == 501, line[:40]
    assert client.docmd("AUTH", "CRAM-MD5 =")[0] == 501
    assert client.docmd("AUTH", "CRAM-MD5 " + b64encode(b"tim " + digest).decode())[0] == 501
    client.docmd("AUTH", "CRAM-MD5")
    assert client.docmd("*")[0] == 501
    challenge = client.docmd("AUTH", "CRAM-MD5")[1]
    assert client.docmd(response(BERTA, PASSWORD, challenge))[0] == 235
    client.quit()
    for line in lines[4:-1]:
        post = pop(server)
        assert post._shortcmd("AUTH CRAM-MD5").startswith(b"+ ")
        with pytest.raises(poplib.error_proto, match="no response"):
            post._shortcmd(line)
        post.quit()
        with imap(server) as reader, pytest.raises(imaplib.IMAP4.error, match="BAD"):
            reader.authenticate("CRAM-MD5", lambda _, line=line: b64decode(line))


def test_an_old_challenge_is_worth_nothing(server: RunningServer) -> None:
    """What was overheard once signs nobody in again."""
    client = smtp(server)
    heard = response(BERTA, PASSWORD, client.docmd("AUTH", "CRAM-MD5")[1])
    assert client.docmd(heard)[0] == 235
    client.quit()
    client = smtp(server)
    client.docmd("AUTH", "CRAM-MD5")
    assert client.docmd(heard)[0] == 535
    client.quit()


def test_switched_off_it_is_gone_with_its_keys(server: RunningServer) -> None:
    """Not announced, refused, and within seconds nothing is kept; nothing is made while it is off."""
    switch(server, "true")
    assert keys(server) > 0
    switch(server, "false")
    until(lambda: keys(server) == 0)
    with smtp(server) as client:
        assert client.docmd("AUTH", "CRAM-MD5")[0] == 504
    with imap(server) as client, pytest.raises(imaplib.IMAP4.error, match="not offered"):
        client.authenticate("CRAM-MD5", lambda _: b"")
    server.command("account", "password", BERTA, "--password-stdin", stdin=PASSWORD + "\n")
    with imap(server) as client:
        client.login(BERTA, PASSWORD)
    assert keys(server) == 0
    switch(server, "true")
    assert not by_poplib(server, BERTA, PASSWORD)
