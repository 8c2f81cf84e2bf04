"""Watching a server: who is connected, what it logs, what it counts; and that no secret is ever among it."""

from __future__ import annotations

import base64
import http.client
import http.cookies
import imaplib
import json
import poplib
import re
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from free_ports import free_port
from running import RunningServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"
PASSWORD, SCRAM, WRONG, LOST = "Zauber-7-Wort", "Salz-9-Streuer", "Falsch-3-Geraten", "Verirrt-5-Antwort"
CONTENT = "Geheimnis-des-Textes"
SWITCHES = ("log.smtp", "log.imap", "log.pop3", "log.connections", "log.debug", "log.to_files")


@pytest.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RunningServer, int]]:
    """A server that logs all it can, and its HTTP port."""
    server = RunningServer(tmp_path / "server", workers=request.param)
    http = free_port()
    place = f'[[listener]]\nprotocol = "http"\naddress = "127.0.0.1"\nport = {http}\ntls = "none"\n'
    server.config.write_text(server.config.read_text() + place)
    server.start()
    try:
        server.add_domain()
        server.add_account(ANNA, PASSWORD)
        server.add_account(BERT, SCRAM)
        for name in SWITCHES:
            server.command("setting", "set", name, "true")
        until(lambda: _logs_conversations(server))
        yield server, http
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens soon."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.05)


def _logs_conversations(server: RunningServer) -> bool:
    """Whether every worker has heard of the switches: each greeting of a row of connections is logged."""
    marks = []
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", server.smtp), timeout=10) as one:
            one.recv(200)
            mark = f"mark{time.monotonic_ns()}.example"
            one.sendall(f"EHLO {mark}\r\n".encode())
            one.recv(500)
            marks.append(mark)
    time.sleep(0.3)
    text = logged(server)
    return all(mark in text for mark in marks)


