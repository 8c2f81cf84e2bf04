"""Certificates from an authority (Pebble): every kind of proof, what goes wrong, renewal under live sessions, and an
order that is killed half-way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from knot import Knot
from pebble import Pebble
from renewal_info import RenewalInfo
from running import RunningServer

from ports import free_port
from posthouse.net.acme.renewal import certificate_name

HOST = "mail.posthouse.test"

HOOK = """
import json, sys, urllib.request
verb, name, value = sys.argv[2:5]
message = {"host": name + "."} | ({"value": value} if verb == "add" else {})
url = sys.argv[1] + ("/set-txt" if verb == "add" else "/clear-txt")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(url, json.dumps(message).encode(), 10).read()
"""
"""A command for certificates.dns_hook that tells Pebble's name server."""

pytestmark = pytest.mark.needs("pebble", "pebble-challtestsrv")


@pytest.fixture
def pebble() -> Iterator[Pebble]:
    authority = Pebble()
    authority.start()
    yield authority
    authority.close()


class Customer:
    """A server with http and https, that orders from Pebble."""

    def __init__(self, folder: Path, pebble: Pebble, workers: int = 1) -> None:
        self.server = RunningServer(folder / "server", workers=workers)
        self.pebble = pebble
        self.http, self.https = pebble.http_port, pebble.tls_port
        with self.server.config.open("a") as config:
            for port, tls in ((self.http, "none"), (self.https, "implicit")):
                config.write(
                    f'[[listener]]\nprotocol = "http"\naddress = "127.0.0.1"\nport = {port}\ntls = "{tls}"\n'
                )

    def start(self) -> None:
        """Start, and agree to the terms."""
        self.set("look_interval", "1s")
        self.server.start()
        self.set("directory", self.pebble.directory)
        self.set("ca_file", str(self.pebble.ca_file))
        self.json("agree", "--yes", "--contact", "admin@posthouse.test")

    def set(self, name: str, value: str) -> None:
        self.server.command("setting", "set", f"certificates.{name}", value)

    def json(self, *words: str) -> Any:
        """The result of a certificate command that succeeds."""
        return json.loads(self.server.command("certificate", *words, "--json").stdout)

    def refused(self, *words: str) -> dict[str, Any]:
        """The error of one that does not."""
        done = self.server.command("certificate", *words, "--json", check=False)
        assert done.returncode != 0, done.stdout
        found: dict[str, Any] = json.loads(done.stderr)["error"]
        return found

    def one(self, name: str) -> dict[str, Any]:
        """A certificate of the list."""
        return next(row for row in self.json("list")["certificates"] if row["name"] == name)

    def handshake(self, port: int, host: str = HOST) -> ssl.SSLSocket:
        """A new TLS connection."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port), 10)
        return context.wrap_socket(plain, server_hostname=host)

    def shown(self, port: int, host: str = HOST) -> str:
        """The fingerprint that a new handshake sees."""
        with self.handshake(port, host) as connection:
            return fingerprint(connection)


def fingerprint(connection: ssl.SSLSocket) -> str:
    der = connection.getpeercert(binary_form=True)
    assert der is not None
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def wait(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"waited in vain: {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def customer(folder: Path, pebble: Pebble, workers: int = 1) -> Iterator[Customer]:
    made = Customer(folder, pebble, workers)
    made.start()
    try:
        yield made
    finally:
        made.server.kill()
    assert not (broken := made.server.log.partition("Traceback")[2][:4000]), broken
    assert "PRIVATE KEY" not in made.server.log


def test_every_proof_and_a_renewal_under_live_sessions(tmp_path: Path, pebble: Pebble) -> None:
    """HTTP-01, TLS-ALPN-01 and DNS-01 by a command each bring a certificate that all workers show by host name; a
    renewal leaves open sessions alone."""
    hook = tmp_path / "hook.py"
    hook.write_text(HOOK)
    with customer(tmp_path, pebble, workers=2) as mine:
        first = mine.json("order", HOST, "--challenge", "http-01")
        assert first["hosts"] == [HOST]
        assert first["state"] == "in use"
        assert "Pebble" in first["issuer"]
        second = mine.json("order", "imap.posthouse.test", "--challenge", "tls-alpn-01")
        mine.set("dns_hook", f"{sys.executable} {hook} {pebble.dns_management}")
        third = mine.json("order", "*.wild.posthouse.test", "wild.posthouse.test")
        assert third["challenge"] == "automatic"
        for view, host in (
            (first, HOST),
            (second, "imap.posthouse.test"),
            (third, "any.wild.posthouse.test"),
        ):
            for port in (mine.server.imaps, mine.https):
                for _ in range(4):  # connections go to both workers
                    wait(lambda: mine.shown(port, host) == view["fingerprint"], f"{host} on {port}")  # noqa: B023

        with mine.handshake(mine.server.imaps) as live, mine.handshake(mine.https) as web:
            assert live.recv(4096).startswith(b"* OK")
            renewed = mine.json("renew", HOST)
            assert renewed["fingerprint"] != first["fingerprint"]
            assert renewed["name"] == first["name"]
            wait(lambda: mine.shown(mine.server.imaps) == renewed["fingerprint"], "the new certificate")
            assert mine.shown(mine.https) == renewed["fingerprint"]
            live.sendall(b"a noop\r\n")
            assert live.recv(4096).startswith(b"a OK")
            web.sendall(
                b"GET /.well-known/acme-challenge/nothing HTTP/1.1\r\nHost: mail.posthouse.test\r\n\r\n"
            )
            assert web.recv(4096).startswith(b"HTTP/1.1 404")
            assert fingerprint(live) == first["fingerprint"]

        audit = mine.server.command("audit", "list", "--json").stdout
        assert "certificate.order" in audit
        assert "PRIVATE KEY" not in audit


def test_what_goes_wrong_is_said(tmp_path: Path, pebble: Pebble) -> None:
    """Each failure names the name, the proof and the reason, is kept in the list, and is not tried again at once."""
    with customer(tmp_path, pebble) as mine:
        mine.json("agree", "--no")
        assert "terms" in mine.refused("order", HOST)["what"]
        mine.json("agree", "--yes")
        assert "host name" in mine.refused("order", "not a name")["what"]
        wild = mine.refused("order", "*.posthouse.test")
        assert any("dns_hook" in problem for problem in wild["problems"])
        assert len(mine.json("list")["certificates"]) == 1  # the self-made one: nothing was kept of these

        # The authority looks elsewhere: both ways are tried, both reasons are told.
        pebble.tell_dns("add-a", {"host": "away.posthouse.test.", "addresses": ["127.0.0.9"]})
        error = mine.refused("order", "away.posthouse.test")
        assert "away.posthouse.test (http-01): the authority could not connect" in error["what"]
        assert "away.posthouse.test (tls-alpn-01): the authority " in error["what"]
        assert "127.0.0.9" in error["what"]
        failed = mine.one("1")
        assert failed["state"] == "waiting"
        assert failed["failures"] == 1
        assert failed["next_try"] > time.time() + 60
        assert "away.posthouse.test (http-01)" in failed["last_error"]

        # The hook fails in its own words; a name server that is not there is named.
        mine.set("dns_hook", f"{sys.executable} -c 'raise SystemExit(\"no such zone\")'")
        error = mine.refused("order", "*.posthouse.test")
        assert "no such zone" in error["what"]
        assert "ended with status 1" in error["what"]
        mine.set("dns_server", f"127.0.0.1:{free_port()}")
        assert (
            "name server 127.0.0.1:"
            in mine.refused("order", "b.posthouse.test", "--challenge", "dns-01")["what"]
        )

        # The account gets a new key; closed, it is made anew by the next order.
        account = mine.json("account-key")["account"]
        assert account
        assert mine.json("account-close", "--yes")["account"] == ""
        done = mine.json("order", HOST)
        assert done["state"] == "in use"
        assert mine.json("account")["account"] not in ("", account)

        # A foreign certificate in front of the directory.
        mine.set("ca_file", "default")
        error = mine.refused("renew", HOST)
        assert error["kind"] == "unavailable"
        assert "certificates.ca_file" in error["what"]
        assert mine.shown(mine.https) == done["fingerprint"]  # the old one stays


def test_a_customer_number_is_asked_for(tmp_path: Path) -> None:
    """An authority with External Account Binding."""
    secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    authority = Pebble(bindings={"kid-1": secret})
    authority.start()
    try:
        with customer(tmp_path, authority) as mine:
            assert mine.json("account")["needs_binding"]
            assert "certificates.eab_key_id" in mine.refused("order", HOST)["what"]
            mine.set("eab_key_id", "kid-1")
            mine.set("eab_hmac_key", secret[::-1])
            wrong = mine.refused("renew", HOST)
            assert "says" in wrong["what"]
            mine.set("eab_hmac_key", secret)
            assert mine.json("renew", HOST)["state"] == "in use"
            assert secret not in mine.server.log
    finally:
        authority.close()


def test_killed_in_the_middle_of_an_order(tmp_path: Path, pebble: Pebble) -> None:
    """After kill -9 while the proof is shown, the next start completes the same order by itself."""
    started, go = tmp_path / "started", tmp_path / "go"
    hook = tmp_path / "hook.py"
    hook.write_text(
        f"import os, sys, time\nopen({str(started)!r}, 'w').close()\n"
        f"while sys.argv[2] == 'add' and not os.path.exists({str(go)!r}): time.sleep(0.05)\n" + HOOK
    )
    with customer(tmp_path, pebble) as mine:
        mine.set("dns_hook", f"{sys.executable} {hook} {pebble.dns_management}")
        mine.server.command("setting", "set", "certificates.dns_hook_time", "60s")
        command = [sys.executable, "-m", "posthouse", "certificate"]
        asking = subprocess.Popen(
            [*command, "order", HOST, "--challenge", "dns-01", "--config", str(mine.server.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait(started.exists, "the hook")
        mine.server.kill()
        asking.wait(20)
        go.touch()
        assert pebble.log.count("Added order") == 1
        mine.server.start()
        wait(lambda: mine.one("1")["state"] == "in use", "the certificate", 60)
        assert pebble.log.count("Added order") == 1
        assert mine.shown(mine.https) == mine.one("1")["fingerprint"]


@pytest.mark.needs("knotd")
def test_wildcard_by_dynamic_update(tmp_path: Path) -> None:
    """DNS-01 with TSIG on a real name server: a wrong key is refused in words, the right one brings a wildcard, and
    no record stays behind."""
    knot = Knot()
    authority = Pebble(dns_server=knot.place)
    authority.start()
    try:
        with customer(tmp_path, authority) as mine:
            mine.set("dns_server", knot.place)
            mine.set("dns_key_name", knot.key_name)
            mine.set("dns_key_secret", "d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldA==")
            error = mine.refused("order", "*.posthouse.test", "posthouse.test")
            assert f"the name server {knot.place} " in error["what"]
            assert "certificates.dns_key_name" in error["what"]
            mine.set("dns_key_secret", knot.secret)
            done = mine.json("renew", "1")
            assert done["hosts"] == ["*.posthouse.test", "posthouse.test"]
            assert done["failures"] == 0
            assert mine.shown(mine.https, "pop.posthouse.test") == done["fingerprint"]
            assert knot.texts("_acme-challenge.posthouse.test") == []
            foreign = mine.refused("order", "mail.example.org", "--challenge", "dns-01")["what"]
            assert "not responsible for _acme-challenge.mail.example.org" in foreign
            assert knot.secret not in mine.server.log
    finally:
        authority.close()
        knot.close()


def test_renewed_when_the_authority_says_so(tmp_path: Path, pebble: Pebble) -> None:
    """ARI: a window in the past renews at once, by itself; the successor waits for its own window."""
    day = 86400.0
    first: list[str] = []

    def window(name: str) -> tuple[float, float]:
        first.append(name)
        return (-2 * day, -day) if name == first[0] else (30 * day, 31 * day)

    suggested = RenewalInfo(pebble, window)
    try:
        with customer(tmp_path, pebble) as mine:
            mine.set("directory", suggested.directory)
            before = mine.json("order", HOST)
            wait(lambda: mine.one("1")["fingerprint"] != before["fingerprint"], "the renewal")
            wait(lambda: mine.one("1")["window_end"] > time.time(), "the new window")
            after = mine.one("1")
            assert after["window_begin"] <= after["next_renewal"] <= after["window_end"]
            assert after["window_end"] - after["window_begin"] == pytest.approx(day, abs=2)
            assert len(suggested.asked) == 2  # one question for each certificate: it keeps to Retry-After
            assert suggested.asked[1] == certificate_name(mine.json("show", "1")["chain"])
            assert mine.shown(mine.https) == after["fingerprint"]
    finally:
        suggested.close()
