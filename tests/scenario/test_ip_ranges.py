"""IP ranges on a whole server: two addresses of this machine as two ranges, the four directions of mail, a change
while somebody is connected, and an address that guesses until it is banned."""

from __future__ import annotations

import json
import smtplib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from free_ports import free_port
from running import RunningServer

ANNA, BERT, OUT, AWAY = "anna@posthouse.test", "bert@posthouse.test", "x@elsewhere.example", "y@away.example"
STRANGER, RELAY = "127.0.0.2", "127.0.0.3"
PROTOCOLS = "smtp,submission,imap,pop3,web"
DIRECTIONS = ("local-to-local", "local-to-outside", "outside-to-local", "outside-to-outside")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    made = RunningServer(Path(tmp_path_factory.mktemp("ranges")) / "server", workers=2)
    made.proxied = free_port()  # type: ignore[attr-defined]
    with made.config.open("a") as config:
        config.write(
            f'[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1"\nport = {made.proxied}\n'  # type: ignore[attr-defined]
            'tls = "none"\nproxy_from = ["127.0.0.1/32"]\n'
        )
    made.add_domain()
    for address in (ANNA, BERT):
        made.add_account(address)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def smtp(server: RunningServer, source: str) -> smtplib.SMTP:
    client = smtplib.SMTP(source_address=(source, 0), timeout=20)
    client.connect("127.0.0.1", server.smtp)
    client.ehlo("client.example")
    return client


def answers(server: RunningServer, source: str) -> dict[str, int]:
    """The reply to RCPT in each of the four directions."""
    found = {}
    with smtp(server, source) as client:
        for name, sender, recipient in zip(
            DIRECTIONS, (ANNA, ANNA, OUT, OUT), (BERT, AWAY, BERT, AWAY), strict=True
        ):
            client.mail(sender)
            found[name] = client.rcpt(recipient)[0]
            client.rset()
    return found


def put(server: RunningServer, name: str, addresses: str, rules: str) -> None:
    server.command("range", "put", name, addresses, "--priority", "50", "--rules", rules, "--now")


def until(server: RunningServer, source: str, wanted: dict[str, int]) -> None:
    """Both workers hold to it within a second or so."""
    for _ in range(60):
        if all(answers(server, source) == wanted for _ in range(3)):
            return
        time.sleep(0.2)
    assert answers(server, source) == wanted


def test_the_four_directions(server: RunningServer) -> None:
    usual = dict(zip(DIRECTIONS, (250, 550, 250, 550), strict=True))
    assert answers(server, STRANGER) == usual
    everything = f"{PROTOCOLS},{','.join(DIRECTIONS)}"
    put(server, "Relay", RELAY, everything)
    until(server, RELAY, dict.fromkeys(DIRECTIONS, 250))
    assert answers(server, STRANGER) == usual  # the neighbour's range is not its own
    for each in DIRECTIONS:
        put(server, "Relay", RELAY, ",".join([PROTOCOLS, *(name for name in DIRECTIONS if name != each)]))
        until(server, RELAY, {name: 550 if name == each else 250 for name in DIRECTIONS})
    signed = ",".join([everything, *(f"sign-in-{name}" for name in DIRECTIONS)])
    put(server, "Relay", RELAY, signed)
    # Nobody can sign in on this port: who wants to relay is told no for good.
    until(server, RELAY, dict(zip(DIRECTIONS, (530, 550, 530, 550), strict=True)))
    with smtp(server, RELAY) as client:
        client.mail(OUT)
        assert client.rcpt("nobody@posthouse.test")[0] == 550  # who does not exist is told first
    shown = json.loads(server.command("range", "try", RELAY, "--json").stdout)
    assert shown["range"] == "Relay"
    server.command("range", "remove", "Relay", "--now")
    until(server, RELAY, usual)


def test_who_may_not_connect_any_more_is_told_goodbye(server: RunningServer) -> None:
    open_now = [smtp(server, "127.0.0.4") for _ in range(4)]
    assert all(client.noop()[0] == 250 for client in open_now)
    put(server, "Out", "127.0.0.4", "imap")
    for client in open_now:
        assert client.sock is not None
        client.sock.settimeout(20)
        heard = client.getreply()
        assert heard[0] == 421
        assert b"no longer accepted" in heard[1]
        client.close()
    with socket.create_connection(("127.0.0.1", server.smtp), 20, ("127.0.0.4", 0)) as client_socket:
        assert client_socket.recv(4) == b"554 "
    with socket.create_connection(("127.0.0.1", server.imap), 20, ("127.0.0.4", 0)) as client_socket:
        assert client_socket.recv(4).startswith(b"* OK")
    server.command("range", "remove", "Out", "--now")


def knock(server: RunningServer, peer: str, times: int) -> bytes:
    """Try to sign in where that is not offered, as a stranger behind a trusted proxy; the last line heard."""
    port = server.proxied  # type: ignore[attr-defined]
    with socket.create_connection(("127.0.0.1", port), 20) as client, client.makefile("rb") as replies:
        client.sendall(f"PROXY TCP4 {peer} 192.0.2.1 50000 25\r\n".encode())
        heard = replies.readline()
        if not heard.startswith(b"220"):
            return heard
        client.sendall(b"HELO x\r\n")
        heard = replies.readline()
        for _ in range(times):
            try:
                client.sendall(b"AUTH PLAIN AGEAYg==\r\n")
                heard = replies.readline() or heard
            except OSError:
                break
        return heard


def test_guessing_ends_in_a_ban(server: RunningServer) -> None:
    """Also where signing in is not offered, over both workers; others are let in, and so is the proxy."""
    for _ in range(40):
        heard = knock(server, "203.0.113.9", 3)
        if heard.startswith(b"554"):
            break
    else:
        pytest.fail("never banned")
    assert knock(server, "203.0.113.10", 1).startswith(b"502")
    bans = json.loads(server.command("ban", "list", "--json").stdout)["bans"]
    assert [(ban["network"], ban["kind"]) for ban in bans] == [("203.0.113.9/32", "sign-in")]
    assert 3000 < bans[0]["until"] - time.time() <= 3600
    server.command("ban", "remove", "203.0.113.9")
