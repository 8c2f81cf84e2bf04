"""People as their mail programs and senders meet them: ways in, masked and further addresses, over real doors."""

from __future__ import annotations

import http.client
import imaplib
import json
import poplib
import smtplib
from collections.abc import Iterator

import pytest
from running import PASSWORD, RunningServer
from test_04_sending import letter

pytestmark = pytest.mark.timeout(300)

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """posthouse.test with two people."""
    made = RunningServer(tmp_path_factory.mktemp("people"))
    try:
        made.add_domain()
        made.add_account(ANNA)
        made.add_account(BERT)
        made.command("setting", "set", "signin.free_failures", "100")
        made.start()
        yield made
    finally:
        made.kill()


def told(server: RunningServer, *words: str) -> dict[str, object]:
    """What a command answers as JSON."""
    found: dict[str, object] = json.loads(server.command(*words, "--json").stdout)
    return found


def signs_in(server: RunningServer, login: str) -> bool:
    """By IMAP, in the clear on loopback or with STARTTLS."""
    client = imaplib.IMAP4("127.0.0.1", server.imap)
    try:
        client.starttls()
        client.login(login, PASSWORD)
    except imaplib.IMAP4.error:
        return False
    finally:
        client.shutdown()
    return True


def answer(server: RunningServer, recipient: str) -> int:
    """The code with which a stranger's recipient is answered."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.ehlo("third.test")
        client.mail("writer@third.test")
        return client.rcpt(recipient)[0]


def write(server: RunningServer, recipient: str, subject: str) -> None:
    """A letter from outside."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail("writer@third.test", [recipient], letter(subject, "writer@third.test"))


def headers(server: RunningServer, login: str, subject: str) -> str:
    """The header of the message with this subject in somebody's Inbox."""
    client = imaplib.IMAP4("127.0.0.1", server.imap)
    try:
        client.starttls()
        client.login(login, PASSWORD)
        client.select("INBOX", readonly=True)
        found = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        assert len(found) == 1
        return client.fetch(found[0].decode(), "(BODY.PEEK[HEADER])")[1][0][1].decode()
    finally:
        client.shutdown()


def test_a_way_that_is_not_allowed_answers_like_a_wrong_password(server: RunningServer) -> None:
    """Also from a network that is not allowed; the log tells why."""
    assert signs_in(server, BERT)
    server.command("account", "change", BERT, "--protocols", "pop3,web")
    assert not signs_in(server, BERT)
    server.command("account", "change", BERT, "--protocols", "all", "--networks", "192.0.2.0/24")
    assert not signs_in(server, BERT)
    server.command("account", "change", BERT, "--networks", "127.0.0.0/8,::1")
    assert signs_in(server, BERT)
    assert "protocol not allowed for this account" in server.log
    assert "network not allowed for this account" in server.log


def test_a_further_address_receives_and_signs_in(server: RunningServer) -> None:
    """At once after it was given, and no more once it is taken away."""
    assert answer(server, "a.nna@posthouse.test") == 550
    server.command("account", "address", "add", ANNA, "a.nna@posthouse.test")
    write(server, "a.nna@posthouse.test", "to the second name")
    assert "Delivered-To: anna@posthouse.test" in headers(
        server, "a.nna@posthouse.test", "to the second name"
    )
    server.command("account", "address", "remove", ANNA, "a.nna@posthouse.test")
    assert answer(server, "a.nna@posthouse.test") == 550
    assert not signs_in(server, "a.nna@posthouse.test")


def test_an_alias_that_is_off_is_nobody(server: RunningServer) -> None:
    """And leads to all its targets while it is on."""
    server.command("alias", "add", "both@posthouse.test", ANNA, BERT)
    write(server, "both@posthouse.test", "to both of them")
    assert headers(server, ANNA, "to both of them")
    assert headers(server, BERT, "to both of them")
    server.command("alias", "change", "both@posthouse.test", "--off")
    assert answer(server, "both@posthouse.test") == answer(server, "nobody@posthouse.test") == 550


def test_a_renamed_account_keeps_its_mail(server: RunningServer) -> None:
    """Under both names, as long as the old one is kept."""
    server.add_account("carl@posthouse.test")
    write(server, "carl@posthouse.test", "before the new name")
    server.command("account", "rename", "carl@posthouse.test", "charles@posthouse.test")
    for name in ("charles@posthouse.test", "carl@posthouse.test"):
        assert headers(server, name, "before the new name")
    assert told(server, "account", "show", "charles@posthouse.test")["addresses"] == ["carl@posthouse.test"]


def test_an_emptied_account_keeps_its_folders(server: RunningServer) -> None:
    """And everybody who is signed in to it can be sent away."""
    server.add_account("emil@posthouse.test")
    for number in range(3):
        write(server, "emil@posthouse.test", f"number {number}")
    client = poplib.POP3("127.0.0.1", server.pop3)
    client.stls()
    client.user("emil@posthouse.test")
    client.pass_(PASSWORD)
    assert client.stat()[0] == 3
    assert told(server, "account", "sign-out", "emil@posthouse.test")["connections"] == 1
    with pytest.raises((poplib.error_proto, OSError)):
        _ = [client.noop() for _ in range(2)]
    client.close()
    assert told(server, "account", "empty", "emil@posthouse.test", "--yes")["messages"] == 3
    assert told(server, "account", "show", "emil@posthouse.test")["messages"] == 0


def test_a_masked_address_takes_what_it_should(server: RunningServer) -> None:
    """Made with a token of its owner's; two messages arrive and name it, the third is for nobody."""
    token = told(server, "token", "add", ANNA, "masks", "--right", "view", "--right", "change")
    headers_of_ours = {"Authorization": f"Bearer {token['token']}", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: dict[str, object] | None = None) -> tuple[int, dict[str, object]]:
        client = http.client.HTTPConnection("127.0.0.1", server.http, timeout=30)
        try:
            client.request(method, f"/api/v1{path}", json.dumps(body) if body else None, headers_of_ours)
            found = client.getresponse()
            return found.status, json.loads(found.read() or b"{}")
        finally:
            client.close()

    status, made = ask("POST", "/me/masked", {"prefix": "shop", "note": "the shop", "most": 2})
    assert status == 201
    address = str(made["address"])
    for number in range(2):
        assert answer(server, address) == 250
        write(server, address, f"offer number {number}")
        assert f"X-Original-To: {address}" in headers(server, ANNA, f"offer number {number}")
    assert answer(server, address) == 550
    status, changed = ask("PATCH", f"/me/masked/{address}", {"most": 0})
    assert (status, changed["used"], changed["takes_mail"]) == (200, 2, True)
    assert answer(server, address) == 250
    server.command("account", "masked", "off", ANNA, address)
    assert answer(server, address) == 550
    assert ask("DELETE", f"/me/masked/{address}")[0] == 200
    assert told(server, "account", "masked", "list", ANNA)["masked"] == []
