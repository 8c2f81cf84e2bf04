"""Set-up: a fresh server, one mail address, checks that may all fail, and mail works; what mail programs fetch then."""

from __future__ import annotations

import asyncio
import http.cookiejar
import json
import plistlib
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from dns_server import DnsServer
from running import PASSWORD, RunningServer

from posthouse.manage.context import Actor
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.settings.config import Config

ADDRESS = "me@example.org"
ZONE = """
mail.example.org. A 127.0.0.1
example.org. MX 10 mail.example.org.
"""


class FreshServer(RunningServer):
    """A server without accounts and without a name, whose DNS and outside are a double on loopback."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.config.write_text(self.config.read_text().replace('hostname = "mail.posthouse.test"\n', ""))

    def fetch(
        self, path: str, *, host: str = "", secure: bool = True, data: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body; the self-made certificate is taken."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        place = f"https://127.0.0.1:{self.https}" if secure else f"http://127.0.0.1:{self.http}"
        request = urllib.request.Request(place + path, data=data, headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, context=context if secure else None, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as server:
        yield server


async def put_settings(server: RunningServer, values: dict[str, str]) -> None:
    """Into the database of the stopped server."""
    server.data.mkdir(mode=0o700)
    async with open_context(Config(data=str(server.data))) as context:
        for name, value in values.items():
            await perform(context, Actor("test", "test"), "setting.set", {"name": name, "value": value})


@pytest.fixture
def server(tmp_path: Path, nameserver: DnsServer) -> Iterator[FreshServer]:
    made = FreshServer(tmp_path / "server")
    values = {
        "dns.servers": nameserver.place,
        "dns.timeout": "1s",
        "diagnostics.time_server": "",
        "diagnostics.block_lists": "bl.example",
        "diagnostics.outward": "nowhere.example",
        "diagnostics.validation_name": "signed.example",
        "diagnostics.port": str(made.smtp),
    }
    asyncio.run(put_settings(made, values))
    made.start()
    yield made
    made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


def test_without_a_browser(server: FreshServer, nameserver: DnsServer) -> None:
    """One command: findings are told, domain, administrator and name are made, the first message arrives; a second
    set-up is refused. Then the records, the checks and the settings of mail programs."""
    the_link_is_printed(server)
    done = server.command(
        "setup",
        "--address",
        ADDRESS,
        "--addresses",
        "127.0.0.1",
        "--password-stdin",
        "--json",
        stdin=PASSWORD + "\n",
    )
    made = json.loads(done.stdout)
    assert made["hostname"] == "mail.example.org"
    assert made["test"]["mailbox"] == "INBOX"
    assert "spf" in {each["name"] for each in made["todo"]}
    again = server.command("setup", "--address", "you@example.org", "--generate", "--no-check", check=False)
    assert again.returncode == 5
    assert "set up already" in again.stderr
    assert server.command("setup", "link", check=False).returncode == 5

    records = json.loads(server.command("dns", "records", "example.org", "--json").stdout)
    states = {(each["name"], each["type"]): each["state"] for each in records["records"]}
    assert states[("example.org", "MX")] == "right"
    assert states[("_dmarc.example.org", "TXT")] == "missing"
    nameserver.add('example.org. TXT "v=spf1 mx -all"')
    todo = json.loads(server.command("setup", "todo", "--check", "--json").stdout)["todo"]
    assert "spf" not in {each["name"] for each in todo}
    found = json.loads(server.command("diagnose", "--json").stdout)["findings"]
    by_name = {each["name"]: each["state"] for each in found}
    assert by_name["relay"] == "ok"
    assert by_name["own-mx"] == "ok"
    assert by_name["database"] in ("ok", "warn")
    assert by_name["port-25-out"] == "unknown"
    assert by_name["port-25-in"] == "unknown"

    fetched_by_mail_programs(server)


def the_link_is_printed(server: FreshServer) -> None:
    """For the administrator to come, and nowhere else."""
    token = printed_token(server)
    assert server.log.count(token) == 2  # https and http, nowhere else


def printed_token(server: FreshServer) -> str:
    """What the start prints for the administrator to come."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = re.search(r"http://\S+/setup/([\w-]{20,})", server.log)
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(server.log)


