"""A whole server whose accounts are those of a directory: first sign-in, synchronisation, an outage."""

from __future__ import annotations

import imaplib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ldap_servers import BASE, PASSWORD, READER, READER_PASSWORD, Slapd, group, person
from running import RunningServer

ANNA, BERT = "anna@corp.test", "bert@corp.test"


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    found = Slapd(person("anna", displayName="Anna Arndt"), person("bert"), group("staff", "anna"))
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    found = RunningServer(tmp_path / "posthouse")
    found.add_domain("corp.test")
    try:
        found.start()
        yield found
    finally:
        found.stop()


def signs_in(server: RunningServer, login: str, password: str = PASSWORD) -> bool:
    client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
    try:
        client.login(login, password)
    except imaplib.IMAP4.error:
        return False
    finally:
        client.shutdown()
    return True


def soon(what: Callable[[], bool]) -> bool:
    """Workers hear of a change within a second; wait as long as a busy machine needs."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.2)
    return False


def told(server: RunningServer, *words: str) -> dict[str, object]:
    return dict(json.loads(server.command(*words, "--json").stdout))


@pytest.mark.needs("slapd", "ldapmodify")
def test_the_accounts_of_a_directory(server: RunningServer, slapd: Slapd) -> None:
    server.command("group", "add", "staff")
    server.command(
        "source", "add", "ldap", "corp", "--server", f"ldaps://127.0.0.1:{slapd.tls_port}",
        "--ca-file", slapd.ca_file, "--domain", "corp.test", "--create", "--cache-hours", "1",
        "--bind-dn", READER, "--secret-stdin", "--search-base", f"ou=people,{BASE}", "--most-disabled", "50",
        "--map", f"cn=staff,ou=groups,{BASE} => group:staff",
        stdin=READER_PASSWORD + "\n",
    )  # fmt: skip

    # The first sign-in makes the account, a wrong password none.
    assert soon(lambda: signs_in(server, ANNA)), server.log[-3000:]
    assert not signs_in(server, BERT, "wrong")
    assert "bert" not in server.command("account", "list").stdout
    assert told(server, "account", "show", ANNA)["display_name"] == "Anna Arndt"

    # A synchronisation shows what it would do, and then does it.
    shown = told(server, "source", "preview", "corp")
    assert (shown["create"], shown["joins"]) == ([BERT], [f"{ANNA}: group staff"])
    assert "bert" not in server.command("account", "list").stdout
    server.command("source", "sync", "corp")
    assert signs_in(server, BERT)
    assert ANNA in server.command("group", "show", "staff").stdout

    # Who is gone is switched off and keeps everything; who comes back is switched on.
    slapd.change(f"dn: uid=bert,ou=people,{BASE}\nchangetype: delete\n")
    assert told(server, "source", "sync", "corp")["disable"] == [BERT]
    assert told(server, "account", "show", BERT)["active"] is False
    slapd.change(person("bert").replace("objectClass", "changetype: add\nobjectClass", 1))
    assert told(server, "source", "sync", "corp")["enable"] == [BERT]
    assert told(server, "account", "show", BERT)["active"] is True

    # While the directory is away the last password counts, and nobody is switched off.
    assert signs_in(server, ANNA)
    slapd.stop()
    server.command("setting", "set", "signin.remember", "0")
    assert soon(lambda: signs_in(server, ANNA))
    assert not signs_in(server, ANNA, "wrong")
    assert server.command("source", "sync", "corp", check=False).returncode != 0
    assert told(server, "account", "show", ANNA)["active"] is True
    assert READER_PASSWORD not in server.log + server.command("source", "show", "corp").stdout
