"""From nothing to the first message, in a browser: a fresh folder, a name server and an authority of our own, three
questions, the records published, a certificate ordered and served, and the message read by IMAP with it."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import dns.reversename
import dns.zone
import pytest
import segno
from dns_server import DnsServer
from pebble import Pebble
from playwright.sync_api import Browser
from running import PASSWORD, RunningServer
from walking import WIDTHS, Watched

from posthouse.manage.context import Actor
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.settings.config import Config

pytestmark = [pytest.mark.needs("chromium", "pebble"), pytest.mark.timeout(300)]

DOMAIN = "example.org"
ADDRESS = f"me@{DOMAIN}"
HOST = f"mail.{DOMAIN}"


class NewServer(RunningServer):
    """A server without a name and without accounts, with further HTTP listeners where the authority looks."""

    def prepare(self, values: dict[str, str], http: int, https: int) -> None:
        """Write the configuration, and what a closed network needs, before the first start."""
        lines = self.config.read_text().replace('hostname = "mail.posthouse.test"\n', "").splitlines()
        for port, tls in ((http, "none"), (https, "implicit")):
            lines += ["[[listener]]", 'protocol = "http"', 'address = "127.0.0.1"']
            lines += [f"port = {port}", f'tls = "{tls}"']
        self.config.write_text("\n".join(lines) + "\n")
        self.data.mkdir(mode=0o700, exist_ok=True)
        # In a thread: Playwright has a loop in this one.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(lambda: asyncio.run(put_settings(self, values))).result()

    starts = 0

    def start(self, seconds: float = 40.0) -> None:
        """Start it, and count that."""
        self.starts += 1
        super().start(seconds)

    def link(self) -> str:
        """The link that it has printed since the last start for a browser on this machine."""
        found = re.findall(r"http://127\.0\.0\.1:\d+/setup/[\w-]{20,}", self.printed())
        assert found, self.log
        return str(found[0]).replace("127.0.0.1", "localhost")

    def printed(self) -> str:
        """What was printed since the last start, once it says that it is ready."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.log.count("Posthouse is ready.") == self.starts:
                return self.log.rpartition("Posthouse is ready.")[2]
            time.sleep(0.05)
        raise AssertionError(self.log)


async def put_settings(server: RunningServer, values: dict[str, str]) -> None:
    async with open_context(Config(data=str(server.data))) as context:
        for name, value in values.items():
            await perform(context, Actor("test", "test"), "setting.set", {"name": name, "value": value})


def outside(nameserver: DnsServer, **more: str) -> dict[str, str]:
    """Settings that keep a server in this machine."""
    values = {
        "dns.servers": nameserver.place,
        "dns.timeout": "2s",
        "dns.cache_time": "0s",
        "diagnostics.time_server": "",
        "diagnostics.block_lists": "bl.example",
        "diagnostics.outward": "nowhere.example",
        "diagnostics.validation_name": "signed.example",
        "server.addresses": "127.0.0.1",
    }
    return {**values, **{name.replace("__", "."): value for name, value in more.items()}}


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer(authentic=True) as server:
        yield server


@pytest.fixture
def authority(nameserver: DnsServer) -> Iterator[Pebble]:
    made = Pebble(dns_server=nameserver.place)
    made.start()
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, nameserver: DnsServer, authority: Pebble) -> Iterator[NewServer]:
    made = NewServer(tmp_path / "server")
    more = {
        "diagnostics.port": str(made.smtp),
        "certificates.directory": authority.directory,
        "certificates.ca_file": str(authority.ca_file),
        "certificates.look_interval": "1s",
        "dns.certificate_authority": "",
    }
    made.prepare({**outside(nameserver), **more}, authority.http_port, authority.tls_port)
    yield made
    made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


class Person:
    """Somebody at a browser, whose clicks and fields are counted."""

    def __init__(self, watched: Watched) -> None:
        self.watched, self.page = watched, watched.page
        self.clicks = self.fields = 0

    def fill(self, name: str, value: str) -> None:
        self.page.fill(f"[name={name}]", value)
        self.fields += 1

    def click(self, text: str) -> None:
        self.page.get_by_role("button", name=text, exact=True).or_(
            self.page.get_by_role("link", name=text, exact=True)
        ).first.click()
        self.clicks += 1


