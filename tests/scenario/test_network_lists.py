"""Block lists, allow lists and countries on a whole server: strangers come through a trusted proxy on each protocol."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from list_server import Listed, ListServer
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from running import PASSWORD, RunningServer

ADMIN = "root@posthouse.test"
pytestmark = pytest.mark.timeout(300)

PROTOCOLS = ("smtp", "submission", "lmtp", "imap", "pop3")
GOOD = {"smtp": b"220 ", "submission": b"220 ", "lmtp": b"220 ", "imap": b"* OK", "pop3": b"+OK "}
KEPT_OUT = {
    "smtp": b"554 5.7.1 ",
    "submission": b"554 5.7.1 ",
    "lmtp": b"554 5.7.1 ",
    "imap": b"* BYE ",
    "pop3": b"-ERR [SYS/PERM] ",
}


class Proxied(RunningServer):
    """A server with one more listener of each protocol, behind a proxy on loopback."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.token = ""
        self.behind = {protocol: free_port() for protocol in PROTOCOLS}
        with self.config.open("a") as config:
            for protocol, port in self.behind.items():
                config.write(
                    f'[[listener]]\nprotocol = "{protocol}"\naddress = "127.0.0.1"\nport = {port}\n'
                    'tls = "none"\nproxy_from = ["127.0.0.1/32"]\n'
                )

    def connect(self, protocol: str, peer: str) -> socket.socket:
        """A connection of a stranger, of which nothing is read yet."""
        client = socket.create_connection(("127.0.0.1", self.behind[protocol]), 20)
        family, here = ("TCP6", "2001:db8:ffff::1") if ":" in peer else ("TCP4", "192.0.2.254")
        client.sendall(f"PROXY {family} {peer} {here} 50000 25\r\n".encode())
        return client

    def greeted(self, protocol: str, peer: str) -> bytes:
        """The first line a stranger hears."""
        with self.connect(protocol, peer) as client, client.makefile("rb") as heard:
            return heard.readline()

    def lets_in(self, protocol: str, peer: str) -> bool:
        """Whether a stranger is greeted; anything but the right words of either kind fails."""
        heard = self.greeted(protocol, peer)
        if heard.startswith(GOOD[protocol]):
            return True
        assert heard.startswith(KEPT_OUT[protocol]), heard
        return False

    def api(self, method: str, path: str, expect: int = 200, **body: Any) -> Any:
        """What the API answers the administrator."""
        client = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            client.request(method, "/api/v1" + path, json.dumps(body) if body else None, headers)
            answer = client.getresponse()
            told = json.loads(answer.read())
        finally:
            client.close()
        assert answer.status in (expect, 201), told
        return told

    def set(self, name: str, value: str) -> None:
        """Set a setting."""
        self.api("PUT", f"/settings/{name}", value=value)

    def tried(self, address: str) -> Any:
        """What an address may do, and why."""
        return self.api("GET", f"/ranges/try?address={address}")

    @property
    def warnings(self) -> str:
        """What the administrator is warned of."""
        return " ".join(each["what"] for each in self.api("GET", "/status")["warnings"])

    def page(self, peer: str) -> int:
        """The status of the page to sign in at, for a visitor behind a web proxy."""
        client = http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
        try:
            headers = {"X-Forwarded-For": peer, "X-Forwarded-Proto": "https", "Host": "mail.posthouse.test"}
            client.request("GET", "/sign-in", headers=headers)
            return client.getresponse().status
        finally:
            client.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    made = Proxied(tmp_path_factory.mktemp("networks") / "server", workers=2)
    made.add_domain()
    made.add_account(ADMIN)
    made.command("account", "role", ADMIN, "server", "--now")
    made.start()
    try:
        rights = ("--right", "view", "--right", "change")
        made.token = json.loads(made.command("token", "add", ADMIN, "all", *rights, "--json").stdout)["token"]
        made.set("blocklists.allow_private", "true")
        made.set("http.trusted_proxies", "127.0.0.1/32")
        yield made
    finally:
        made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


@pytest.fixture(autouse=True)
def clean(server: Proxied) -> Iterator[None]:
    """Each story begins with no list, no rule for countries, and usual bounds."""
    yield
    for each in server.api("GET", "/network-lists")["lists"]:
        server.api("DELETE", f"/network-lists/{each['name']}")


