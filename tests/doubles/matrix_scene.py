"""Everything that mail can be sent from and to, on one running server, with a double as the world outside."""

from __future__ import annotations

import http.client
import imaplib
import json
import re
import smtplib
import socketserver
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import PASSWORD, RunningServer

from posthouse.cli.client import ControlClient

PEOPLE = ("anna", "bert", "carl", "ella", "kept", "gone", "full", "small", "shut", "former")
"""The accounts at ours.test, the first first."""
RELAY = "127.0.0.9"
"""Where the administrator's program runs, the one address of the relay network."""

Reply = tuple[int, str]
"""A code and an enhanced code."""


class Outside(socketserver.ThreadingTCPServer):
    """Every other mail server: takes all, and remembers for each message its subject, sender and recipients."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: list[tuple[str, str, str]] = []
        self.port = int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: Outside

    def handle(self) -> None:
        self.wfile.write(b"220 outside.test\r\n")
        sender, recipients = "", []
        while line := self.rfile.readline():
            text = line.decode("utf-8", "replace")
            verb = text.split(None, 1)[0].upper() if text.strip() else ""
            path = re.search(r"<([^>]*)>", text)
            if verb == "MAIL" and path:
                sender, recipients = path[1], []
            if verb == "RCPT" and path:
                recipients.append(path[1])
            if verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                subject = self._subject()
                self.server.taken += [(subject, sender, each) for each in recipients]
            self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
            if verb == "QUIT":
                return

    def _subject(self) -> str:
        found = ""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if line.startswith(b"Subject: ") and not found:
                found = line[9:].decode().strip()
        return found


@dataclass
class Matrix:
    """The server with all that is in it. ``names`` are the addresses that the server thought of: masked ones and the
    return address."""

    server: RunningServer
    outside: Outside
    names: dict[str, str] = field(default_factory=dict)

    def call(self, use: str, **parameters: Any) -> Any:
        """What an administrative use answers."""
        client = ControlClient(str(self.server.data), "")
        try:
            return client.call(use, parameters, lambda emitted: None)
        finally:
            client.close()

    def wait_empty(self, seconds: float = 60.0) -> None:
        """Until nothing waits in the queue."""
        limit = time.monotonic() + seconds
        while (left := self.call("queue.list")["messages"]) and time.monotonic() < limit:
            time.sleep(0.1)
        assert not left, left

    def inboxes(self) -> dict[str, Counter[str]]:
        """By subject: in whose Inbox it lies, and how often."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name in ("anna", "bert", "carl", "ella", "kept", "gone", "full", "small"):
            client = imaplib.IMAP4("127.0.0.1", self.server.imap, timeout=30)
            try:
                client.login(f"{name}@ours.test", PASSWORD)
                count = int(client.select("INBOX", readonly=True)[1][0] or b"0")
                query = "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
                for part in client.fetch("1:*", query)[1] if count else ():
                    if isinstance(part, tuple):
                        found[part[1].decode().partition(":")[2].strip()][name] += 1
            finally:
                client.shutdown()
        return found

    def left(self) -> dict[str, Counter[str]]:
        """By subject: for whom the world outside took it, and how often."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for subject, _, recipient in list(self.outside.taken):
            found[subject][recipient] += 1
        return found

    def connect(self, *, login: str = "", source: str = "127.0.0.1") -> smtplib.SMTP:
        """A session: signed in on the submission port, or as a stranger on port 25."""
        port = self.server.submission if login else self.server.smtp
        client = smtplib.SMTP("127.0.0.1", port, "far.test", 30, (source, 0))
        try:
            client.ehlo()
            if login:
                client.starttls()
                client.ehlo()
                client.login(login, PASSWORD)
        except BaseException:
            client.close()
            raise
        return client


def reply(answer: tuple[int, bytes]) -> Reply:
    """Code and enhanced code of an answer."""
    words = answer[1].split(None, 1)
    return answer[0], words[0].decode() if words and words[0][:1].isdigit() else ""


def write(
    client: smtplib.SMTP, sender: str, recipient: str, subject: str, *, size: int = 0, tell: bool = True
) -> tuple[str, int, str]:
    """Send one message: the command that was answered last, and how. ``tell``: its size is declared."""
    author = sender or "mailer-daemon@far.test"
    text = f"From: <{author}>\r\nTo: <{recipient}>\r\nSubject: {subject}\r\n\r\n{'x' * 70}\r\n"
    text += ("y" * 70 + "\r\n") * (size // 72)
    client.rset()
    done = reply(client.mail(sender, [f"SIZE={len(text)}"] if tell else []))
    if done[0] != 250:
        return "MAIL", *done
    done = reply(client.rcpt(recipient))
    if done[0] != 250:
        return "RCPT", *done
    try:
        return "DATA", *reply(client.data(text.encode()))
    except smtplib.SMTPDataError as refused:
        return "DATA", *reply((refused.smtp_code, bytes(refused.smtp_error)))


@contextmanager
def matrix(folder: Path) -> Iterator[Matrix]:
    """The running scene; ends with everything stopped."""
    server = RunningServer(folder)
    with Outside() as outside:
        thread = threading.Thread(target=outside.serve_forever, daemon=True)
        thread.start()
        try:
            server.start()
            scene = Matrix(server, outside)
            _settle(scene)
            yield scene
        finally:
            server.kill()
            outside.shutdown()
            thread.join(5)


def _settle(scene: Matrix) -> None:
    call = scene.call
    for name, value in {
        "smtp.max_errors": "1000",
        "smtp.max_transactions": "0",
        "smtp.relay_networks": RELAY,
        "signin.free_failures": "100",
    }.items():
        call("setting.set", name=name, value=value)
    for domain in ("ours.test", "caught.test", "asleep.test", "crowded.test", "split.test"):
        call("domain.add", name=domain)
    for name in PEOPLE:
        call("account.add", address=f"{name}@ours.test", password=PASSWORD)
    for address in ("dora@asleep.test", "emil@crowded.test"):
        call("account.add", address=address, password=PASSWORD)
    _addresses(call)
    _lists(call)
    _ways(scene)
    _masked(scene)
    _limits(scene)


def _addresses(call: Any) -> None:
    call("domain.name_add", name="ours.test", other="also.test")
    call("domain.set", name="caught.test", catch_all="bert@ours.test")
    call("account.address_add", address="anna@ours.test", further="a.nna@ours.test")
    for name, targets in {
        "info": ["anna@ours.test"],
        "team": ["anna@ours.test", "bert@ours.test", "out@far.test", "shut@ours.test"],
        "pair": ["anna@ours.test", "info@ours.test", "bert@ours.test"],
        "away": ["out@far.test"],
        "off": ["anna@ours.test"],
        "dead": ["shut@ours.test"],
        "robin": ["hood@ours.test"],
        "hood": ["robin@ours.test"],
        "news": ["public@ours.test"],
    }.items():
        call("alias.add", address=f"{name}@ours.test", target=targets[0], more=targets[1:])
    call("alias.change", address="off@ours.test", active=False)
    call("account.active", address="shut@ours.test", active=False)
    call("account.remove", address="former@ours.test")
    call("domain.set", name="asleep.test", active=False)
    call("account.forward_set", address="kept@ours.test", targets=["out@far.test"], keep=True)
    call("account.forward_set", address="gone@ours.test", targets=["out@far.test"], keep=False)
    call("account.add_send_as", address="bert@ours.test", pattern="carl@ours.test")


def _lists(call: Any) -> None:
    for name, members, fields in (
        ("public", ["bert@ours.test", "out@far.test"], {"mode": "public"}),
        ("members", ["anna@ours.test", "bert@ours.test"], {"mode": "members"}),
        ("announce", ["bert@ours.test"], {"mode": "announcements", "senders": ["anna@ours.test"]}),
        ("domain", ["bert@ours.test"], {"mode": "domain"}),
        ("server", ["bert@ours.test"], {"mode": "server"}),
        ("signed", ["bert@ours.test"], {"mode": "public", "signed_in": True}),
        ("inner", ["carl@ours.test", "bert@ours.test"], {"mode": "public"}),
        ("outer", ["bert@ours.test", "inner@ours.test"], {"mode": "public"}),
        ("quiet", ["bert@ours.test"], {"mode": "public", "active": False}),
    ):
        call("list.add", address=f"{name}@ours.test", **fields)
        for member in members:
            call("list.member_add", address=f"{name}@ours.test", member=member)


def _ways(scene: Matrix) -> None:
    """The world outside stands behind one route for all; one more is for everybody, one for a domain of ours."""
    target = {"target": f"127.0.0.1:{scene.outside.port}", "security": "none"}
    scene.call("route.add", recipient="backup.test", local_recipients=True, **target)
    scene.call("route.add", recipient="partner.test", **target)
    scene.call("route.add", recipient="split.test", **target)
    scene.call("route.add", recipient="*", **target)
    with scene.connect() as client:
        assert write(client, "x@far.test", "away@ours.test", "for its return address")[1] == 250
    scene.wait_empty()
    scene.names["RETURN"] = next(sender for _, sender, _ in scene.outside.taken if "SRS0" in sender)


def _masked(scene: Matrix) -> None:
    words = ("token", "add", "anna@ours.test", "masks", "--right", "view", "--right", "change", "--json")
    token = json.loads(scene.server.command(*words).stdout)["token"]

    def ask(method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        client = http.client.HTTPConnection("127.0.0.1", scene.server.http, timeout=30)
        try:
            head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            client.request(method, f"/api/v1/me/masked{path}", json.dumps(body), head)
            found = client.getresponse()
            answer: dict[str, Any] = json.loads(found.read())
            assert found.status in (200, 201), answer
            return answer
        finally:
            client.close()

    for name in ("MASKED", "MASKED-OFF", "MASKED-OVER", "MASKED-USED"):
        scene.names[name] = str(ask("POST", "", {"prefix": "shop"})["address"])
    ask("PATCH", "/" + scene.names["MASKED-OFF"], {"active": False})
    ask("PATCH", "/" + scene.names["MASKED-OVER"], {"expires_at": time.time() - 60})
    ask("PATCH", "/" + scene.names["MASKED-USED"], {"most": 1})
    with scene.connect() as client:
        assert write(client, "x@far.test", scene.names["MASKED-USED"], "the only one")[1] == 250


def _limits(scene: Matrix) -> None:
    with scene.connect() as client:
        for recipient in ("full@ours.test", "emil@crowded.test"):
            assert write(client, "x@far.test", recipient, "fills it", size=4000)[1] == 250
    scene.call("account.quota", address="full@ours.test", quota="2K")
    scene.call("domain.set", name="crowded.test", max_size="2K")
    scene.call("account.change", address="small@ours.test", max_message="1K")
