"""Which hosts a message reaches: a whole server that asks a validating unbound about real zones, and real servers at
port 25 of the addresses it is told."""

from __future__ import annotations

import socket

import pytest
from mail_world import ANNA, CARL, MailWorld, arrived, call, submit, wait_for

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone", "smtp-sink"),
    pytest.mark.timeout(180),
]


def reached(world: MailWorld, number: int, recipient: str) -> str:
    """What the sink at one of our addresses took for a recipient."""

    def look() -> str:
        # smtp-sink writes as it reads: the last line of the message tells that all of it is there
        return next(
            (each for each in world.sink(number).taken() if f"<{recipient}>" in each and "\nEnde" in each), ""
        )

    return wait_for(look, lambda: world.trace(recipient))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("two", 21),  # the better of two
        ("dead", 22),  # the better one is dead
        ("implicit", 21),  # no MX: its own address
        ("alias", 21),  # a CNAME to a domain with MX
        ("hosts", 21),  # a host that is a CNAME
        ("backup", 21),  # we are the backup: only better ones are asked
        ("both", 21),  # nobody answers by IPv6
    ],
)
def test_the_host_that_is_reached(world: MailWorld, name: str, number: int) -> None:
    world.sink(21), world.sink(22)
    if name == "both":
        call(world.here, "setting.set", name="mx.family", value="ipv6")
    recipient = f"user@{name}.plain.test"
    submit(world.here, f"mail for {name}", recipient)
    assert f"Subject: mail for {name}" in reached(world, number, recipient)
    other = world.sink(21 + 22 - number)
    assert not any(f"<{recipient}>" in each for each in other.taken())
    call(world.here, "setting.set", name="mx.family", value="default")


def test_by_ipv6(world: MailWorld) -> None:
    """A host that has nothing else."""
    if not socket.has_ipv6:
        pytest.skip("only on systems with IPv6")
    sink = world.sink_at("::1")
    submit(world.here, "six", "user@six.plain.test")
    wait_for(lambda: any("user@six.plain.test" in each for each in sink.taken()))
    # the sink has it before we have its answer
    wait_for(lambda: "six-mx.plain.test[::1]" in world.trace("user@six.plain.test"))


@pytest.mark.parametrize(
    ("domain", "status", "words"),
    [
        ("null.plain.test", "5.1.10", "takes no mail"),
        ("nowhere.plain.test", "5.1.2", "does not exist"),
        ("nothing.plain.test", "5.1.2", "neither MX nor address"),
        ("lost.plain.test", "5.4.4", "has an address"),
        (
            "loop.plain.test",
            "5.4.6",
            "sent to this server",
        ),  # by our name, although another host is named besides
        ("door.plain.test", "5.4.6", "sent to this server"),  # by our address and port
    ],
)
def test_what_comes_back_at_once(world: MailWorld, domain: str, status: str, words: str) -> None:
    """One attempt, and a notice that says what is wrong with the domain."""
    recipient = f"user@{domain}"
    submit(world.here, f"mail for {domain}", recipient)
    notice = arrived(world.here, ANNA, b"Final-Recipient: rfc822; " + recipient.encode())
    assert f"\r\nStatus: {status}\r\n".encode() in notice
    assert b"Action: failed" in notice
    assert f"Subject: mail for {domain}".encode() in notice
    story = world.trace(recipient)
    assert "failed after 1 attempt" in story
    assert words in story


def test_a_zone_that_nobody_answers_for(world: MailWorld) -> None:
    """That says nothing of the domain: later."""
    submit(world.here, "later", "user@gone.test")
    row = world.waits("user@gone.test")
    assert (row["status"], row["state"]) == ("4.4.3", "waiting")
    assert "cannot be found out" in row["reason"]


def test_the_second_posthouse(world: MailWorld) -> None:
    """Both ways by MX, with the certificates that the TLSA records of both name."""
    submit(world.here, "there", CARL)
    found = arrived(world.there, CARL, b"Subject: there")
    assert found.startswith(b"Return-Path: <anna@posthouse.test>\r\n")
    assert b"ESMTPS" in found
    wait_for(lambda: ", DANE: mx.second.test[" in world.trace(CARL), lambda: world.trace(CARL))
    submit(world.there, "back", ANNA, sender=CARL)
    arrived(world.here, ANNA, b"Subject: back")
