"""Events on a whole server: told to webhooks whatever dies meanwhile, and to whoever watches."""

from __future__ import annotations

import http.client
import json
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from free_ports import free_port
from running import RunningServer
from webhook_receiver import Receiver

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"


@pytest.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose webhooks may lead to loopback and are repeated when somebody asks for it."""
    made = RunningServer(tmp_path / "server", workers=request.param)
    made.start()
    try:
        made.add_domain()
        made.add_account(ANNA)
        made.add_account(BERT)
        made.command("setting", "set", "webhooks.allow_private", "true")
        made.command("setting", "set", "webhooks.retry_schedule", "600")
        yield made
    finally:
        made.kill()
    assert "Traceback" not in made.log, made.log[-4000:]


def until(true: Callable[[], object], what: Callable[[], object] = lambda: "", seconds: float = 30.0) -> None:
    """Wait for something that happens soon."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"it did not come about in time: {what()}"
        time.sleep(0.05)


def send(server: RunningServer, *recipients: str) -> None:
    """One message to each of these."""
    for recipient in recipients:
        with smtplib.SMTP("127.0.0.1", server.smtp, timeout=20) as client:
            client.sendmail("them@example.org", [recipient], b"Subject: secret plans\r\n\r\nhello\r\n")


def asked(server: RunningServer, *words: str) -> Any:
    """What a command answers."""
    return json.loads(server.command(*words, "--json").stdout)


def token(server: RunningServer, address: str, *options: str) -> str:
    """An API token of this account."""
    made: str = asked(server, "token", "add", address, "watcher", *options)["token"]
    return made


class Watch:
    """A client of ``GET /api/v1/events``."""

    def __init__(self, server: RunningServer, token: str, query: str = "", last: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        self._connection.request("GET", f"/api/v1/events{query}", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200, self._answer.read()

    def next(self) -> tuple[str, dict[str, Any]]:
        """Id and content of the next event; comments and beats are passed over."""
        ident = name = ""
        while line := self._answer.readline():
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "id":
                ident = value
            elif field == "event":
                name = value
            elif field == "data" and name == "event":
                return ident, json.loads(value)
        raise AssertionError("the stream ended")

    def close(self) -> None:
        """Go away."""
        self._answer.close()
        self._connection.close()


def test_a_receiver_that_was_away_and_a_server_that_died(server: RunningServer) -> None:
    """Nothing is lost: what was queued before kill -9 and what was not; every request is signed, and an event that
    comes twice has the same id."""
    port = free_port()
    receiver = Receiver(port)
    made = asked(
        server, "webhook", "add", f"http://127.0.0.1:{port}/hook?key=hidden", "--kind", "message.received"
    )
    number, secret = str(made["about"]["id"]), made["secret"]
    send(server, ANNA, BERT)
    until(lambda: asked(server, "webhook", "show", number)["about"]["state"] == "failing")
    first = asked(server, "webhook", "deliveries", number)["deliveries"][
        -1
    ]  # the newest may not be tried yet
    shown = asked(server, "queue", "show", str(first["queue"]))["recipients"][0]
    assert shown["destination"] == f"webhook:{number}"
    assert shown["recipient"] == f"webhook {number} at http://127.0.0.1:{port}"
    assert "attempts failed" in shown["reason"]
    send(server, ANNA)
    server.kill()
    server.start()
    assert asked(server, "verify")["error_count"] == 0  # a delivery has no body file, and needs none
    with receiver:
        until(lambda: all_came(server, number, receiver, 3), lambda: receiver.got)
        send(server, BERT)
        until(lambda: len(set(ids(receiver))) == 4, lambda: receiver.got)
    assert all(each.is_signed_with(secret) for each in receiver.got)
    assert not any(each.is_signed_with("whsec_" + "A" * 32) for each in receiver.got)
    accounts = {event["id"]: event["account"] for each in receiver.got for event in each.events}
    assert list(accounts.values()).count(ANNA) == 2
    assert b"secret plans" not in b"".join(each.body for each in receiver.got)
    until(lambda: asked(server, "webhook", "show", number)["waiting"] == 0)
    about = asked(server, "webhook", "show", number)
    assert (about["about"]["state"], about["dropped"]) == ("active", 0)
    assert asked(server, "queue", "list")["messages"] == []
    assert secret not in server.log
    assert "key=hidden" not in server.log


def all_came(server: RunningServer, number: str, receiver: Receiver, events: int) -> bool:
    """Whether so many different events came; what failed is asked for again, as often as it takes: the last attempt
    before the receiver was there may end after somebody asked."""
    came = len(set(ids(receiver)))
    if came < events:
        for each in asked(server, "webhook", "deliveries", number)["deliveries"]:
            if each["state"] == "waiting":
                server.command(
                    "queue", "retry", str(each["queue"]), check=False
                )  # it may just have been taken
    return came == events


def ids(receiver: Receiver) -> list[int]:
    """The ids of all events that came."""
    return [event["id"] for each in list(receiver.got) for event in each.events]


def test_who_watches_sees_what_is_theirs_and_goes_on_where_they_were(server: RunningServer) -> None:
    """Live, with whatever worker took the message; after a break the events of the break come first, also over a
    restart of the server."""
    server.command("account", "role", ANNA, "server")
    all_, own = token(server, ANNA), token(server, BERT)
    watch = Watch(server, all_, "?kinds=message")
    mine = Watch(server, own)
    send(server, ANNA, ANNA, ANNA, BERT)  # over several connections: any worker may have them
    seen = [watch.next() for _ in range(4)]
    assert [each["account"] for _, each in seen] == [ANNA, ANNA, ANNA, BERT]
    assert [int(ident) for ident, _ in seen] == sorted(int(ident) for ident, _ in seen)
    _, first = mine.next()
    assert (first["kind"], first["account"]) == ("message.received", BERT)
    watch.close()
    mine.close()
    send(server, BERT, ANNA)
    again = Watch(server, all_, "?kinds=message", last=seen[2][0])
    assert [again.next()[1]["account"] for _ in range(3)] == [BERT, BERT, ANNA]
    again.close()
    server.stop()
    server.start()
    send(server, BERT)
    later = Watch(server, own, last=seen[3][0])
    assert [later.next()[1]["account"] for _ in range(2)] == [BERT, BERT]
    later.close()
    polled = asked(server, "event", "list", "--kind", "domain", "--after", "0")
    assert [each["kind"] for each in polled["events"]] == ["domain.changed"]
    assert polled["events"][0]["data"]["subject"] == "posthouse.test"
