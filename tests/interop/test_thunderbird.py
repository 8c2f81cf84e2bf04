"""The real Thunderbird: it finds its settings, reads what others share, shows rights, sends as a shared mailbox, and
signs in by our page in its browser window."""

from __future__ import annotations

import imaplib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer
from thunderbird import HOST, Thunderbird, running_thunderbird

pytestmark = [pytest.mark.needs("thunderbird"), pytest.mark.timeout(400)]

ANNA, BERT, INFO = "anna@posthouse.test", "bert@posthouse.test", "info@posthouse.test"
MANUAL = Path(__file__).parent.parent.parent / "docs" / "manual" / "oauth.md"
BACK = "https://localhost:4434"
"""Where nobody answers, as on a person's own machine; port 443 leads to our server here."""
PROJECTS, NEWS, INBOX = f"Shared/{BERT}/Projects", "Public/News", f"Shared/{INFO}/INBOX"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Anna sees a folder of Bert's, a public folder, and a shared mailbox."""
    server = RunningServer(tmp_path_factory.mktemp("thunderbird") / "server")
    server.add_domain()
    for address in (ANNA, BERT):
        server.add_account(address)
    server.command("folder", "add", "News")
    server.command("folder", "acl", "News", "anyone", "lrs")
    server.command("folder", "acl", "News", BERT, "all")
    server.command("shared-mailbox", "add", INFO, "--member", ANNA)
    server.command("setting", "set", "oauth.server", "true")
    server.command("setting", "set", "oauth.issuer", f"https://{HOST}")
    server.start()
    with imaplib.IMAP4("127.0.0.1", server.imap) as bert:
        bert.login(BERT, PASSWORD)
        assert bert.create("Projects")[0] == "OK"
        assert bert.setacl("Projects", ANNA, "lrsw")[0] == "OK"
        for folder, subject, text in (("Projects", "Plans", "We meet."), (NEWS, "Issue 7", "All is well.")):
            letter = f"From: {BERT}\r\nTo: {ANNA}\r\nSubject: {subject}\r\n\r\n{text}\r\n"
            done = bert.append(folder, "", "", letter.encode())
            assert done[0] == "OK", done
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture
def client(server: RunningServer, tmp_path: Path) -> Iterator[Thunderbird]:
    """A new Thunderbird."""
    with running_thunderbird(tmp_path / "thunderbird", server) as client:
        yield client


def test_shared_folders(client: Thunderbird, server: RunningServer) -> None:
    """Settings by autoconfig, folders of others in "Subscribe" and in the tree, their messages, the rights in "Folder
    Properties", and a message in the name of the shared mailbox with its copy there."""
    found = client.do("setUp", address=ANNA, name="Anna", password=PASSWORD)
    assert found == [HOST, server.imaps, server.submissions]
    assert client.do("openInbox") == 0
    for name in (PROJECTS, NEWS, INBOX):
        offered = client.do("subscribe", name=name)
        assert {f"Shared/{INFO}/Sent", PROJECTS, NEWS} <= set(offered)
    assert {PROJECTS, NEWS, INBOX} <= set(client.do("folders"))

    for name, subject, text in ((PROJECTS, "Plans", "We meet."), (NEWS, "Issue 7", "All is well.")):
        shown = client.do("read", name=name)
        assert subject in shown["subject"]
        assert shown["text"].endswith(text)

    assert client.do("properties", name="INBOX") == {
        "type": "Personal Folder",
        "description": "This is a personal mail folder.  It is not shared.",
        "permissions": "Full Control",
        "others": "",
    }
    theirs = client.do("properties", name=PROJECTS)
    assert theirs["type"] == "Other User's Folder"
    assert BERT in theirs["description"]
    assert theirs["permissions"] == "Read, Write, Lookup, Set Read/Unread State"
    public = client.do("properties", name=NEWS)
    assert (public["type"], public["permissions"]) == ("Public Folder", "Read, Lookup, Set Read/Unread State")
    shared = client.do("properties", name=INBOX)["permissions"].split(", ")
    assert {"Insert (Copy Into)", "Delete Messages", "Expunge", "Create Subfolder", "Post"} <= set(shared)
    assert "Administer Folder" not in shared

    client.do("send", **{"from": INFO, "to": BERT, "subject": "In our name", "text": "So it is."})
    header = newest(server, BERT, "INBOX")
    assert f"From: {INFO}" in header
    assert "Subject: In our name" in header
    assert "Subject: In our name" in newest(server, ANNA, f"Shared/{INFO}/Sent")


def test_sign_in_by_browser_page(client: Thunderbird, server: RunningServer, tmp_path: Path) -> None:
    """OAuth2 with the add-on that the manual describes: our page in Thunderbird's window, then mail in and out by
    token, and the agreement shows for the account."""
    added = server.command("oauth", "client", "add", "Thunderbird", "--redirect-uri", BACK, "--json")
    client.install(add_on(json.loads(added.stdout)["client_id"]), tmp_path)
    client.do("setUp", address=ANNA, name="Anna", password="")
    client.do("startSignIn")
    assert {"login", "password"} <= set(client.do("page", word="Password")["names"])
    client.do("fill", values={"login": ANNA, "password": PASSWORD}, press="form button[type=submit]")
    agreement = client.do("page", word="Thunderbird")
    assert agreement["url"].startswith(f"https://{HOST}/oauth/authorize?")
    client.do("fill", values={}, press="button[name=decision][value=yes]")
    client.do("pageGone")
    client.do("signedIn")
    client.do("send", **{"from": ANNA, "to": BERT, "subject": "By token", "text": "So it is."})
    assert "Subject: By token" in newest(server, BERT, "INBOX")
    grants = json.loads(server.command("oauth", "grant", "list", ANNA, "--json").stdout)
    assert "Thunderbird" in json.dumps(grants)


def add_on(client_id: str) -> dict[str, object]:
    """The add-on's manifest, as docs/manual/oauth.md has it."""
    text = MANUAL.read_text("utf-8")
    block = re.search(r"^    \{$.*?^    \}$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    found = block[0].replace("mail.example.org", HOST).replace("THE CLIENT ID", client_id)
    manifest: dict[str, dict[str, object]] = json.loads(found)
    manifest["oauth_provider"]["redirectionEndpoint"] = BACK
    return dict(manifest)


def newest(server: RunningServer, address: str, folder: str) -> str:
    """The header of the newest message of a folder, once there is one."""
    limit = time.monotonic() + 20
    with imaplib.IMAP4("127.0.0.1", server.imap) as client:
        client.login(address, PASSWORD)
        while True:
            count = client.select(f'"{folder}"', readonly=True)[1][0]
            if count not in (None, b"0"):
                part = client.fetch(count.decode(), "(BODY.PEEK[HEADER])")[1][0]
                assert isinstance(part, tuple)
                return bytes(part[1]).decode()
            assert time.monotonic() < limit, f"nothing in {folder}"
            time.sleep(0.2)