@pytest.fixture
def arrive(browser: Browser) -> Iterator[Callable[..., Person]]:
    """``arrive(width="desk")``: a person with a browser of their own."""
    contexts = []

    def opened(width: str = "desk", **options: object) -> Person:
        across, down = WIDTHS[width]
        context = browser.new_context(
            viewport={"width": across, "height": down},
            ignore_https_errors=True,
            **{"locale": "en", **options},
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Person(Watched(context.new_page()))

    yield opened
    for context in contexts:
        context.close()


Arrive = Callable[..., Person]


def questions(person: Person, *, certificate: bool = True) -> None:
    """The three answers; the look around has come to its end before the last."""
    person.click("Begin")
    person.watched.look()
    person.watched.picture("setup-address-desk")
    person.fill("address", ADDRESS)
    person.click("Next")
    person.watched.look()
    person.watched.picture("setup-name-desk")
    person.click("Look around")
    page = person.page
    page.wait_for_selector("#findings:not([data-refresh]) .tally", timeout=40_000)
    person.watched.look()
    person.watched.picture("setup-password-desk")
    person.fill("password", PASSWORD)
    person.fill("again", PASSWORD)
    if certificate:
        page.check("[name=certificate]")
        person.clicks += 1
    person.click("Set the server up")
    page.wait_for_url("**/admin/setup?message=*")


def publish(person: Person, nameserver: DnsServer) -> None:
    """Load the zone file of the DNS page into the name server, set the reverse name, and see all green."""
    page = person.page
    person.click(f"DNS records of {DOMAIN}")
    page.wait_for_selector("h1")
    person.watched.look()
    person.watched.picture("dns-missing-desk")
    assert page.locator(".mark.good").count() == 0
    with page.expect_download() as download:
        person.click("Zone file")
    zone = dns.zone.from_text(download.value.path().read_text(), DOMAIN, relativize=False, check_origin=False)
    for name, ttl, record in zone.iterate_rdatas():
        nameserver.add(f"{name} {ttl} {record.rdtype.name} {record.to_text()}")
    nameserver.add(f"{dns.reversename.from_address('127.0.0.1')} 300 PTR {HOST}.")
    person.click("Check again")
    page.wait_for_selector("text=Every record is published")
    person.watched.look()
    person.watched.picture("dns-right-desk")


def trusted(authority: Pebble) -> ssl.SSLContext:
    """Trusts Pebble's root and nothing else."""
    url = f"https://127.0.0.1:{authority.management}/roots/0"
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=10) as answer:
        return ssl.create_default_context(cadata=answer.read().decode())


def test_from_nothing_to_the_first_message(
    server: NewServer,
    nameserver: DnsServer,
    authority: Pebble,
    arrive: Arrive,
    record_property: Callable[[str, object], None],
) -> None:
    began = time.monotonic()
    server.start()
    person = arrive()
    page = person.page
    page.goto(server.link())
    person.watched.look()
    person.watched.picture("setup-link-desk")
    questions(person)
    assert "was read back" in page.inner_text("main")
    person.watched.look()
    person.watched.picture("setup-done-desk")
    working = time.monotonic() - began
    first = person.clicks, person.fields

    publish(person, nameserver)
    page.goto(page.url.partition("/admin")[0] + "/admin/setup")
    page.wait_for_selector("#order")
    if page.get_by_role("button", name="Try now").count():
        person.click("Try now")
    page.wait_for_selector("#order .mark.good", timeout=60_000)
    person.watched.picture("setup-certificate-desk")
    read_with(trusted(authority), server)
    took = time.monotonic() - began

    settings_match(person, server)
    names_get_theirs(person, trusted(authority), authority)
    assert first[1] <= 3, "three questions: address, password twice; the name was proposed"
    told = (
        f"set up and first message in {working:.1f} s with {first[0]} clicks and {first[1]} fields; with DNS records "
        f"published, certificate served and the message read over IMAP in {took:.1f} s"
    )
    record_property("note", told)
    print(told)