def fetched_by_mail_programs(server: FreshServer) -> None:
    """Autoconfig, autodiscover, profile and policy: real ports, the same for everybody, nothing for others."""
    config = "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress="
    status, known = server.fetch(config + ADDRESS)
    assert status == 200
    assert known == server.fetch(config + "nobody@example.org")[1]
    assert known == server.fetch("/mail/config-v1.1.xml", host="autoconfig.example.org", secure=False)[1]
    root = ElementTree.fromstring(known)
    ports = [int(each.text or 0) for each in root.iter("port")]
    assert ports == [
        server.imaps,
        server.imap,
        server.pop3s,
        server.pop3,
        server.submissions,
        server.submission,
    ]
    assert [each.text for each in root.iter("hostname")] == ["mail.example.org"] * 6
    assert server.fetch(config + "x@example.com")[0] == 404

    request = (
        f'<Autodiscover xmlns="a"><Request><EMailAddress>{ADDRESS}</EMailAddress></Request></Autodiscover>'
    )
    status, answer = server.fetch("/autodiscover/autodiscover.xml", data=request.encode())
    assert status == 200
    assert f"<Port>{server.imaps}</Port>".encode() in answer
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a><EMailAddress>&b;@example.org</EMailAddress></a>'
    assert server.fetch("/autodiscover/autodiscover.xml", data=bomb)[0] == 400
    assert server.fetch("/autodiscover/autodiscover.xml", data=b"<" * 70_000)[0] == 400
    status, answer = server.fetch("/autodiscover/autodiscover.json?Protocol=AutodiscoverV1&Email=" + ADDRESS)
    assert json.loads(answer)["Url"].endswith("/autodiscover/autodiscover.xml")

    status, profile = server.fetch("/mobileconfig?address=" + ADDRESS)
    assert status == 200
    inner = profile[profile.index(b"<?xml") : profile.index(b"</plist>") + 8]
    account = plistlib.loads(inner)["PayloadContent"][0]
    assert account["IncomingMailServerPortNumber"] == server.imaps
    assert not [name for name in account if name.endswith("Password") and account[name] is not True]

    status, policy = server.fetch("/.well-known/mta-sts.txt", host="mta-sts.example.org")
    assert policy.decode().splitlines()[:3] == ["version: STSv1", "mode: testing", "mx: mail.example.org"]
    assert server.fetch("/.well-known/mta-sts.txt", host="mta-sts.example.com")[0] == 404


class Browser:
    """Cookies and forms, and nothing else."""

    def __init__(self, server: FreshServer) -> None:
        self._place = f"http://127.0.0.1:{server.http}"
        self.jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.page = ""
        self.path = ""

    def get(self, path: str) -> int:
        """Open a page; its status."""
        return self._open(urllib.request.Request(self._place + path))

    def send(self, path: str, **fields: str) -> int:
        """Send the form of the page that is open, with its secret."""
        found = re.search(r'name="csrf" value="([^"]*)"', self.page)
        fields.setdefault("csrf", found[1] if found else "")
        data = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(self._place + path, data=data))

    def _open(self, request: urllib.request.Request) -> int:
        try:
            answer = self._opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.page, self.path = answer.read().decode(), answer.url.removeprefix(self._place)
            return int(answer.status)


def test_in_the_browser(server: FreshServer) -> None:
    """The link lets one browser in, once; three answers, each refused in words when it is no good; signed in at the
    end, with the first message delivered; then nobody comes in by it any more."""
    token = printed_token(server)
    me, other = Browser(server), Browser(server)
    assert me.get("/setup") == 403
    assert me.get(f"/setup/{token}") == 200
    assert me.get(f"/setup/{token}") == 200  # looking does not use it up
    assert me.send(f"/setup/{token}") == 200
    assert me.path == "/setup"
    assert other.get(f"/setup/{token}") == 200
    assert other.send(f"/setup/{token}") == 403
    assert other.get("/setup") == 403

    assert me.send("/setup", address="me@example.org", csrf="wrong") == 403
    assert me.get("/setup") == 200
    assert me.send("/setup", address="<script>alert(1)</script>") == 422
    assert "<script>alert" not in me.page
    assert me.send("/setup", address=ADDRESS) == 200
    assert "mail.example.org" in me.page
    assert me.send("/setup/look", hostname="not a name", addresses="") == 422
    assert me.send("/setup/look", hostname="mail.example.org", addresses="1.2.3") == 422
    assert me.send("/setup/look", hostname="mail.example.org", addresses="127.0.0.1") == 200
    assert me.path == "/setup/look"
    until = time.monotonic() + 25
    while "no SPF record" not in me.page and time.monotonic() < until:
        time.sleep(0.2)
        me.get("/setup/look")
    assert "no SPF record" in me.page
    assert me.send("/setup/finish", password=PASSWORD, again="another") == 422
    assert me.send("/setup/finish", password=PASSWORD, again=PASSWORD) == 200
    assert me.path == "/admin/setup?message=1"
    assert "was read back" in me.page
    assert "<svg" in me.page
    assert me.get("/admin/domains/example.org/dns") == 200
    assert me.get("/admin/domains/example.org/dns?provider=cloudflare") == 200
    assert me.get("/admin/domains/example.org/dns/zone") == 200
    assert "IN MX 10 mail.example.org." in me.page
    assert me.get("/me/programs") == 200

    late = Browser(server)
    late.get(f"/setup/{token}")
    assert late.send(f"/setup/{token}") == 403
    assert token not in server.log.split("Ctrl-C")[1]