def until(true: Callable[[], object], what: str = "", seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"it did not come about in time: {what}"
        time.sleep(0.1)


def holds(server: Proxied, peer: str, kept_out: bool, protocol: str = "smtp") -> None:
    """All workers hold to it: several connections in a row say so."""
    until(
        lambda: all(server.lets_in(protocol, peer) != kept_out for _ in range(4)),
        f"{peer} kept out of {protocol}: {kept_out}",
    )


def test_a_list_from_a_url_holds_everywhere_and_follows_its_place(server: Proxied) -> None:
    with ListServer() as place:
        place.paths["/drop.txt"] = Listed(b"; a list\n203.0.113.0/24 ; SBL1\n2001:db8:bad::/48\n")
        made = server.api("POST", "/network-lists", name="drop", place=place.url("/drop.txt"))
        assert (made["entries"], made["trouble"], made["holds"]) == (2, "", True)
        for protocol in PROTOCOLS:
            holds(server, "203.0.113.9", True, protocol)
            holds(server, "2001:db8:bad::1", True, protocol)
            assert server.lets_in(protocol, "198.51.100.1")
        assert server.page("203.0.113.9") == 403
        assert server.page("198.51.100.1") == 200
        why = server.tried("203.0.113.9")
        assert why["judged"]["imap"] == "list drop 203.0.113.0/24"
        assert set(why["refused"]) == {"smtp", "submission", "imap", "pop3", "web"}
        assert "list drop 203.0.113.0/24" in server.log
        assert server.api("GET", "/network-lists/drop")["refused"] >= 2 * len(PROTOCOLS)

        # Another content there: who left the list comes in, who is new does not.
        place.paths["/drop.txt"] = Listed(b'{"cidr":"198.51.100.0/24","sblid":"x"}\n{"type":"metadata"}\n')
        assert server.api("POST", "/network-lists/drop/refresh")["entries"] == 1
        holds(server, "198.51.100.1", True)
        holds(server, "203.0.113.9", False)

        # An allow list wins, and so does a range of one's own; a list may hold for some protocols alone.
        allowed = server.folder / "partners.txt"
        allowed.write_text("198.51.100.7\n")
        server.api("POST", "/network-lists", name="partners", place=str(allowed), kind="allow")
        holds(server, "198.51.100.7", False)
        holds(server, "198.51.100.8", True)
        server.command("range", "put", "Branch", "198.51.100.8/30", "--now")
        holds(server, "198.51.100.8", False)
        assert server.tried("198.51.100.8")["above"]
        server.command("range", "remove", "Branch", "--now")
        server.api("PATCH", "/network-lists/drop", protocols=["smtp"])
        holds(server, "198.51.100.9", False, "imap")
        holds(server, "198.51.100.9", True, "smtp")
        server.api("PATCH", "/network-lists/drop", active=False)
        holds(server, "198.51.100.9", False, "smtp")
        server.api("DELETE", "/network-lists/drop")
        assert [each["name"] for each in server.api("GET", "/network-lists")["lists"]] == ["partners"]


def test_what_fails_leaves_the_good_copy_over_restarts_too(server: Proxied) -> None:
    with ListServer() as place:
        place.paths["/l"] = Listed(b"203.0.113.0/24\n")
        server.api("POST", "/network-lists", name="l", place=place.url("/l"))
        holds(server, "203.0.113.9", True)
        server.set("blocklists.time", "1")
        server.set("blocklists.largest", "100000")
        for broken, reason in (
            (Listed(b"", 500), "the answer is 500"),
            (Listed(b"", 304), "the answer is 304"),
            (Listed(b""), "empty"),
            (Listed(b"<html>Not a list, but 200</html>"), "no list of networks"),
            (Listed(b"203.0.113.1\n" * 20_000), "larger than"),
            (Listed(endless=True), "larger than"),
            (Listed(b"203.0.113.1\n" * 10, pause=0.6), "within 1 seconds"),
            (Listed(to=place.url("/l")), "redirected too often"),
            (Listed(to="file:///etc/passwd"), "redirected"),
            (Listed(b"203.0.113.1\n", encoding="gzip"), "compressed"),
        ):
            place.paths["/l"] = broken
            after = server.api("POST", "/network-lists/l/refresh")
            assert reason in after["trouble"], after
            assert after["entries"] == 1
            assert not server.lets_in("smtp", "203.0.113.9")
        assert "The list l cannot be refreshed" in server.warnings
        place.paths["/l"], place.paths["/m"] = Listed(to="/m"), Listed(b"203.0.113.0/24\n")
        assert server.api("POST", "/network-lists/l/refresh")["trouble"] == ""
        assert "The list l" not in server.warnings
    server.stop()
    server.start()  # its place is gone by now, and the copy holds from the first connection on
    assert not server.lets_in("smtp", "203.0.113.9")
    assert server.lets_in("smtp", "198.51.100.9")
    after = server.api("POST", "/network-lists/l/refresh")
    assert after["failures"] == 1
    server.set("blocklists.time", "60")
    assert not server.lets_in("smtp", "203.0.113.9")


def test_a_list_is_asked_for_only_where_it_changed(server: Proxied) -> None:
    """By itself: the file when it was written, the URL by its ETag."""
    own = server.folder / "own.txt"
    own.write_text("203.0.113.1\n")
    with ListServer() as place:
        place.paths["/l"] = Listed(b"198.51.100.0/24\n")
        server.api("POST", "/network-lists", name="own", place=str(own), refresh="10s")
        server.api("POST", "/network-lists", name="l", place=place.url("/l"))
        holds(server, "203.0.113.1", True)
        own.write_text("203.0.113.2\n203.0.113.3\n")
        # Off and on again: it is got as at its time.
        server.api("PATCH", "/network-lists/l", active=False)
        server.api("PATCH", "/network-lists/l", active=True)
        assert place.statuses("/l") == [200, 304]
        assert server.api("GET", "/network-lists/l")["entries"] == 1
        until(lambda: server.lets_in("smtp", "203.0.113.1"), "the file is read again", 120)
        holds(server, "203.0.113.3", True)
    own.unlink()
    until(lambda: server.api("GET", "/network-lists/own")["trouble"], "its loss is noticed", 120)
    assert not server.lets_in("smtp", "203.0.113.3")


def test_whoever_is_connected_is_told_goodbye_but_never_an_administrator(server: Proxied) -> None:
    # Passwords without TLS, so that the test may speak in clear; low enough for lists to hold.
    rules = ("--priority", "12", "--rules", "smtp,submission,imap,pop3,web,outside-to-local")
    server.command("range", "put", "Plain", "203.0.113.0/24", *rules, "--now")
    blocked = server.folder / "blocked.txt"
    blocked.write_text("203.0.113.0/24\n")
    admin, other = server.connect("imap", "203.0.113.5"), server.connect("imap", "203.0.113.6")
    with admin, other, admin.makefile("rb") as admin_hears, other.makefile("rb") as other_hears:
        assert other_hears.readline().startswith(b"* OK")
        admin_hears.readline()
        admin.sendall(f"a LOGIN {ADMIN} {PASSWORD}\r\n".encode())
        while not (heard := admin_hears.readline()).startswith(b"a "):
            assert heard
        assert heard.startswith(b"a OK"), heard
        server.api("POST", "/network-lists", name="own", place=str(server.folder / "none"))
        until(lambda: server.tried("203.0.113.5")["spared"], "it is known where the administrator is", 90)
        server.api("PATCH", "/network-lists/own", place=str(blocked))
        assert other_hears.readline().startswith(b"* BYE")
        holds(server, "203.0.113.6", True, "imap")
        admin.sendall(b"b NOOP\r\n")
        assert admin_hears.readline().startswith(b"b OK")
        assert server.lets_in("imap", "203.0.113.5")
        tried = server.tried("203.0.113.5")
        assert tried["spared"]
        assert tried["judged"]
        assert not tried["refused"]
    server.command("range", "remove", "Plain", "--now")


def database(path: Path, countries: dict[str, str]) -> None:
    """A made database of countries, put in place at once."""
    writer = MMDBWriter(6, "Made-Country", languages=["en"], description="made", ipv4_compatible=True)
    for network, country in countries.items():
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}})
    writer.to_db_file(str(path) + ".new")
    shutil.move(str(path) + ".new", path)