def read_with(context: ssl.SSLContext, server: NewServer) -> None:
    """Mail from outside arrives, and both messages are read, under the name and with the certificate of the
    authority."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=20) as smtp:
        smtp.starttls(context=_under(context))
        smtp.sendmail("friend@example.net", [ADDRESS], b"Subject: hello\r\n\r\nFrom outside.\r\n")
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=_under(context), timeout=20) as imap:
        imap.login(ADDRESS, PASSWORD)
        until = time.monotonic() + 10
        while int(imap.select("INBOX")[1][0] or b"0") < 2 and time.monotonic() < until:
            time.sleep(0.1)
        _, found = imap.fetch("1", "(BODY[])")
        assert b"Your mail server works" in found[0][1]
        assert f"by {HOST}".encode() in found[0][1]
        _, found = imap.fetch("2", "(BODY[])")
        assert b"From outside." in found[0][1]


def _under(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same, for connections to an address, whose certificate must be for the host name."""

    class Named(ssl.SSLContext):
        def wrap_socket(self, *args: object, **options: object) -> ssl.SSLSocket:
            return super().wrap_socket(*args, **{**options, "server_hostname": HOST})  # type: ignore[arg-type]

    made = Named(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(cadata="".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(True))))
    return made


def settings_match(person: Person, server: NewServer) -> None:
    """What the page tells mail programs: the ports that are open; the picture is the link's, dot by dot; autoconfig
    says the same."""
    page = person.page
    text = page.inner_text("[aria-labelledby=programs]")
    assert HOST in text
    assert str(server.imaps) in text
    link = page.get_attribute("[aria-labelledby=programs] a[href*=mobileconfig]", "href")
    assert link is not None
    matrix = [[int(dark) for dark in row] for row in segno.make(link, error="m", micro=False).matrix]
    size = len(matrix) + 8
    read: list[list[int]] = page.evaluate(_READ_PICTURE, size)
    assert [row[4:-4] for row in read[4:-4]] == matrix
    base = page.url.partition("/admin")[0]
    answer = page.request.get(f"{base}/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={ADDRESS}")
    ports = {each.text for each in ElementTree.fromstring(answer.body()).iter("port")}
    assert {str(server.imaps), str(server.submissions)} <= ports


_READ_PICTURE = """
async (size) => {
  const svg = document.querySelector(".qr svg");
  const text = new XMLSerializer().serializeToString(svg);
  const image = new Image();
  image.src = "data:image/svg+xml," + encodeURIComponent(text);
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * 8;
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  paper.drawImage(image, 0, 0, size * 8, size * 8);
  return [...Array(size).keys()].map((y) => [...Array(size).keys()].map(
    (x) => Number(paper.getImageData(x * 8 + 4, y * 8 + 4, 1, 1).data[0] < 128)));
}
"""
"""The QR code as the browser draws it, one number for each dot, with its margin."""


def names_get_theirs(person: Person, context: ssl.SSLContext, authority: Pebble) -> None:
    """The names that lead here since the records are published are offered a certificate, by one click."""
    page = person.page
    with page.expect_navigation():
        person.click("Check again")
    page.wait_for_selector("#findings:not([data-refresh]) .tally", timeout=40_000)
    person.watched.look()
    person.watched.picture("diagnostics-found-desk")
    page.goto(page.url.partition("/admin")[0] + "/admin/setup")
    item = page.locator("li.finding", has_text="autoconfig.example.org")
    assert "autodiscover.example.org and mta-sts.example.org lead here" in item.inner_text()
    item.get_by_role("button", name="Order the certificate").click()
    page.wait_for_selector("text=The certificate is being ordered")
    until = time.monotonic() + 60
    while True:
        try:
            assert _served(context, f"mta-sts.{DOMAIN}", authority.tls_port)
            break
        except ssl.SSLError:
            assert time.monotonic() < until, "no certificate for the names"
            time.sleep(0.2)
    base = page.url.partition("/admin")[0]
    page.goto(base + "/admin")
    card = page.locator("[aria-labelledby=left]")
    before = card.locator(".mark").inner_text()
    person.watched.look()
    person.watched.picture("overview-left-desk")
    card.get_by_role("button", name="Dismiss").first.click()
    page.wait_for_selector("text=It is off the list")
    assert page.locator("[aria-labelledby=left] .mark").inner_text() != before
    page.goto(base + "/admin/setup")
    page.locator("details summary", has_text="1 dismissed").click()
    person.watched.look()
    page.get_by_role("button", name="Remind me again").click()
    page.wait_for_selector("text=It is on the list again")


def _served(context: ssl.SSLContext, name: str, port: int) -> bool:
    """Whether this name is answered with a certificate of the authority."""
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as wrapped,
    ):
        return bool(wrapped.getpeercert())
