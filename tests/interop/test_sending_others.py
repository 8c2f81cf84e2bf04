"""Postfix as the one who sends and as the one who is sent to, Dovecot by LMTP, a command, and clients that hand in."""

from __future__ import annotations

import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bench.anchor import Anchor
from dovecot import why_not as no_dovecot
from mail_world import ANNA, CARL, MailWorld, arrived, call, inject, letter, mailbox, submit, wait_for
from running import PASSWORD

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone", "postfix"),
    pytest.mark.timeout(180),
]


def at_postfix(world: MailWorld, recipient: str, subject: str) -> bytes:
    """A message as Postfix kept it."""

    def look() -> bytes:
        found = world.postfix.mail(recipient)
        return next((each for each in found if f"Subject: {subject}\r\n".encode() in each), b"")

    return wait_for(look, lambda: f"{world.here.log[-3000:]} {world.postfix.log[-3000:]}")


# ---------------------------------------------------------------------- Postfix sends


def test_postfix_believes_our_certificate(world: MailWorld) -> None:
    """It asks for our TLSA record by itself, and says "Verified"."""
    assert world.postfix
    inject(world.address(10), "from postfix", "peer@postfix.test", ANNA)
    found = arrived(world.here, ANNA, b"Subject: from postfix")
    assert b"Received: from mx.postfix.test" in found
    assert "Verified TLS connection established to mail.posthouse.test[" in world.postfix.log


def test_postfix_leaves_success_to_us(world: MailWorld) -> None:
    """It passes NOTIFY, ORCPT, RET and ENVID on, as we announce DSN: the notice is ours, and goes back to it."""
    assert world.postfix
    with smtplib.SMTP(world.address(10), 25, timeout=30) as client:
        client.sendmail(
            "peer@postfix.test",
            [ANNA],
            letter("tell me", "peer@postfix.test", ANNA),
            mail_options=["RET=HDRS", "ENVID=QQ314"],
            rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;other@postfix.test"],
        )
    notice = at_postfix(world, "peer@postfix.test", "Delivered: tell me")
    assert b"Reporting-MTA: dns; mail.posthouse.test" in notice
    assert b"Original-Envelope-Id: QQ314" in notice
    assert b"Original-Recipient: rfc822; other@postfix.test" in notice
    assert b"Action: delivered" in notice


def test_postfix_is_refused(world: MailWorld) -> None:
    """It makes the notice of what we refuse, with our words."""
    assert world.postfix
    inject(world.address(10), "to nobody", "peer@postfix.test", "nobody@posthouse.test")
    notice = wait_for(
        lambda: next((each for each in world.postfix.mail("peer@postfix.test") if b"to nobody" in each), b"")
    )
    assert b"Remote-MTA: dns; mail.posthouse.test" in notice
    assert b"Status: 5.1.1" in notice


def test_international_mail_both_ways(world: MailWorld) -> None:
    """SMTPUTF8 with addresses that need it."""
    call(world.here, "alias.add", address="grün@posthouse.test", target=ANNA)
    assert world.postfix
    message = letter("from abroad", "peer@postfix.test", ANNA)
    with smtplib.SMTP(world.address(10), 25, timeout=30) as client:
        client.ehlo()
        client.command_encoding = "utf-8"
        client.mail("größe@postfix.test", ["SMTPUTF8"])
        assert client.rcpt("grün@posthouse.test")[0] == 250
        assert client.data(message)[0] == 250
    found = arrived(world.here, ANNA, b"Subject: from abroad")
    assert "Return-Path: <größe@postfix.test>".encode() in found
    assert b"UTF8SMTPS" in found
    submit(world.here, "to abroad", "jörg@postfix.test", mail_options=["SMTPUTF8"])
    found = wait_for(
        lambda: next((each for each in world.postfix.mail("jörg@postfix.test") if b"to abroad" in each), b"")
    )
    assert b"with UTF8SMTPS" in found


def test_large_mail_goes_in_chunks(world: MailWorld) -> None:
    """By BDAT, as Postfix takes it; nothing is lost or doubled."""
    assert world.postfix
    for name, value in (("remote.chunk_from", "100000"), ("remote.idle_time", "0")):
        call(world.here, "setting.set", name=name, value=value)
    lines = "".join(f".{number} line\n" for number in range(60_000))
    message = letter("large", to="large@postfix.test", text=lines)
    submit(world.here, "large", "large@postfix.test", message=message)
    found = at_postfix(world, "large@postfix.test", "large")
    assert found.endswith(lines.replace("\n", "\r\n").encode())
    wait_for(lambda: " bdat=" in world.postfix.log, lambda: world.postfix.log[-3000:])
    for name in ("remote.chunk_from", "remote.idle_time"):
        call(world.here, "setting.set", name=name, value="default")


# ---------------------------------------------------------------------- routes to what stands behind


def any_in(box: Path) -> bool:
    """Whether there is mail."""
    return any(box.glob("*"))