def test_countries(server: Proxied) -> None:
    file = server.folder / "countries.mmdb"
    database(file, {"203.0.113.0/24": "XX", "198.51.100.0/24": "DE", "2001:db8:bad::/48": "XX"})
    server.set("geoip.smtp", "block xx")
    assert "no database that knows them" in server.warnings
    assert server.lets_in("smtp", "203.0.113.9")
    server.set("geoip.database", str(file))
    holds(server, "203.0.113.9", True)
    holds(server, "2001:db8:bad::1", True)
    assert server.lets_in("imap", "203.0.113.9")
    server.set("geoip.imap", "only DE")
    server.set("geoip.web", "only DE")
    holds(server, "203.0.113.9", True, "imap")
    holds(server, "198.51.100.9", False, "imap")
    holds(server, "192.0.2.9", False, "imap")  # of no known country
    assert (server.page("203.0.113.9"), server.page("198.51.100.9")) == (403, 200)
    why = server.tried("203.0.113.9")
    assert (why["country"], why["judged"]["imap"]) == ("XX", "country XX")
    assert server.api("GET", "/network-lists")["countries"]["refused"]["XX"] > 0

    database(file, {"203.0.113.0/24": "DE", "198.51.100.0/24": "XX"})  # read again by itself
    holds(server, "203.0.113.9", False, "imap")
    holds(server, "198.51.100.9", True)
    file.write_bytes(file.read_bytes()[:300])
    holds(server, "198.51.100.9", False)  # a broken one keeps nobody out
    until(lambda: "cannot be used" in server.warnings)
    file.unlink()
    until(lambda: "No such file" in server.warnings)
    database(file, {"198.51.100.0/24": "XX"})
    holds(server, "198.51.100.9", True)
    assert "cannot be used" not in server.warnings
    server.api("PUT", "/settings/geoip.imap", expect=422, value="perhaps DE")
