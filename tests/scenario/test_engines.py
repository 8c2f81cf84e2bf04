"""The whole server on PostgreSQL and on MariaDB: it makes its tables, takes mail, lets it be read and changed,
and finds it all again."""

from __future__ import annotations

import contextlib
import imaplib
import json
import poplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer
from servers import Absent, MariadbServer, PostgresqlServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
BODY = "Subject: Grüße\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n.\r\nHellö 🐎\r\n".encode()


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> Iterator[PostgresqlServer | MariadbServer]:
    """A private database server."""
    kind = PostgresqlServer if request.param == "postgresql" else MariadbServer
    try:
        made = kind()
    except Absent as absent:
        pytest.skip(str(absent))
    yield made
    made.close()


def start(engine: PostgresqlServer | MariadbServer, folder: Path, workers: int) -> RunningServer:
    """A running server on a new, empty database."""
    server = RunningServer(folder, workers=workers, database_url=engine.make())
    server.start()
    try:
        server.add_domain()
        for address in (ANNA, BERT):
            server.add_account(address)
    except BaseException:
        server.kill()
        raise
    return server


@pytest.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
def server(
    engine: PostgresqlServer | MariadbServer, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[RunningServer]:
    running = start(engine, tmp_path / "server", request.param)
    try:
        yield running
    finally:
        running.kill()
    assert "Traceback" not in running.log, running.log[-4000:]


def send(server: RunningServer, recipients: list[str], message: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail("a@elsewhere.example", recipients, message, ["BODY=8BITMIME"])


def sign_in(server: RunningServer, user: str = ANNA) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
    client.login(user, PASSWORD)
    return client


def ask(client: imaplib.IMAP4, name: str, *arguments: str) -> list[bytes]:
    """A command's data, in any UTF-8; fails when the answer is not OK."""
    answer, data = (
        client.uid(name, *arguments)
        if name in ("FETCH", "STORE", "MOVE", "COPY", "SEARCH")
        else (
            client._simple_command(name, *arguments)  # type: ignore[attr-defined]
        )
    )
    assert answer == "OK", data
    return [row[1] if isinstance(row, tuple) else row for row in data if row is not None]


def uids(client: imaplib.IMAP4, mailbox: str) -> list[int]:
    assert client.select(mailbox)[0] == "OK"
    return [int(uid) for uid in b" ".join(ask(client, "SEARCH", "ALL")).split()]


@pytest.mark.timeout(240)
def test_mail_is_taken_read_changed_and_found_again(server: RunningServer, trusting: ssl.SSLContext) -> None:
    """SMTP in, IMAP flags, keywords, copy, move, append and expunge, POP3 out and delete; verify is content;
    a restart shows the same state."""
    for number in range(5):
        send(server, [ANNA, BERT], b"X-Number: %d\r\n" % number + BODY)
    client = sign_in(server)
    assert uids(client, "INBOX") == [1, 2, 3, 4, 5]
    [whole] = [row for row in ask(client, "FETCH", "3", "(BODY.PEEK[])") if len(row) > 50]
    assert whole[whole.index(b"X-Number") :] == b"X-Number: 2\r\n" + BODY
    ask(client, "STORE", "1", "+FLAGS", r"(\Seen \Flagged Gelb)")
    assert ask(client, "SEARCH", "KEYWORD", "gelb") == [b"1"]
    assert client.create('"Ablage/J&APw-rgen &2D3cDg-"')[0] == "OK"
    ask(client, "MOVE", "2", '"Ablage/J&APw-rgen &2D3cDg-"')
    ask(client, "COPY", "1,3", "Archive")
    ask(client, "STORE", "4", "+FLAGS", r"(\Deleted)")
    assert client.expunge()[0] == "OK"
    assert client.append("Drafts", r"(\Draft)", "", BODY)[0] == "OK"
    assert client.create("Archive/Weg")[0] == "OK"
    assert client.delete("Archive/Weg")[0] == "OK"

    pop = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=trusting, timeout=30)
    pop.user(ANNA)
    pop.pass_(PASSWORD)
    assert pop.stat()[0] == 3
    assert b"\r\n".join(pop.retr(2)[1]).endswith(BODY.rstrip(b"\r\n"))
    pop.dele(2)
    pop.quit()
    limit = time.monotonic() + 10
    while uids(client, "INBOX") != [1, 5]:
        assert time.monotonic() < limit
    client.logout()

    before = state(server)
    assert before["INBOX"] == {1: {"\\Seen", "\\Flagged", "Gelb"}, 5: set()}
    assert before["Archive"][1] == {"\\Seen", "\\Flagged", "Gelb"}
    assert len(before['"Ablage/J&APw-rgen &2D3cDg-"']) == 1
    check(server)
    assert server.stop() == 0
    check(server)
    server.start()
    assert state(server) == before
    send(server, [ANNA], BODY)
    client = sign_in(server)
    assert uids(client, "INBOX") == [1, 5, 6]
    client.logout()


def state(server: RunningServer) -> dict[str, dict[int, set[str]]]:
    """The flags of every message of every mailbox of anna (without \\Recent, which a session takes away)."""
    client = sign_in(server)
    found: dict[str, dict[int, set[str]]] = {}
    for row in client.list()[1]:
        assert isinstance(row, bytes)
        name = row.decode().split('"/" ', 1)[1]
        assert client.select(name, readonly=True)[0] == "OK"
        found[name] = {}
        for line in client.uid("FETCH", "1:*", "(FLAGS)")[1]:
            if line:
                text = line.decode()
                flags = text.split("FLAGS (", 1)[1].split(")", 1)[0].split()
                found[name][int(text.split("UID ", 1)[1].split()[0].rstrip(")"))] = set(flags) - {"\\Recent"}
    client.logout()
    return found


def check(server: RunningServer) -> None:
    report = json.loads(server.command("verify", "--json").stdout)
    assert report["error_count"] == 0, report
    assert report["messages"] > 0


@pytest.mark.timeout(240)
def test_workers_tell_one_another(engine: PostgresqlServer | MariadbServer, tmp_path: Path) -> None:
    """Sessions that idle in either worker hear of mail and flags that came through the other."""
    server = start(engine, tmp_path / "server", 2)
    try:
        with contextlib.ExitStack() as stack:
            idlers = []
            for _ in range(8):  # the kernel spreads them: that all meet in one worker is most unlikely
                client = sign_in(server)
                stack.callback(client.shutdown)
                client.select()
                client.send(b"x IDLE\r\n")
                assert client.readline().startswith(b"+")
                idlers.append(client)
            for number in range(1, 5):
                send(server, [ANNA], BODY)
                began = time.monotonic()
                for client in idlers:
                    heard(client, b"* %d EXISTS\r\n" % number)
                assert time.monotonic() - began < 10
            other = sign_in(server)
            stack.callback(other.shutdown)
            other.select()
            other.store("2", "+FLAGS", r"(\Flagged)")
            for client in idlers:
                assert b"\\Flagged" in heard(client, b"* 2 FETCH ")
        server.command("account", "password", ANNA, "--password-stdin", stdin="another-one\n")
        for _ in range(6):  # whichever worker answers
            with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
                assert client.login(ANNA, "another-one")[0] == "OK"
        assert server.stop() == 0
        assert "Traceback" not in server.log, server.log[-4000:]
    finally:
        server.kill()


def heard(client: imaplib.IMAP4, start: bytes) -> bytes:
    while not (line := client.readline()).startswith(start):
        assert line.startswith(b"* "), line
    return line


@pytest.mark.timeout(240)
def test_the_database_goes_away_and_comes_back(tmp_path: Path) -> None:
    """While PostgreSQL is down mail is answered with 4xx and sign-in with a temporary error, nothing is
    acknowledged; when it is back the server goes on by itself."""
    try:
        engine = PostgresqlServer()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        server = start(engine, tmp_path / "server", 1)
        try:
            send(server, [ANNA], BODY)
            engine.stop()
            with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)) as refused:
                send(server, [BERT], BODY)
            assert code_of(refused.value) // 100 == 4
            engine.start_again()
            limit = time.monotonic() + 40
            while True:
                try:
                    send(server, [ANNA], BODY)
                    break
                except smtplib.SMTPException:
                    assert time.monotonic() < limit
                    time.sleep(0.3)
            reader = sign_in(server)
            assert uids(reader, "INBOX") == [1, 2]
            reader.logout()
            assert server.stop() == 0
            assert "Traceback" not in server.log, server.log[-4000:]
        finally:
            server.kill()
    finally:
        engine.close()


def code_of(error: BaseException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0]
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code
