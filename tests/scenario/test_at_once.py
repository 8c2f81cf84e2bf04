"""What an administrator changes holds on every worker when the command is answered.

Open connections to every worker ask before the change, so that each of them remembers an answer, and once after it:
nothing is asked twice, and nothing waits. What two workers could hide by luck, four do not.
"""

from __future__ import annotations

import imaplib
import os
import signal
import smtplib
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from matrix_scene import Matrix, Outside, reply
from running import PASSWORD, RunningServer

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name != "posix", reason="several workers need POSIX"),
]

ANNA, BERT = "anna@ours.test", "bert@ours.test"
RELAY = "127.0.0.3"
GUESSER = "203.0.113.9"
OTHER = "another-fine-password"
DIRECTIONS = "local-to-local,local-to-outside,outside-to-local,outside-to-outside"


class All:
    """The server, and connections to each of its workers."""

    def __init__(self, server: RunningServer, workers: int, stack: ExitStack) -> None:
        self.admin = Matrix(server, stack.enter_context(Outside()))
        self.call = self.admin.call
        self.server = server
        self.workers = set(range(workers))
        self.stack = stack
        self._names = 0

    def name(self) -> str:
        """One that no other connection has."""
        self._names += 1
        return f"c{self._names}.far.test"

    def where(self) -> dict[str, int]:
        """The worker of each open connection, by its name."""
        return {each["client"]: each["worker"] for each in self.call("session.list", limit=1000)["sessions"]}

    def each(self, open_one: Any) -> dict[int, Any]:
        """A connection to each worker: the kernel chooses, so it is asked as often as it takes."""
        found: dict[int, Any] = {}
        for _ in range(50):
            opened = {name: open_one(name) for name in [self.name() for _ in range(2 * len(self.workers))]}
            where = self.where()
            for name, client in opened.items():
                if where[name] in found:
                    client.close() if isinstance(client, smtplib.SMTP) else client.shutdown()
                else:
                    found[where[name]] = client
            if set(found) == self.workers:
                return found
        raise AssertionError(f"only workers {set(found)} took connections")

    def strangers(self, source: str = "127.0.0.1") -> dict[int, smtplib.SMTP]:
        """Sessions on port 25."""

        def open_one(name: str) -> smtplib.SMTP:
            client = smtplib.SMTP("127.0.0.1", self.server.smtp, name, 60, (source, 0))
            self.stack.callback(client.close)
            client.ehlo()
            return client

        found: dict[int, smtplib.SMTP] = self.each(open_one)
        return found

    def readers(self) -> dict[int, imaplib.IMAP4]:
        """IMAP sessions that nobody signed in to."""

        def open_one(name: str) -> imaplib.IMAP4:
            client = imaplib.IMAP4("127.0.0.1", self.server.imap, timeout=60)
            self.stack.callback(_shut, client)
            client.xatom("ID", f'("name" "{name}")')
            return client

        found: dict[int, imaplib.IMAP4] = self.each(open_one)
        return found


def _shut(client: imaplib.IMAP4) -> None:
    try:
        client.shutdown()
    except OSError:
        pass


def rcpt(clients: dict[int, smtplib.SMTP], recipient: str, size: int = 100) -> set[str]:
    """The answers of all workers."""
    answers = set()
    for client in clients.values():
        client.rset()
        client.mail("x@far.test", [f"SIZE={size}"])
        code, enhanced = reply(client.rcpt(recipient))
        answers.add(f"{code} {enhanced}")
    return answers


def sign_in(clients: dict[int, imaplib.IMAP4], password: str = PASSWORD, login: str = ANNA) -> set[str]:
    """The answers of all workers to this password."""
    answers: set[str] = set()
    for client in clients.values():
        try:
            answers.add(client.login(login, password)[0])
        except imaplib.IMAP4.error:
            answers.add("NO")
    return answers


def mail(clients: dict[int, smtplib.SMTP], size: int) -> set[int]:
    """The answers of all workers to a message of this size."""
    answers = set()
    for client in clients.values():
        client.rset()
        answers.add(client.mail("x@far.test", [f"SIZE={size}"])[0])
    return answers


