"""The end of set-up: a real message goes out. First nobody answers on port 25 and the page says what helps; a smart
host takes it; then the other server's own host does; then it refuses, and says why."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dns_server import DnsServer
from running import RunningServer
from test_wizard import ADDRESS, Arrive, NewServer, Person, arrive, nameserver, outside, questions

from ports import free_port

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

__all__ = ["arrive", "nameserver"]

THERE = "elsewhere.example"
MX = "127.44.7.9"
NOWHERE = "192.0.2.9"
"""An address that no machine has (RFC 5737)."""
ME = f"me@{THERE}"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[RunningServer]:
    """Another provider's server, which the smart host leads to."""
    made = RunningServer(tmp_path / "elsewhere")
    made.config.write_text(made.config.read_text().replace("mail.posthouse.test", f"mx.{THERE}"))
    made.add_domain(THERE)
    made.add_account(ME)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def server(tmp_path: Path, nameserver: DnsServer) -> Iterator[NewServer]:
    nameserver.add(f"{THERE}. 60 MX 10 mx.{THERE}.\nmx.{THERE}. 60 A {NOWHERE}\n")
    made = NewServer(tmp_path / "server")
    made.prepare(
        {
            **outside(nameserver),
            "diagnostics.port": str(made.smtp),
            "mx.places": "any",
            "remote.connect_time": "2s",
        },
        free_port(),
        free_port(),
    )
    made.start()
    yield made
    made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


def follow(person: Person, mark: str) -> str:
    """Wait until the card says so; what it tells."""
    card = person.page.locator("[aria-labelledby=outward]")
    until = time.monotonic() + 60
    while (
        re.search(
            mark,
            card.locator("header .mark").first.inner_text() if card.locator("header .mark").count() else "",
        )
        is None
    ):
        assert time.monotonic() < until, card.inner_text()
        time.sleep(0.3)
    person.watched.look()
    return card.inner_text()


def test_the_way_out(
    server: NewServer, nameserver: DnsServer, elsewhere: RunningServer, arrive: Arrive, tmp_path: Path
) -> None:
    person = arrive()
    page = person.page
    page.goto(server.link())
    questions(person, certificate=False)
    assert "follows it until the other server has it" in page.inner_text("[aria-labelledby=outward]")

    # An address of our own shows nothing.
    person.fill("address", ADDRESS)
    person.click("Send the message")
    assert "is a domain of this server" in page.inner_text("[aria-labelledby=outward] .wrong")
    person.fill("address", ME)
    person.click("Send the message")
    told = follow(person, "not yet")
    assert "blocks port 25 outward" in told
    assert NOWHERE in told
    assert "smart host" in told
    person.watched.picture("setup-outward-blocked-desk")

    # The way around it.
    person.fill("target", "127.0.0.1")
    person.fill("port", str(elsewhere.smtp))
    page.select_option("[name=security]", "may")
    page.uncheck("[name=verify]")
    person.click("Save, and try the message again")
    told = follow(person, "yes")
    assert "has taken the message" in told
    assert "encrypted (TLSv1.3" in told
    person.watched.picture("setup-outward-sent-desk")
    found = json.loads(elsewhere.command("message", "trace", ME, "--json").stdout)["traces"]
    assert len(found) == 1
    shown = json.loads(server.command("setup", "outward", "--state", "--json").stdout)
    assert (shown["state"], shown["address"]) == ("sent", ME)
    server.command("route", "smart-host", "--none")

    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("smtp-sink") is None:
        return  # port 25 is for root
    nameserver.remove(f"mx.{THERE}", "A")
    nameserver.add(f"mx.{THERE}. 60 A {MX}")
    with sink(tmp_path) as taken:
        page.locator("summary", has_text="Send to another address").click()
        person.fill("address", f"you@{THERE}")
        person.click("Send the message")
        told = follow(person, "yes")
        assert "clear text" in told
        assert taken()
    with sink(tmp_path, "-f", "RCPT"):
        done = server.command("setup", "outward", f"nobody@{THERE}", check=False)
        assert done.returncode == 1
        assert "word for word: 500" in done.stdout, done.stdout
        page.reload()
        told = follow(person, "^no$")
        assert "500" in told


class sink:  # noqa: N801 - reads as the program it is
    """smtp-sink on port 25 of the host that the DNS names."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder / f"sink-{time.monotonic_ns()}"
        self.words = words

    def __enter__(self) -> object:
        self.folder.mkdir(mode=0o777)
        self.process = subprocess.Popen(
            ["smtp-sink", "-u", "root", "-d", str(self.folder / "mail"), *self.words, f"{MX}:25", "10"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        assert self.process.poll() is None
        return lambda: [each for each in self.folder.iterdir() if each.name.startswith("mail")]

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
