"""Mail that is forwarded, forwards that fail, and reports about TLS: two servers, each the other's outside world."""

from __future__ import annotations

import gzip
import json
import smtplib
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser

import pytest
from dns_server import DnsServer
from running import PASSWORD, RunningServer
from test_04_sending import arrived, letter, mailbox, submit

pytestmark = pytest.mark.timeout(300)

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
CARL, DORA = "carl@elsewhere.test", "dora@elsewhere.test"
DAY_BEFORE = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningServer, RunningServer]]:
    """The servers of posthouse.test and of elsewhere.test, which asks for reports about TLS."""
    here = RunningServer(tmp_path_factory.mktemp("here"))
    there = RunningServer(tmp_path_factory.mktemp("there"))
    there.config.write_text(there.config.read_text().replace("mail.posthouse.test", "mx.elsewhere.test"))
    rua = '_smtp._tls.elsewhere.test. 300 TXT "v=TLSRPTv1; rua=mailto:tlsrpt@elsewhere.test"'
    with DnsServer(rua) as dns:
        try:
            for server, other, domain, foreign in (
                (here, there, "posthouse.test", "elsewhere.test"),
                (there, here, "elsewhere.test", "posthouse.test"),
            ):
                server.add_domain(domain)
                target = f"127.0.0.1:{other.smtp}"
                server.command("route", "add", foreign, "--target", target, "--tries", "2", "--minutes", "1")
                server.command("setting", "set", "dns.servers", dns.place)
                server.command("setting", "set", "smtp.max_own_received", "20")
            here.command("setting", "set", "tlsrpt.send_interval", "1")
            for account in (ANNA, BERT):
                here.add_account(account)
            for account in (CARL, DORA):
                there.add_account(account)
            here.start()
            there.start()
            yield here, there
        finally:
            here.kill()
            there.kill()


def write(server: RunningServer, sender: str, to: str, subject: str) -> None:
    """A letter from outside."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail(sender, [to], letter(subject, sender or "mailer-daemon@third.test"))


def submit_as(server: RunningServer, login: str, sender: str, to: str) -> None:
    """A letter of somebody who signs in with another of their addresses."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(login, PASSWORD)
        client.sendmail(sender, [to], letter("not wanted", sender))


def subjects(server: RunningServer, user: str) -> list[str]:
    parse = BytesParser(policy=policy.default).parsebytes
    return [str(parse(each)["Subject"]) for each in mailbox(server, user)]


def forward(server: RunningServer, *arguments: str) -> None:
    server.command("account", "forward", *arguments)


def test_it_arrives_with_a_sender_of_ours(pair: tuple[RunningServer, RunningServer]) -> None:
    """The message itself is as it was; no copy stays where none is wanted."""
    here, there = pair
    here.command("dkim", "make", "posthouse.test")
    forward(here, "set", ANNA, CARL, "--no-keep")
    write(here, "erik@third.test", ANNA, "sent on")
    found = arrived(there, CARL, lambda each: b"Subject: sent on" in each)
    assert found.startswith(b"Return-Path: <SRS0=")
    assert b"@posthouse.test>" in found.splitlines()[0]
    assert b"Delivered-To: anna@posthouse.test" in found
    assert found.endswith("Grüße aus dem Posthaus.\r\n.\r\nEnde\r\n".encode())
    assert mailbox(here, ANNA) == []
    write(here, "", ANNA, "from nobody")
    assert arrived(there, CARL, lambda each: b"from nobody" in each).startswith(b"Return-Path: <>")
    forward(here, "set", ANNA, CARL)
    write(here, "erik@third.test", ANNA, "twice")
    arrived(there, CARL, lambda each: b"Subject: twice" in each)
    arrived(here, ANNA, lambda each: b"Subject: twice" in each)
    limit = time.monotonic() + 60
    while waiting := json.loads(here.command("queue", "list", "--json").stdout)["messages"]:
        assert time.monotonic() < limit, waiting  # it is there before we have its answer
        time.sleep(0.2)


def test_a_circle_of_two_servers_ends(pair: tuple[RunningServer, RunningServer]) -> None:
    """Each forwards to the other: the mail comes round once, and stays."""
    here, there = pair
    forward(here, "set", BERT, DORA, "--no-keep")
    forward(there, "set", DORA, BERT, "--no-keep")
    write(here, "erik@third.test", BERT, "round and round")
    arrived(here, BERT, lambda each: b"Subject: round and round" in each)
    assert subjects(here, BERT) == ["round and round"]
    assert subjects(there, DORA) == []
    forward(here, "clear", BERT)
    forward(there, "clear", DORA)