@pytest.fixture(scope="module", params=[2, 4], ids=["two", "four"])
def every(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[All]:
    workers: int = request.param
    server = RunningServer(tmp_path_factory.mktemp("at-once") / "server", workers=workers)
    server.proxied = free_port()  # type: ignore[attr-defined]
    with server.config.open("a") as config:
        config.write(
            f'[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1"\nport = {server.proxied}\n'  # type: ignore[attr-defined]
            'tls = "none"\nproxy_from = ["127.0.0.1/32"]\n'
        )
    with ExitStack() as stack:
        stack.callback(server.kill)
        server.start(120)
        made = All(server, workers, stack)
        made.call("domain.add", name="ours.test")
        for name, value in (
            ("smtp.max_errors", "1000"),
            ("smtp.max_transactions", "0"),
            ("signin.free_failures", "100"),
            ("limits.connections_per_address", "1000"),
        ):
            made.call("setting.set", name=name, value=value)
        for address in (ANNA, BERT):
            made.call("account.add", address=address, password=PASSWORD)
        yield made
    assert "Traceback" not in server.log, server.log[-4000:]


@pytest.fixture(scope="module")
def smtp(every: All) -> dict[int, smtplib.SMTP]:
    return every.strangers()


def test_an_account_that_is_closed(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """It takes no mail, nobody signs in, and who is signed in is sent away; opened again it is as before."""
    assert rcpt(smtp, ANNA) == {"250 2.1.5"}
    inside = every.readers()
    assert sign_in(inside) == {"OK"}
    for active, answer, signed in ((False, "550 5.2.1", "NO"), (True, "250 2.1.5", "OK")) * 3:
        readers = every.readers()
        every.call("account.active", address=ANNA, active=active)
        assert rcpt(smtp, ANNA) == {answer}
        assert sign_in(readers) == {signed}
    for client in inside.values():
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            client.noop()


def test_a_password(every: All) -> None:
    """The old one is over, the new one is good."""
    assert sign_in(every.readers()) == {"OK"}
    for old, new in ((PASSWORD, OTHER), (OTHER, PASSWORD)) * 2:
        readers = every.readers()
        every.call("account.password", address=ANNA, password=new)
        assert sign_in(readers, old) == {"NO"}
        assert sign_in(readers, new) == {"OK"}


def test_an_app_password(every: All) -> None:
    """Made it signs in, removed it does not."""
    for _ in range(3):
        made = every.call("app_password.add", address=ANNA, name="phone")
        assert sign_in(every.readers(), made["password"]) == {"OK"}
        readers = every.readers()
        every.call("app_password.remove", id=made["about"]["id"])
        assert sign_in(readers, made["password"]) == {"NO"}


def test_second_factors(every: All) -> None:
    """Where those who have one need app passwords, its end ends the need. The factor is put into the database by hand:
    nobody is told, so that only its removal can be what the workers heard of."""
    every.call("setting.set", name="signin.app_passwords", value="second factor")
    try:
        with sqlite3.connect(every.server.data / "posthouse.db", timeout=30) as database:
            (account,) = database.execute("SELECT id FROM accounts WHERE address = ?", (BERT,)).fetchone()
            database.execute(
                "INSERT INTO factors (account_id, kind, name, mark, secret, counter, created_at, used_at)"
                " VALUES (?, 'totp', 'phone', ?, 'X', 0, 0, 0)",
                (account, os.urandom(32)),
            )
        database.close()
        every.call("alias.add", address="news@ours.test", target=ANNA)  # something that they do hear of
        readers = every.readers()
        assert sign_in(readers, login=BERT) == {"NO"}
        every.call("account.factors_clear", address=BERT)
        assert sign_in(readers, login=BERT) == {"OK"}
    finally:
        every.call("setting.set", name="signin.app_passwords", value="own choice")


def test_everybody_is_signed_out(every: All) -> None:
    """The sessions of each worker end."""
    readers = every.readers()
    assert sign_in(readers, login=BERT) == {"OK"}
    ended = every.call("account.sign_out", address=BERT)
    assert ended["connections"] >= len(every.workers)
    for client in readers.values():
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            client.noop()


def test_an_alias_that_comes_and_goes(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """By the control socket, and by a command of its own process."""
    for _ in range(5):
        assert rcpt(smtp, "info@ours.test") == {"550 5.1.1"}
        every.call("alias.add", address="info@ours.test", target=ANNA)
        assert rcpt(smtp, "info@ours.test") == {"250 2.1.5"}
        every.call("alias.remove", address="info@ours.test")
    assert rcpt(smtp, "info@ours.test") == {"550 5.1.1"}
    every.server.command("alias", "add", "info@ours.test", ANNA)
    assert rcpt(smtp, "info@ours.test") == {"250 2.1.5"}


def test_a_quota(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    for quota, answer in (
        ("1K", "552 5.2.3"),
        ("1M", "250 2.1.5"),
        ("1K", "552 5.2.3"),
        ("none", "250 2.1.5"),
    ):
        every.call("account.quota", address=BERT, quota=quota)
        assert rcpt(smtp, BERT, 5000) == {answer}


def test_a_member_of_a_list(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """Who is taken off a list of members writes to it no more."""
    every.call("list.add", address="crew@ours.test", mode="members")
    for _ in range(5):
        assert rcpt(smtp, "crew@ours.test") == {"550 5.7.1"}
        every.call("list.member_add", address="crew@ours.test", member="x@far.test")
        assert rcpt(smtp, "crew@ours.test") == {"250 2.1.5"}
        every.call("list.member_remove", address="crew@ours.test", member="x@far.test")


def test_a_domain(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """Added, switched off, removed, restored."""
    call = every.call
    assert rcpt(smtp, "carl@new.test") == {"550 5.7.1"}
    call("domain.add", name="new.test")
    assert rcpt(smtp, "carl@new.test") == {"550 5.1.1"}
    call("domain.set", name="new.test", catch_all=ANNA)
    assert rcpt(smtp, "carl@new.test") == {"250 2.1.5"}
    call("domain.set", name="new.test", active=False)
    assert rcpt(smtp, "carl@new.test") == {"550 5.2.1"}
    call("domain.remove", name="new.test", everything=True)
    assert rcpt(smtp, "carl@new.test") == {"550 5.7.1"}
    call("domain.restore", name="new.test")
    assert rcpt(smtp, "carl@new.test") == {"550 5.2.1"}


def test_a_setting(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """The largest message of the server."""
    for most, answer in (("70000", {552}), ("100000", {250})) * 3:
        every.call("setting.set", name="smtp.max_message_size", value=most)
        assert mail(smtp, 90000) == answer


def test_a_range(every: All) -> None:
    """Whether an address may relay, in sessions that are open."""
    relays = every.strangers(RELAY)
    assert rcpt(relays, "y@away.test") == {"550 5.7.1"}
    rules = ["smtp", *DIRECTIONS.split(",")]
    for _ in range(3):
        every.call("range.put", name="Relay", addresses=RELAY, priority=50, rules=rules, now=True)
        assert rcpt(relays, "y@away.test") == {"250 2.1.5"}
        every.call("range.remove", name="Relay", now=True)
        assert rcpt(relays, "y@away.test") == {"550 5.7.1"}


def test_a_ban(every: All) -> None:
    """Connections that said nothing so far are of the banned one when they say who they are; so many that each worker
    has some."""
    for _ in range(2):
        for banned, greeting in ((True, {"554"}), (False, {"220"})):
            knocking = [
                socket.create_connection(("127.0.0.1", every.server.proxied), 60)  # type: ignore[attr-defined]
                for _ in range(8 * len(every.workers))
            ]
            if banned:
                every.call("ban.add", network=GUESSER, duration="1h", now=True)
            else:
                every.call("ban.remove", network=GUESSER)
            heard = set()
            for each in knocking:
                with each:
                    each.sendall(f"PROXY TCP4 {GUESSER} 192.0.2.1 50000 25\r\n".encode())
                    heard.add(each.recv(3).decode())
            assert heard == greeting


def test_a_worker_that_hangs(every: All, smtp: dict[int, smtplib.SMTP]) -> None:
    """It holds no command up for longer than the deadline, the others act at once, the log tells; when it goes on it
    does not act on what it knew."""
    number, process = max(every.workers), _worker_processes(every)[-1]
    well = {worker: client for worker, client in smtp.items() if worker != number}
    assert rcpt(smtp, "late@ours.test") == {"550 5.1.1"}
    _stop_between_units(every, process)
    try:
        every.call("alias.add", address="late@ours.test", target=ANNA)
        assert rcpt(well, "late@ours.test") == {"250 2.1.5"}
        every.call("alias.remove", address="late@ours.test")
        assert rcpt(well, "late@ours.test") == {"550 5.1.1"}
        every.call("alias.add", address="late@ours.test", target=ANNA)
    finally:
        os.kill(process, signal.SIGCONT)
    assert rcpt(smtp, "late@ours.test") == {"250 2.1.5"}
    late = [line for line in every.server.log.splitlines() if "changes.not_everywhere" in line]
    assert len(late) == 3, late
    assert all(f"[{number}]" in line for line in late), late


def test_a_worker_that_dies(every: All) -> None:
    """Changes are made while it is away and while it starts; its successor knows them all."""
    process = _worker_processes(every)[-1]
    os.kill(process, signal.SIGKILL)
    for turn in range(20):
        every.call("alias.add", address=f"n{turn}@ours.test", target=ANNA)
        time.sleep(0.1)
    clients = every.strangers()  # all are back
    for turn in range(20):
        assert rcpt(clients, f"n{turn}@ours.test") == {"250 2.1.5"}
    every.call("alias.remove", address="n0@ours.test")
    assert rcpt(clients, "n0@ours.test") == {"550 5.1.1"}


def _stop_between_units(every: All, process: int) -> None:
    """Stop a worker that does not hold the database's write lock just then: nobody could change anything."""
    for _ in range(50):
        os.kill(process, signal.SIGSTOP)
        database = sqlite3.connect(every.server.data / "posthouse.db", timeout=3, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            os.kill(process, signal.SIGCONT)
            time.sleep(0.1)
        finally:
            database.close()
    raise AssertionError("the worker holds the write lock whenever it is stopped")


def _worker_processes(every: All) -> list[int]:
    """In the order in which they were started."""
    process = every.server.process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell which processes are a process's children")
    return sorted(int(child) for child in children.read_text().split())
