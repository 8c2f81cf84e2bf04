"""What an administrator changes holds on every worker.

Open connections to both workers are asked, which have asked the same before: nothing they remember may answer. The
worker that does not carry out the change hears of it a moment after the command was answered, and looks for itself
once a second; so each question is put again for a while. An answer that stays wrong is a failure.
"""

from __future__ import annotations

import os
import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from matrix_scene import Matrix, Outside, reply
from running import PASSWORD, RunningServer

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.name != "posix", reason="several workers need POSIX"),
]

ANNA, BERT = "anna@ours.test", "bert@ours.test"
PATIENCE = 15.0
"""Seconds, on a machine that is busy with other things."""
CONNECTIONS = 12
"""As many as make it sure that each of two workers has some."""


class Both:
    """The server and a dozen open connections to it, spread over its workers."""

    def __init__(self, server: RunningServer, stack: ExitStack) -> None:
        self.admin = Matrix(server, stack.enter_context(Outside()))
        self.server = server
        self.clients = [
            stack.enter_context(smtplib.SMTP("127.0.0.1", server.smtp, "far.test", 30))
            for _ in range(CONNECTIONS)
        ]
        for client in self.clients:
            client.ehlo()

    def rcpt(self, recipient: str, size: int = 100) -> set[str]:
        """The answers of all connections."""
        answers = set()
        for client in self.clients:
            client.rset()
            client.mail("x@far.test", [f"SIZE={size}"])
            code, enhanced = reply(client.rcpt(recipient))
            answers.add(f"{code} {enhanced}")
        return answers

    def mail(self, size: int) -> set[int]:
        """The answers of all connections to a message of this size."""
        answers = set()
        for client in self.clients:
            client.rset()
            answers.add(client.mail("x@far.test", [f"SIZE={size}"])[0])
        return answers

    def soon(self, recipient: str, answer: str, size: int = 100) -> None:
        """All connections come to this answer."""
        limit = time.monotonic() + PATIENCE
        while (answers := self.rcpt(recipient, size)) != {answer}:
            assert time.monotonic() < limit, answers

    def sign_in(self) -> set[int]:
        """The answers to anna's right password, over connections of their own."""
        answers = set()
        for _ in range(CONNECTIONS // 2):
            with socket.create_connection(("127.0.0.1", self.server.pop3), 30) as pop:
                reader = pop.makefile("rb")
                reader.readline()
                for line in (f"USER {ANNA}", f"PASS {PASSWORD}"):
                    pop.sendall(line.encode() + b"\r\n")
                    answer = reader.readline()
                answers.add(1 if answer.startswith(b"+OK") else 0)
        return answers


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    server = RunningServer(tmp_path_factory.mktemp("at-once") / "server", workers=2)
    with ExitStack() as stack:
        server.start()
        stack.callback(server.kill)
        server.add_domain("ours.test")
        made = Both(server, stack)
        call = made.admin.call
        call("setting.set", name="smtp.max_errors", value="1000")
        call("setting.set", name="smtp.max_transactions", value="0")
        call("setting.set", name="signin.free_failures", value="100")
        for address in (ANNA, BERT):
            call("account.add", address=address, password=PASSWORD)
        yield made
    assert "Traceback" not in server.log, server.log[-4000:]


def test_the_connections_are_of_both_workers(both: Both) -> None:
    """Else nothing below says anything."""
    sessions = both.admin.call("session.list")["sessions"]
    assert len({each["worker"] for each in sessions if each["protocol"] == "smtp"}) == 2


def test_an_account_that_is_closed(both: Both) -> None:
    """It takes no mail and nobody signs in; opened again it does."""
    for active, answer in (
        (False, "550 5.2.1"),
        (True, "250 2.1.5"),
        (False, "550 5.2.1"),
        (True, "250 2.1.5"),
    ):
        both.admin.call("account.active", address=ANNA, active=active)
        both.soon(ANNA, answer)
        limit = time.monotonic() + PATIENCE
        while (answers := both.sign_in()) != {int(active)}:
            assert time.monotonic() < limit, answers


def test_an_alias_that_comes_and_goes(both: Both) -> None:
    for _ in range(3):
        both.soon("info@ours.test", "550 5.1.1")
        both.admin.call("alias.add", address="info@ours.test", target=ANNA)
        both.soon("info@ours.test", "250 2.1.5")
        both.admin.call("alias.remove", address="info@ours.test")


def test_a_quota(both: Both) -> None:
    for quota, answer in (
        ("1K", "552 5.2.3"),
        ("1M", "250 2.1.5"),
        ("1K", "552 5.2.3"),
        ("none", "250 2.1.5"),
    ):
        both.admin.call("account.quota", address=BERT, quota=quota)
        both.soon(BERT, answer, 5000)


def test_a_member_of_a_list(both: Both) -> None:
    """Who is taken off a list of members writes to it no more; nor gets its mail, which any worker spreads."""
    both.admin.call("list.add", address="crew@ours.test", mode="members")
    for _ in range(3):
        both.soon("crew@ours.test", "550 5.7.1")
        both.admin.call("list.member_add", address="crew@ours.test", member="x@far.test")
        both.soon("crew@ours.test", "250 2.1.5")
        both.admin.call("list.member_remove", address="crew@ours.test", member="x@far.test")


def test_a_domain(both: Both) -> None:
    """Added, switched off, removed, restored."""
    call = both.admin.call
    both.soon("carl@new.test", "550 5.7.1")
    call("domain.add", name="new.test")
    both.soon("carl@new.test", "550 5.1.1")
    call("domain.set", name="new.test", catch_all=ANNA)
    both.soon("carl@new.test", "250 2.1.5")
    call("domain.set", name="new.test", active=False)
    both.soon("carl@new.test", "550 5.2.1")
    call("domain.remove", name="new.test", everything=True)
    both.soon("carl@new.test", "550 5.7.1")
    call("domain.restore", name="new.test")
    both.soon("carl@new.test", "550 5.2.1")


def test_a_setting(both: Both) -> None:
    """The largest message of the server."""
    for most, answer in (("70000", {552}), ("100000", {250}), ("70000", {552}), ("100000", {250})):
        both.admin.call("setting.set", name="smtp.max_message_size", value=most)
        limit = time.monotonic() + PATIENCE
        while (answers := both.mail(90000)) != answer:
            assert time.monotonic() < limit, answers