@pytest.fixture
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Dovecot's LMTP socket; everybody has a mailbox below ``homes`` beside it."""
    if reason := no_dovecot():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="ph-dovecot-"))
    running = Anchor(folder)
    try:
        running.start(dovecot_only=True)
        yield folder / "lmtp"
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.needs("dovecot")
def test_a_route_to_dovecot(world: MailWorld, dovecot: Path) -> None:
    """LMTP over a Unix socket, an answer for each recipient."""
    call(world.here, "route.add", recipient="inner.test", protocol="lmtp", target=str(dovecot))
    submit(world.here, "inside", ["erna@inner.test", "otto@inner.test"])
    for name in ("erna", "otto"):
        box = dovecot.parent / "homes" / f"{name}@inner.test" / "mail" / "new"
        wait_for(partial(any_in, box), lambda: world.here.log[-3000:])
        (path,) = box.iterdir()
        assert b"Subject: inside" in path.read_bytes()
        assert b"with LMTP" in path.read_bytes()


def test_a_route_to_a_command(world: MailWorld, tmp_path: Path) -> None:
    """The command gets the message; its exit code is the answer."""
    target = tmp_path / "got"
    script = tmp_path / "take.py"
    script.write_text(
        "import os, sys\n"
        f"open({str(target)!r}, 'ab').write(sys.stdin.buffer.read())\n"
        "sys.exit(67 if os.environ['LOCAL'] == 'gone' else 0)\n"
    )
    command = [sys.executable, str(script)]
    call(world.here, "route.add", recipient="piped.test", protocol="pipe", command=command)
    submit(world.here, "into the pipe", "robot@piped.test")
    wait_for(lambda: target.exists() and b"Subject: into the pipe" in target.read_bytes())
    submit(world.here, "pipe says no", "gone@piped.test")
    assert b"Status: 5." in arrived(world.here, ANNA, b"Final-Recipient: rfc822; gone@piped.test")


# ---------------------------------------------------------------------- clients that hand in


def run(*command: str, **more: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("swaks")
def test_swaks_reaches_the_outside(world: MailWorld) -> None:
    run(
        "swaks", "--server", f"127.0.0.1:{world.here.submission}", "--tls", "--auth", "PLAIN", "--auth-user", ANNA,
        "--auth-password", PASSWORD, "--from", ANNA, "--to", CARL, "--header", "Subject: by swaks",
    )  # fmt: skip
    assert b"Subject: by swaks" in arrived(world.there, CARL, b"by swaks")


@pytest.mark.needs("msmtp")
def test_msmtp_asks_for_a_notice(world: MailWorld, tmp_path: Path) -> None:
    """Its DSN options travel to the second Posthouse, whose notice it is."""
    config = tmp_path / "msmtprc"
    config.write_text(
        f"account a\nhost 127.0.0.1\nport {world.here.submission}\nauth plain\nuser {ANNA}\npassword {PASSWORD}\n"
        f"tls on\ntls_certcheck off\nfrom {ANNA}\n"
    )
    config.chmod(0o600)
    run(
        "msmtp", "-C", str(config), "-a", "a", "--dsn-notify=success", "--dsn-return=headers", CARL,
        input=letter("by msmtp").decode(),
    )  # fmt: skip
    arrived(world.there, CARL, b"Subject: by msmtp")
    notice = arrived(world.here, ANNA, b"Action: delivered", b"by msmtp")
    assert b"Reporting-MTA: dns; mx.second.test" in notice


@pytest.mark.needs("curl")
def test_curl_reaches_the_outside(world: MailWorld, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(letter("by curl"))
    run(
        "curl", "-sS", "-k", f"smtps://127.0.0.1:{world.here.submissions}", "--user", f"{ANNA}:{PASSWORD}",
        "--mail-from", ANNA, "--mail-rcpt", CARL, "-T", str(tmp_path / "mail"),
    )  # fmt: skip
    arrived(world.there, CARL, b"Subject: by curl")


@pytest.mark.needs("neomutt")
def test_neomutt_asks_for_a_notice(world: MailWorld, tmp_path: Path) -> None:
    user = ANNA.replace("@", "%40")
    (tmp_path / "rc").write_text(
        f'set from = "{ANNA}"\nset realname = "Anna"\nset folder = "{tmp_path}"\nset copy = no\nset record = ""\n'
        f'set smtp_url = "smtp://{user}:{PASSWORD}@127.0.0.1:{world.here.submission}/"\n'
        "set ssl_force_tls = yes\nset ssl_verify_host = no\n"
        f'set certificate_file = "{tmp_path}/certificates"\nset smtp_authenticators = "plain"\n'
        'set dsn_notify = "success,failure"\nset dsn_return = "hdrs"\n'
    )
    shown = ssl.get_server_certificate(("127.0.0.1", world.here.submissions))
    (tmp_path / "certificates").write_text(shown)
    run(
        "neomutt", "-n", "-F", str(tmp_path / "rc"), "-s", "by neomutt", "--", CARL,
        input="hello\n", env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )  # fmt: skip
    arrived(world.there, CARL, b"Subject: by neomutt")
    notice = arrived(world.here, ANNA, b"Action: delivered", b"by neomutt")
    assert b"Reporting-MTA: dns; mx.second.test" in notice


def test_nothing_is_left_over(world: MailWorld) -> None:
    """Every message of this file was taken, came back, or waits with a reason."""
    for row in world.queued(""):
        assert row["reason"], row
    assert mailbox(world.here, ANNA)