def logged(server: RunningServer) -> str:
    """Everything in the log files and on standard error."""
    files = [path.read_text(errors="replace") for path in (server.data / "logs").glob("*.log")]
    return "".join(files) + server.log


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def raw(port: int, *lines: str) -> str:
    """Say lines one after the other over TLS, each when something was answered; all that was answered."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context().wrap_socket(plain, server_hostname="localhost") as one,
    ):
        heard = one.recv(4000)
        for line in lines:
            one.sendall(line.encode() + b"\r\n")
            heard += one.recv(4000)
    return heard.decode(errors="replace")


def encoded(*parts: str) -> str:
    return base64.b64encode("\0".join(parts).encode()).decode()


def sign_in_everywhere(server: RunningServer) -> list[str]:
    """Use every way of giving a password there is, good and bad; the forms in which the secrets went."""
    plain, wrong, lost = encoded("", ANNA, PASSWORD), encoded("", ANNA, WRONG), encoded(LOST)
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=20) as smtp:
        smtp.starttls(context=context())
        smtp.login(ANNA, PASSWORD)
        smtp.sendmail(ANNA, [ANNA, BERT], f"Subject: {CONTENT}\r\n\r\n{CONTENT}\r\n")
    # AUTH PLAIN, LOGIN, a response without AUTH, and one after a refused AUTH.
    raw(server.submissions, "EHLO x", f"AUTH PLAIN {plain}", "QUIT")
    raw(server.submissions, "EHLO x", "AUTH PLAIN", plain)
    raw(server.submissions, "EHLO x", "AUTH LOGIN", encoded(ANNA), encoded(PASSWORD))
    raw(server.submissions, "EHLO x", f"AUTH PLAIN {wrong}")
    raw(server.submissions, "EHLO x", "AUTH NOTHING", lost, f"AUTH {lost}")
    with socket.create_connection(("127.0.0.1", server.smtp), timeout=20) as one:
        one.recv(400)
        one.sendall(f"EHLO x\r\nAUTH PLAIN {plain}\r\n{lost}\r\nPASS {PASSWORD}\r\nQUIT\r\n".encode())
        while one.recv(4000):
            pass
    mail = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(), timeout=20)
    mail.login(ANNA, PASSWORD)
    mail.select()
    mail.fetch("1", "(BODY[] ENVELOPE)")
    mail.append("INBOX", "", "", f"Subject: {CONTENT}\r\n\r\n{CONTENT}\r\n".encode())
    mail.logout()
    raw(server.imaps, f"a LOGIN {ANNA} {{{len(PASSWORD)}}}", f"{PASSWORD}")
    raw(server.imaps, f"a LOGIN {{{len(ANNA)}}}", f"{ANNA} {{{len(PASSWORD)}}}", PASSWORD)
    raw(server.imaps, "a AUTHENTICATE PLAIN", plain)
    raw(server.imaps, f"a AUTHENTICATE PLAIN {plain}")
    raw(server.imaps, f"a AUTHENTICATE PLAIN {wrong}", lost)
    raw(server.imaps, f'LOGIN {ANNA} "{PASSWORD}"', f'x login {ANNA} "{WRONG}"', f"login {PASSWORD}")
    drop = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(), timeout=20)
    drop.user(ANNA)
    drop.pass_(PASSWORD)
    drop.retr(1)
    drop.top(1, 5)
    drop.quit()
    raw(server.pop3s, "AUTH PLAIN", plain)
    raw(server.pop3s, f"AUTH PLAIN {wrong}", lost, PASSWORD, f"PASS {PASSWORD}")
    scram(server)
    return [PASSWORD, SCRAM, WRONG, LOST, CONTENT, plain, wrong, lost, encoded(PASSWORD)]


def scram(server: RunningServer) -> None:
    """SCRAM-SHA-256 over IMAP: neither proof nor salt are to be found, either."""
    from scramp import ScramClient

    client = ScramClient(["SCRAM-SHA-256"], BERT, SCRAM)
    with (
        socket.create_connection(("127.0.0.1", server.imaps), timeout=20) as plain,
        context().wrap_socket(plain, server_hostname="localhost") as one,
        one.makefile("rwb") as lines,
    ):

        def say(text: str) -> bytes:
            lines.write(text.encode() + b"\r\n")
            lines.flush()
            found: bytes = lines.readline()
            return found

        def b64(text: str) -> str:
            return base64.b64encode(text.encode()).decode()

        lines.readline()
        say("a AUTHENTICATE SCRAM-SHA-256")
        client.set_server_first(base64.b64decode(say(b64(client.get_client_first()))[2:]).decode())
        client.set_server_final(base64.b64decode(say(b64(client.get_client_final()))[2:]).decode())
        assert say("").startswith((b"a OK", b"* "))


def test_no_secret_is_ever_logged(watched: tuple[RunningServer, int]) -> None:
    """With every switch on, after every way to sign in: what was said is in the log, but no password, no
    response of SASL and no content of a message."""
    server, _ = watched
    secrets = sign_in_everywhere(server)
    words = ("smtp.received", "imap.received", "pop3.received", "imap.sent", "connection.closed")
    until(lambda: all(word in logged(server) for word in words))
    time.sleep(0.5)  # for what is last, too
    text = logged(server)
    for shown in ("AUTH PLAIN ***", "a LOGIN ***", "PASS ***", "a AUTHENTICATE SCRAM-SHA-256", "FETCH (***)"):
        assert shown in text, shown
    told = json.dumps(json.loads(server.command("log", "tail", "--count", "2000", "--json").stdout))
    assert "AUTH PLAIN ***" in told
    for secret in secrets:
        assert secret not in text, secret
        assert secret not in told, secret


def test_sessions_of_all_workers_are_listed_and_ended(watched: tuple[RunningServer, int]) -> None:
    """Whoever is connected, wherever; each is told in its protocol's words, the audit keeps a line."""
    server, _ = watched
    mails = []
    for _ in range(4):
        mail = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context(), timeout=20)
        mail.login(ANNA, PASSWORD)
        mail.xatom("ID", '("name" "Sparrow" "version" "2")')
        mails.append(mail)
    drop = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context(), timeout=20)
    drop.user(BERT)
    drop.pass_(SCRAM)
    found = json.loads(server.command("session", "list", "--json", "--account", ANNA).stdout)
    assert found["total"] == 4
    for one in found["sessions"]:
        assert (one["account"], one["client"], one["command"]) == (ANNA, "Sparrow 2", "ID")
        assert one["tls"].startswith("TLSv1.")
        assert one["received"] > 50
    first = found["sessions"][0]["id"]
    server.command("session", "disconnect", first)
    server.command("session", "disconnect", "--account", ANNA)
    for mail in mails:
        with pytest.raises(imaplib.IMAP4.abort):
            [mail.noop() for _ in range(2)]
        mail.shutdown()
    assert drop.noop().startswith(b"+OK")
    drop.close()
    until(
        lambda: (
            json.loads(server.command("session", "list", "--json", "--account", ANNA).stdout)["total"] == 0
        )
    )
    audit = json.loads(server.command("audit", "list", "--json").stdout)["lines"]
    assert [line["subject"] for line in audit if line["use"] == "session.disconnect"] == [ANNA] * 4
    missing = server.command("session", "disconnect", "9-999", check=False)
    assert missing.returncode != 0
    assert "no session 9-999" in missing.stderr


