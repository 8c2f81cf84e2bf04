"""Whether the time of a wrong sign-in tells who exists: medians for accounts, names that nobody has, closed accounts
and imported hashes, each in turn, by every way in. ``python bench/sign_in_times.py [TRIES]`` (1,000 by default).

Two servers are started with their embedded default. One has accounts of its own only: a refusal costs one hash whoever
was asked for. The other has imported hashes too, of which one kind takes long to check: every refusal waits until
``signin.refusal_time`` is over, so there some are made side by side. Delays that wrong tries earn, bans and limits are
off. Each try asks for another name, on a connection that is open already, so that what is measured is the answer
alone.

It prints medians and how far each is from that of a name nobody has, and ends with 1 where one is more than 5 % off.
Run it on a machine that does nothing else: 1,000 tries take about half an hour on two cores.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.ours import Posthouse
from bench.ports import free_port
from posthouse.database.contract import Transaction
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.directory import admin, foreign_hashes
from posthouse.directory.passwords import Credentials, Passwords

MOST_APART = 5.0
"""Per cent by which a median may differ from that of a name nobody has."""

SIDE_BY_SIDE = 5
"""Refusals that wait at the same time: so few that their hashes do not wait for each other as well."""

BASE = "nobody"
OWN = (BASE, "here", "closed")
IMPORTED = (BASE, "here", "md5", "slow")
SLOW_ROUNDS = 310_000
WORDS = {
    "nobody": "a name nobody has",
    "here": "an account",
    "closed": "a closed account",
    "md5": "an imported MD5",
    "slow": f"an imported PBKDF2 of {SLOW_ROUNDS} rounds",
}
LIFTED = {
    "signin.longest_delay": "0",
    "autoban.failures": "0",
    "autoban.account_failures": "0",
    "identity.most_failures": "10000",
    "signin.refusal_time": "0.5",
    "http.rate": "10000",
    "http.burst": "100000",
    "oauth.server": "true",
    "oauth.issuer": "https://bench.test",
}
MORE = """
[[listener]]
protocol = "submission"
address = "127.0.0.1"
port = {submission}

[[listener]]
protocol = "http"
address = "127.0.0.1"
port = {http}
tls = "none"
"""


class Server(Posthouse):
    """One with submission and pages besides."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.submission, self.http = free_port(), free_port()

    def configuration(self) -> str:
        """All listeners."""
        return super().configuration() + MORE.format(submission=self.submission, http=self.http)

    def _environment(self) -> dict[str, str]:
        """The compiled modules that are there: how long a start takes is not what is measured."""
        return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def lift(self) -> None:
        """Switch off what slows down or bans whoever guesses."""
        for name, value in LIFTED.items():
            self._command("setting", "set", name, value)