def test_a_failing_forward_keeps_the_mail(pair: tuple[RunningServer, RunningServer]) -> None:
    """The owner has the mail and a word in plain language; who wrote it hears nothing."""
    here, _ = pair
    forward(here, "set", BERT, "nobody@elsewhere.test", "--no-keep")
    submit(here, letter("important"), ANNA, BERT)
    found = arrived(here, BERT, lambda each: b"Subject: important" in each)
    assert found.startswith(f"Return-Path: <{ANNA}>\r\n".encode())
    notice = arrived(here, BERT, lambda each: b"does not work" in each)
    parsed = BytesParser(policy=policy.default).parsebytes(notice)
    assert parsed["Subject"] == "Your forward to nobody@elsewhere.test does not work"
    text = parsed.get_content()
    assert "It is in your INBOX here" in text
    assert "No such user" in text
    shown = json.loads(here.command("account", "forward", "show", BERT, "--json").stdout)
    assert shown["targets"][0]["state"] == "failing"
    assert "No such user" in shown["targets"][0]["trouble"]
    submit(here, letter("the next"), ANNA, BERT)
    arrived(here, BERT, lambda each: b"Subject: the next" in each)
    assert len([each for each in subjects(here, BERT) if "does not work" in each]) == 1
    assert not [each for each in mailbox(here, ANNA) if b"multipart/report" in each]


def test_a_notice_follows_the_forward(pair: tuple[RunningServer, RunningServer]) -> None:
    """Somebody whose mail goes elsewhere reads there that a letter of theirs was returned."""
    here, there = pair
    forward(here, "set", ANNA, CARL, "--no-keep")
    submit(here, letter("to nobody"), ANNA, "nobody-at-all@elsewhere.test")
    found = arrived(there, CARL, lambda each: b"nobody-at-all@elsewhere.test" in each)
    assert b"multipart/report" in found
    forward(here, "clear", ANNA)


def test_suppression_counts_for_the_account(pair: tuple[RunningServer, RunningServer]) -> None:
    """Whichever of their addresses somebody writes from."""
    here, there = pair
    here.command("alias", "add", "office@posthouse.test", ANNA)
    here.command("suppression", "add", DORA, "--account", ANNA)
    for sender in (ANNA, "office@posthouse.test"):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="suppression list"):
            submit_as(here, ANNA, sender, DORA)
    submit(here, letter("wanted", BERT), BERT, DORA)
    arrived(there, DORA, lambda each: b"Subject: wanted" in each)


def test_a_day_of_tls_becomes_a_report(pair: tuple[RunningServer, RunningServer]) -> None:
    """What is noted of a day that is over leaves as a report; the other server delivers it to its postmaster, reads it,
    and shows what it says."""
    here, there = pair
    row = (DAY_BEFORE, "elsewhere.test", b"\1" * 32, "no-policy-found", "", "", "", "", "", 7)
    path = f"file:{next(here.data.glob('*.db'))}"
    with closing(sqlite3.connect(path, uri=True, timeout=30)) as database, database:
        names = [each[1] for each in database.execute("PRAGMA table_info(tls_results)")]
        wanted = ("day", "domain", "digest", "kind", "lines", "hosts", "host", "source", "result", "sessions")
        assert sorted(names) == sorted((*wanted, "id"))
        database.execute(
            f"INSERT INTO tls_results ({','.join(wanted)}) VALUES ({','.join('?' * len(row))})", row
        )
    found = arrived(there, CARL, lambda each: b"TLS-Report-Domain: elsewhere.test" in each)
    parsed = BytesParser(policy=policy.default).parsebytes(found)
    assert parsed["Return-Path"] == "<>"
    packed = next(each for each in parsed.walk() if each.get_content_type() == "application/tlsrpt+gzip")
    report = json.loads(gzip.decompress(packed.get_payload(decode=True)))  # type: ignore[arg-type]
    assert report["policies"][0]["summary"]["total-successful-session-count"] == 7
    limit = time.monotonic() + 60
    while True:
        shown = json.loads(there.command("tls", "reports", "--json").stdout)
        if shown["reports"]:
            break
        assert time.monotonic() < limit, there.log[-3000:]
        time.sleep(0.2)
    assert shown["reports"][0]["domain"] == "elsewhere.test"
    assert shown["reports"][0]["good"] == 7
    assert "Traceback" not in here.log + there.log