def test_the_live_log_shows_lines_of_all_workers(watched: tuple[RunningServer, int]) -> None:
    """As they come, narrowed by the filter, until the time is over."""
    server, _ = watched
    words = ["log", "watch", "--seconds", "6", "--protocol", "smtp", "--text", "walrus", "--json"]
    watch = subprocess.Popen(
        [sys.executable, "-m", "posthouse", *words, "--config", str(server.config)],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(2.5)
    for number in range(12):
        with socket.create_connection(("127.0.0.1", server.smtp), timeout=10) as one:
            one.recv(200)
            one.sendall(f"EHLO walrus{number}.example\r\n".encode())
            one.recv(500)
            one.sendall(b"EHLO other.example\r\n")
            one.recv(500)
    out, _ = watch.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 12
    assert {line["event"] for line in lines} == {"smtp.received"}
    assert len({line["fields"]["line"] for line in lines}) == 12
    workers = {line["fields"]["session"].partition("-")[0] for line in lines}
    assert {str(line["worker"]) for line in lines} == workers


def test_numbers_and_health(watched: tuple[RunningServer, int]) -> None:
    """/metrics adds up all workers; /health says ready; a stranger's network sees neither numbers nor reasons."""
    server, http = watched
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=20) as smtp:
        smtp.sendmail("x@example.org", [ANNA], "Subject: x\r\n\r\nx\r\n")

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, text = get("/metrics")
    assert status == 200
    assert "posthouse_messages_accepted_total 1.0" in text
    assert "posthouse_messages_delivered_total 1.0" in text
    assert f"posthouse_workers_up {float(server.workers)}" in text
    assert get("/health/live") == (200, '{"status":"live"}')
    assert get("/health/ready") == (200, '{"status":"ready"}')
    server.command("setting", "set", "limits.free_space", str(2**55))
    until(lambda: get("/health/ready")[0] == 503)
    assert "limits.free_space" in get("/health/ready")[1]
    server.command("setting", "set", "metrics.allowed_from", "192.0.2.0/24")
    until(lambda: get("/metrics")[0] == 403)
    assert get("/health/ready") == (503, '{"status":"not ready"}')
    shown = json.loads(server.command("status", "--json").stdout)
    assert shown["counts"]["accepted"] == 1
    assert len(shown["processes"]) == server.workers
    assert {"disk", "certificate.self_made"} <= {advice["code"] for advice in shown["warnings"]}


class Browser:
    """Says requests over plain http on loopback, and keeps cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: str = "", kind: str = "", bearer: str = ""
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text."""
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if kind:
            headers["Content-Type"] = kind
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body.encode() if body else None, headers)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    found = http.cookies.SimpleCookie(value)
                    self.cookies.update({key: one.value for key, one in found.items()})
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()


def test_no_secret_of_pages_and_api_is_logged(watched: tuple[RunningServer, int]) -> None:
    """Neither tokens and cookies, nor passwords in forms and JSON, nor one-time links; good ones and bad ones."""
    server, port = watched
    server.command("setting", "set", "http.names", "127.0.0.1")
    server.command("account", "role", ANNA, "server")
    made = server.command(
        "token", "add", ANNA, "test", "--right", "view", "--right", "change", "--json"
    ).stdout
    token = max(re.findall(r"[A-Za-z0-9_-]{20,}", made), key=len)
    link = server.command("sign-in-link", ANNA).stdout
    linked = max(re.findall(r"[A-Za-z0-9_-]{20,}", link), key=len)
    api, web = Browser(port), Browser(port)
    until(lambda: api.ask("GET", "/api/v1/status", bearer=token)[0] == 200)
    assert api.ask("GET", "/api/v1/status", bearer=LOST)[0] == 401
    changed = json.dumps({"password": SCRAM + WRONG})
    assert api.ask("PUT", f"/api/v1/accounts/{BERT}/password", changed, "application/json", token)[0] < 300
    status, headers, events = api.ask("GET", "/api/v1/log/watch?seconds=1", bearer=token)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert "event: result" in events
    assert json.loads(api.ask("GET", "/api/v1/sessions", bearer=token)[2])["sessions"]
    assert (
        "posthouse_sessions" in json.loads(api.ask("GET", "/api/v1/status/metrics", bearer=token)[2])["text"]
    )
    for word in (WRONG, PASSWORD):
        page = web.ask("GET", "/sign-in")[2]
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
        form = urllib.parse.urlencode({**hidden, "login": ANNA, "password": word})
        web.ask("POST", "/sign-in", form, "application/x-www-form-urlencoded")
    cookies = [value for value in web.cookies.values() if len(value) > 15]
    assert cookies, "nobody was signed in"
    status, headers, _ = web.ask("GET", "/")
    assert status == 200 or "sign-in" not in headers.get("location", "sign-in"), "nobody was signed in"
    path = next(word for word in link.split() if linked in word)
    web.ask("GET", "/" + path.split("//")[-1].partition("/")[2])
    time.sleep(0.5)
    text = logged(server) + server.command("log", "tail", "--count", "2000", "--json").stdout
    text += server.command("audit", "list", "--json").stdout
    assert text.count("http.request") > 8
    for secret in (token, linked, LOST, PASSWORD, WRONG, SCRAM, *cookies):
        assert secret not in text, secret