class Talk:
    """A plain connection on which one line is sent at a time and answered by some."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = self._socket.makefile("rb")

    def until(self, *ends: bytes) -> bytes:
        """The first line that begins with one of these."""
        while line := self._read.readline():
            if line.startswith(ends):
                return line
        raise RuntimeError("the server hung up")

    def ask(self, line: str, *ends: bytes) -> bytes:
        """Send a line, return what answers it."""
        self._socket.sendall(line.encode() + b"\r\n")
        return self.until(*ends)

    def timed(self, line: str, *ends: bytes) -> tuple[float, bytes]:
        """As :meth:`ask`, with the seconds it took."""
        began = time.perf_counter()
        answer = self.ask(line, *ends)
        return time.perf_counter() - began, answer

    def close(self) -> None:
        """Hang up."""
        self._read.close()
        self._socket.close()


def _sasl(*parts: str) -> str:
    return base64.b64encode("\0".join(parts).encode()).decode()


def imap_login(server: Server, login: str, password: str) -> float:
    """LOGIN."""
    return _imap(server, f'a LOGIN "{login}" "{password}"', b"a NO [AUTHENTICATIONFAILED]")


def imap_plain(server: Server, login: str, password: str) -> float:
    """AUTHENTICATE PLAIN."""
    return _imap(server, f"a AUTHENTICATE PLAIN {_sasl('', login, password)}", b"a NO [AUTHENTICATIONFAILED]")


def scram_first(server: Server, login: str, password: str) -> float:
    """The first step of SCRAM-SHA-256: salt and rounds."""
    first = base64.b64encode(f"n,,n={login},r=fyko+d2lbbFgONRv9qkx".encode()).decode()
    return _imap(server, f"a AUTHENTICATE SCRAM-SHA-256 {first}", b"+ ")


def oauth(server: Server, login: str, password: str) -> float:
    """OAUTHBEARER with a token nobody gave out."""
    first = base64.b64encode(f"n,a={login},\x01auth=Bearer {password}x\x01\x01".encode()).decode()
    return _imap(server, f"a AUTHENTICATE OAUTHBEARER {first}", b"+ ", b"a NO [AUTHENTICATIONFAILED]")


def _imap(server: Server, line: str, *wanted: bytes) -> float:
    talk = Talk(server.imap)
    talk.until(b"* OK")
    seconds, answer = talk.timed(line, b"a ", b"+ ")
    talk.close()
    return _checked(seconds, answer, *wanted)


def smtp_plain(server: Server, login: str, password: str) -> float:
    """AUTH PLAIN at submission."""
    talk = Talk(server.submission)
    talk.until(b"220 ")
    talk.ask("EHLO bench.test", b"250 ")
    seconds, answer = talk.timed(f"AUTH PLAIN {_sasl('', login, password)}", b"5", b"2", b"4")
    talk.close()
    return _checked(seconds, answer, b"535 5.7.8")


def pop3_pass(server: Server, login: str, password: str) -> float:
    """USER and PASS."""
    talk = Talk(server.pop3)
    talk.until(b"+OK")
    talk.ask(f"USER {login}", b"+OK")
    seconds, answer = talk.timed(f"PASS {password}", b"+", b"-")
    talk.close()
    return _checked(seconds, answer, b"-ERR [AUTH]")


def web(server: Server, login: str, password: str) -> float:
    """The form of the pages."""
    # From many addresses: the pages check only so many passwords for one at the same time.
    source = f"127.0.0.{random.randrange(2, 250)}"
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=60, source_address=(source, 0))
    connection.connect()
    body = urlencode({"login": login, "password": password})
    origin = f"http://127.0.0.1:{server.http}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
    began = time.perf_counter()
    connection.request("POST", "/sign-in", body, headers)
    answer = connection.getresponse()
    answer.read()
    seconds = time.perf_counter() - began
    connection.close()
    return _checked(seconds, str(answer.status).encode(), b"403")


def _checked(seconds: float, answer: bytes, *wanted: bytes) -> float:
    if not answer.startswith(wanted):
        raise RuntimeError(f"not the answer to a wrong sign-in: {answer[:120]!r}")
    return seconds


Way = Callable[[Server, str, str], float]
WAYS: tuple[Way, ...] = (imap_login, imap_plain, scram_first, oauth, smtp_plain, pop3_pass, web)
WAITING: tuple[Way, ...] = (imap_login, web)
"""Ways that are tried where refusals wait; what waits is the same code for all."""


def name_of(kind: str, way: Way, number: int) -> str:
    """The name that one try asks for; those of accounts have all one length."""
    return f"{kind:x<6}-{way.__name__}-{number:07}@bench.test"


async def furnish(folder: Path, kinds: tuple[str, ...], ways: tuple[Way, ...], tries: int) -> None:
    """Make the accounts that are asked for. Those of a kind share one hash, which nobody notices."""
    passwords = Passwords(1)
    made: dict[str, Credentials] = {"here": await passwords.make("a password of some length")}
    made["closed"] = made["here"]
    md5 = hashlib.md5(b"secret", usedforsecurity=False).hexdigest()
    made["md5"] = await passwords.take_over(foreign_hashes.parse("md5", md5))
    salt, digest = b"salt" * 4, hashlib.pbkdf2_hmac("sha256", b"secret", b"salt" * 4, SLOW_ROUNDS)
    parts = (base64.b64encode(each).decode().rstrip("=") for each in (salt, digest))
    phc = f"$pbkdf2-sha256$i={SLOW_ROUNDS}${'$'.join(parts)}"
    made["slow"] = await passwords.take_over(foreign_hashes.parse("phc", phc))
    passwords.close()
    database = await open_database(sqlite_url(folder / "data" / "posthouse.db"), upgrade=False)

    def op(tx: Transaction, kind: str, names: list[str]) -> None:
        for name in names:
            admin.add_account(tx, name, made[kind])
            if kind == "closed":
                admin.set_active(tx, name, False)

    for kind in kinds:
        names = [name_of(kind, way, number) for way in ways for number in range(tries)]
        for start in range(0, len(names) if kind != BASE else 0, 200):
            await database.run(op, kind, names[start : start + 200])
    await database.close()


def measure(
    server: Server, kinds: tuple[str, ...], way: Way, tries: int, at_once: int
) -> dict[str, list[float]]:
    """Ask for each kind in turn, each time another one first; ``at_once`` of these rounds side by side."""
    times: dict[str, list[float]] = {kind: [] for kind in kinds}

    def ask(number: int) -> None:
        shift = number % len(kinds)
        for kind in (*kinds[shift:], *kinds[:shift]):
            seconds = way(server, name_of(kind, way, max(number, 0)), f"wrong-{number}-{kind}")
            if number >= 0:  # the first is for warming up
                times[kind].append(seconds)

    ask(-1)
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(ask, range(tries)):
            pass
    return times


def tell(way: Way, times: dict[str, list[float]]) -> bool:
    """Print the medians of one way in; whether they are near enough to each other."""
    base, good = statistics.median(times[BASE]), True
    print(f"{(way.__doc__ or '').rstrip('.')}")
    for kind, found in times.items():
        median = statistics.median(found)
        apart = (median / base - 1) * 100
        good = good and abs(apart) <= MOST_APART
        mark = "" if abs(apart) <= MOST_APART else "   TOO FAR"
        print(f"  {WORDS[kind]:>36} {median * 1000:9.3f} ms {apart:+7.2f} %{mark}", flush=True)
    return good


def compare(heading: str, kinds: tuple[str, ...], ways: tuple[Way, ...], tries: int, at_once: int) -> bool:
    """Start a server with such accounts and try every way in."""
    print(f"\n{heading}, {tries} tries each\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        try:
            server.lift()
            server.stop()
            asyncio.run(furnish(server.folder, kinds, ways, tries))
            server.start()
            time.sleep(6)  # until the server has seen what hashes there are
            found = [tell(way, measure(server, kinds, way, tries, at_once)) for way in ways]
            return all(found)
        finally:
            server.stop()


def main(tries: int) -> int:
    """Both servers; 0 where nothing is too far from the rest."""
    good = compare("Accounts of this server only", OWN, WAYS, tries, 1)
    good = compare("With imported hashes", IMPORTED, WAITING, tries, SIDE_BY_SIDE) and good
    print(f"\n{'Nothing' if good else 'Something'} is more than {MOST_APART:g} % apart.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
