"""Transactions with a remote: what is said to it, and what is made of each of its answers."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from smtp_peer import BODY, Peer, lease, parcel

from posthouse.deliver.remote.contract import ConnectFailed, TlsPolicy
from posthouse.deliver.remote.sessions import RemoteSessions
from posthouse.deliver.results import Result
from posthouse.settings.contract import CurrentSettings, Settings


class Policies:
    """Remembers what came of them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    async def policy(self, way: Any, host: Any, *, require_tls: bool = False) -> TlsPolicy:
        return TlsPolicy()

    def outcome(
        self, way: Any, host: Any, policy: TlsPolicy, tls: str, trouble: str, *, verified: bool = False
    ) -> None:
        self.told.append((policy.level, tls, trouble))


def sessions(policies: Policies | None = None, **values: Any) -> RemoteSessions:
    """Sessions with these settings (named without ``remote.``)."""
    held = {f"remote.{name}": value for name, value in values.items()}
    return RemoteSessions(
        policies=policies or Policies(),
        settings=CurrentSettings(Settings(held)),
        name=lambda: "mail.ours.test",
    )


@contextlib.asynccontextmanager
async def at(peer: Peer, **values: Any) -> AsyncIterator[RemoteSessions]:
    """A running peer and sessions to it."""
    async with peer:
        made = sessions(**values)
        try:
            yield made
        finally:
            await made.close()


async def send(made: RemoteSessions, peer: Peer, what: Any = None, **call: Any) -> Sequence[Result]:
    """Take a session, send, give it back."""
    session = await made.take(peer.call(**call))
    try:
        return await session.send(what or parcel())
    finally:
        made.give_back(session)


def states(results: Sequence[Result]) -> list[str]:
    return [result.state for result in results]


async def test_a_message_as_it_arrives() -> None:
    async with at(Peer()) as made:
        peer = Peer()
        async with peer:
            (result,) = await send(made, peer)
    assert result.state == "relayed"
    assert str(result.said) == "mx.peer.test[127.0.0.1] said: 250 2.0.0 taken as 42"
    (mail,) = peer.mails
    assert mail.data == BODY
    assert mail.mail == f"MAIL FROM:<a@ours.test> SIZE={len(BODY)}"
    assert mail.rcpts == ["RCPT TO:<user1@peer.test>"]
    assert peer.commands[0] == "EHLO mail.ours.test"


@pytest.mark.parametrize("pipelining", [True, False])
async def test_recipients_are_told_apart(pipelining: bool) -> None:
    extensions = ("PIPELINING",) if pipelining else ()
    peer = Peer(extensions, {"RCPT": lambda line: "550 5.1.1 who?" if "user2" in line else "250 ok"})
    async with at(peer) as made:
        results = await send(made, peer, parcel(lease(1), lease(2), lease(3)))
    by = {result.lease.id: result for result in results}
    assert [by[number].state for number in (1, 2, 3)] == ["relayed", "failed", "relayed"]
    assert by[2].said.text == "who?"
    assert by[2].said.status == "5.1.1"
    assert by[2].said.stage == "RCPT"
    assert len(peer.mails[0].rcpts) == 2


STAGES = ("MAIL", "RCPT", "DATA", ".")


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("code", "state"), [(450, "deferred"), (421, "deferred"), (550, "failed"), (250, "")]
)
async def test_every_answer_at_every_stage(stage: str, code: int, state: str, pipelining: bool) -> None:
    """And the session goes on afterwards, unless it was 421 or nonsense."""
    if code == 250 and stage != "DATA":
        code, state = 354, "deferred"  # makes no sense there
    state = state or "deferred"
    peer = Peer(
        ("PIPELINING",) if pipelining else (),
        {stage: [f"{code} 4.9.9 words" if code < 500 else f"{code} no"]},
    )
    async with at(peer) as made:
        first = await send(made, peer, parcel(lease(1)))
        assert states(first) == [state], first
        if code in (450, 421):
            assert first[0].said.code == code
            assert first[0].said.text == "words"
            assert first[0].said.stage == stage
        again = await send(made, peer, parcel(lease(2)))
    assert states(again) == ["relayed"]
    assert len(peer.mails) == 1
    assert peer.connections == (1 if code in (450, 550) else 2)


async def test_all_recipients_refused_while_data_was_asked_for_already() -> None:
    """354 all the same: a lone dot, and the session is as new (RFC 2920 3.1)."""
    peer = Peer(replies={"RCPT": ["550 no"], "DATA": ["354 go on"], ".": ["554 nobody to send it to"]})
    async with at(peer) as made:
        assert states(await send(made, peer)) == ["failed"]
        assert states(await send(made, peer)) == ["relayed"]
    assert peer.connections == 1


@pytest.mark.parametrize("refusal", ["452 4.5.3 too many", "552 too many", "452 too many"])
async def test_too_many_recipients_come_in_the_next_transaction(refusal: str) -> None:
    count = 0

    def rcpt(line: str) -> str:
        nonlocal count
        count += 1
        return "250 ok" if len(peer.commands) and taken() < 2 else refusal

    def taken() -> int:
        since = [n for n, line in enumerate(peer.commands) if line.startswith("MAIL")][-1]
        return len([line for line in peer.commands[since:] if line.startswith("RCPT")]) - 1

    peer = Peer(replies={"RCPT": rcpt})
    async with at(peer) as made:
        results = await send(made, peer, parcel(*(lease(number) for number in range(1, 6))))
    assert states(results) == ["relayed"] * 5
    assert [len(mail.rcpts) for mail in peer.mails] == [2, 2, 1]
    assert peer.connections == 1


async def test_a_full_mailbox_is_no_full_transaction() -> None:
    peer = Peer(replies={"RCPT": ["250 ok", "552 5.2.2 over quota", "452 4.2.2 over quota"]})
    async with at(peer) as made:
        results = await send(made, peer, parcel(lease(1), lease(2), lease(3)))
    by = {result.lease.id: result.state for result in results}
    assert by == {1: "relayed", 2: "failed", 3: "deferred"}


async def test_the_announced_number_of_recipients_and_messages() -> None:
    peer = Peer(("PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=2"))
    async with at(peer) as made:
        results = await send(made, peer, parcel(*(lease(number) for number in range(1, 6))))
    assert states(results) == ["relayed"] * 5
    assert [len(mail.rcpts) for mail in peer.mails] == [2, 2, 1]
    assert peer.connections == 2


async def test_a_line_that_dies_leaves_the_rest_untried() -> None:
    peer = Peer(("LIMITS RCPTMAX=1",), {".": ["250 ok", None]})
    async with at(peer) as made:
        results = await send(made, peer, parcel(lease(1), lease(2), lease(3)))
    assert states(results) == ["relayed", "deferred", "deferred"]
    assert [result.tried for result in results] == [True, True, False]
    assert results[1].said.stage == "."
    assert "twice" in results[1].said.text


# ------------------------------------------------------------------ dying at each byte


async def dialogue(**death: Any) -> tuple[Peer, Sequence[Result]]:
    """One message to two recipients, one of whom is refused."""
    peer = Peer(("PIPELINING", "8BITMIME"), {"RCPT": ["250 ok", "550 5.1.1 no"]}, **death)
    async with at(peer, idle_time=0.0) as made:
        try:
            return peer, await send(made, peer, parcel(lease(1), lease(2)))
        except ConnectFailed as problem:
            failure = problem
    assert failure.said.code < 500
    return peer, []


async def test_a_remote_that_dies_at_each_byte_it_says() -> None:
    """Only the whole last reply makes a message relayed, and only a whole refusal fails one."""
    peer, results = await dialogue()
    assert states(sorted(results, key=lambda result: result.lease.id)) == ["relayed", "failed"]
    end = peer.said - len(b"221 2.0.0 bye\r\n") if "QUIT" in peer.commands else peer.said
    for count in range(1, end + 1):
        peer, results = await dialogue(dies_after_saying=count)
        by = {result.lease.id: result for result in results}
        if not by:
            continue
        assert set(by) == {1, 2}, count
        assert by[1].state == ("relayed" if count == end else "deferred"), count
        assert by[2].state in ("failed", "deferred")
        if by[2].state == "failed":
            assert by[2].said.text == "no"
        if by[1].said.stage == "." and by[1].state == "deferred":
            assert "twice" in by[1].said.text


async def test_a_remote_that_dies_at_each_byte_it_hears() -> None:
    """Nothing is reported as relayed that it did not say 250 to."""
    peer, _ = await dialogue()
    last = peer.heard
    for count in range(1, last):
        peer, results = await dialogue(dies_after_hearing=count)
        relayed = [result for result in results if result.state == "relayed"]
        assert len(relayed) == len(peer.mails), count


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_lmtp_that_dies_between_its_answers(after: int) -> None:
    answers: list[Any] = ["250 ok"] * after
    peer = Peer(replies={".": [*answers, None]}, lmtp=True)
    async with at(peer) as made:
        results = await send(made, peer, parcel(lease(1), lease(2), lease(3)))
    assert states(results) == ["relayed"] * after + ["deferred"] * (3 - after)


async def test_lmtp_answers_for_each() -> None:
    peer = Peer(replies={".": ["250 ok", "552 5.2.2 full", "450 later"]}, lmtp=True)
    async with at(peer) as made:
        results = await send(made, peer, parcel(lease(1), lease(2), lease(3)))
    assert states(results) == ["relayed", "failed", "deferred"]
    assert peer.commands[0].startswith("LHLO")


@pytest.mark.skipif(not hasattr(asyncio, "start_unix_server"), reason="only on systems with Unix sockets")
async def test_lmtp_over_a_unix_socket() -> None:
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(lmtp=True, unix=f"{folder}/lmtp")
        async with at(peer) as made:
            assert states(await send(made, peer)) == ["relayed"]


# ------------------------------------------------------------------ greetings and hellos


@pytest.mark.parametrize(
    ("replies", "code", "slow", "stage"),
    [
        ({"GREETING": "421 4.3.2 closing"}, 421, True, "GREETING"),
        ({"GREETING": "450 later"}, 450, True, "GREETING"),
        ({"GREETING": "554 5.7.1 no mail here"}, 554, False, "GREETING"),
        ({"GREETING": "250 hm"}, 250, True, "GREETING"),
        ({"GREETING": "SSH-2.0-OpenSSH_9"}, 0, False, "GREETING"),
        ({"GREETING": None}, 0, False, "GREETING"),
        ({"EHLO": "421 busy"}, 421, True, "EHLO"),
        ({"EHLO": "450 busy"}, 450, True, "EHLO"),
        ({"EHLO": "502 what?", "HELO": "550 no"}, 550, False, "HELO"),
        ({"EHLO": None}, 0, False, "EHLO"),
    ],
)
async def test_no_session(replies: dict[str, Any], code: int, slow: bool, stage: str) -> None:
    peer = Peer(replies=replies)
    async with at(peer) as made:
        with pytest.raises(ConnectFailed) as failure:
            await made.take(peer.call())
    said = failure.value.said
    assert (said.code, failure.value.slow, said.stage) == (code, slow, stage)
    if code:
        assert (said.remote, said.address) == ("mx.peer.test", "127.0.0.1")
    else:
        assert "mx.peer.test[127.0.0.1]" in said.text
    assert said.status[0] in "45"


async def test_helo_only_where_ehlo_is_refused() -> None:
    peer = Peer(replies={"EHLO": "502 what?"})
    async with at(peer) as made:
        assert states(await send(made, peer)) == ["relayed"]
    assert [line.split()[0] for line in peer.commands[:3]] == ["EHLO", "HELO", "MAIL"]
    assert peer.mails[0].mail == "MAIL FROM:<a@ours.test>"


async def test_nobody_there() -> None:
    peer = Peer()
    async with peer:
        pass
    made = sessions()
    with pytest.raises(ConnectFailed) as failure:
        await made.take(peer.call())
    assert failure.value.said.status == "4.4.1"
    assert "refused" in failure.value.said.text.lower()
    with pytest.raises(ConnectFailed):
        await made.take(peer.call(source="::1"))


async def test_our_own_name() -> None:
    peer = Peer()
    async with at(peer, name="other.ours.test") as made:
        await send(made, peer)
    assert peer.commands[0] == "EHLO other.ours.test"


# ------------------------------------------------------------------ hostile remotes


async def raw(data: bytes, *, pause: float = 0.0, repeat: int = 1) -> ConnectFailed:
    """What comes of a remote that says this."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(repeat):
            for at in range(0, len(data), 1 if pause else len(data)):
                writer.write(data[at : at + 1] if pause else data)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
        await reader.read()

    peer = Peer(talk=talk)
    async with at(peer, greeting_time=0.4, hello_time=0.4) as made:
        with pytest.raises(ConnectFailed) as failure:
            await made.take(peer.call())
    return failure.value


async def test_slow_drip() -> None:
    """Each byte does not buy more time."""
    failure = await raw(b"220-" + b"a" * 1000, pause=0.02)
    assert "in time" in failure.said.text


@pytest.mark.parametrize(
    ("data", "repeat"),
    [
        (b"220-and so on\r\n", 100000),
        (b"220 " + b"a" * 100000, 1),
        (b"\x00" * 100000, 1),
        (b"220 hi\r\n220 hi\r\n", 1),
        (b"220 hi\r\n" + b"250 ok\r\n" * 1000, 100),
    ],
)
async def test_endless_huge_and_unasked(data: bytes, repeat: int) -> None:
    failure = await raw(data, repeat=repeat)
    assert failure.said.code == 0
    assert len(str(failure)) < 500


async def test_nul_bytes_in_a_refusal() -> None:
    peer = Peer(replies={"RCPT": b"550 5.1.1 \x00no\x1b[31m\r\n"})
    async with at(peer) as made:
        (result,) = await send(made, peer)
    assert result.said.text.split() == ["no", "[31m"]


async def test_a_remote_that_never_answers_the_dot() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await reader.read()

    peer = Peer(talk=talk)
    async with at(peer, end_time=0.2) as made:
        (result,) = await send(made, peer)
    assert (result.state, result.said.stage, result.said.status) == ("deferred", ".", "4.4.2")
    assert "twice" in result.said.text


async def test_a_remote_that_does_not_read() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await asyncio.sleep(60)

    peer = Peer(talk=talk)
    async with at(peer, block_time=0.3) as made:
        (result,) = await send(made, peer, parcel(body=b"x" * 70 + b"\r\n" * 30_000_000))
    assert (result.state, result.said.stage) == ("deferred", "DATA")


async def test_an_early_refusal_of_a_large_message() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for answer in (b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await reader.readline()
        writer.write(b"552 5.3.4 too large\r\n")
        while await reader.read(65536):
            pass

    peer = Peer(talk=talk)
    async with at(peer) as made:
        (result,) = await send(made, peer, parcel(body=b"a\r\n" * 10_000_000))
    assert (result.state, result.said.status) == ("failed", "5.3.4")


async def test_cancelled_in_the_middle() -> None:
    """The session is not used again."""
    peer = Peer(replies={"MAIL": lambda _: ""})

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250 hi\r\n")
        await reader.read()

    peer.talk = talk
    async with at(peer) as made:
        session = await made.take(peer.call())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.send(parcel())
        made.give_back(session)
        assert made.kept == 0


# ------------------------------------------------------------------ what the message needs


async def one(extensions: Sequence[str], what: Any, **peer: Any) -> tuple[Peer, Sequence[Result]]:
    """Send to a host that announces this."""
    host = Peer(extensions, **peer)
    async with at(host) as made:
        return host, await send(made, host, what)


async def test_size_is_respected() -> None:
    peer, (result,) = await one(("SIZE 20",), parcel())
    assert (result.state, result.said.code, result.said.status) == ("failed", 552, "5.3.4")
    assert not any(line.startswith("MAIL") for line in peer.commands)
    peer, (result,) = await one(("SIZE 0",), parcel())
    assert result.state == "relayed"


EIGHT = "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n\r\ngrün\r\n".encode()


async def test_eight_bit_mail() -> None:
    peer, (result,) = await one(("8BITMIME",), parcel(body=EIGHT, eight_bit=True))
    assert result.state == "relayed"
    assert peer.mails[0].mail.endswith(" BODY=8BITMIME")
    assert peer.mails[0].data == EIGHT
    prefix = b"X-A: b\r\nDKIM-Signature: v=1;\r\n b=abc\r\n"
    peer, (result,) = await one((), parcel(body=EIGHT, eight_bit=True, prefix=prefix))
    assert result.state == "relayed"
    assert b"gr=C3=BCn" in peer.mails[0].data
    assert peer.mails[0].data.startswith(b"X-A: b\r\nContent-Type")
    signed = b"DKIM-Signature: v=1\r\n" + EIGHT
    _, (result,) = await one((), parcel(body=signed, eight_bit=True))
    assert (result.state, result.said.status) == ("failed", "5.6.3")


async def test_binary_mail() -> None:
    body = b"Subject: x\r\n\r\na\x00b\nc\r."
    peer, (result,) = await one(("CHUNKING", "BINARYMIME"), parcel(body=body, binary=True))
    assert result.state == "relayed"
    assert peer.mails[0].by == "BDAT"
    assert peer.mails[0].data == body
    assert "BODY=BINARYMIME" in peer.mails[0].mail
    for extensions in ((), ("CHUNKING", "8BITMIME"), ("BINARYMIME",)):
        _, (result,) = await one(extensions, parcel(body=body, binary=True))
        assert (result.state, result.said.status) == ("failed", "5.6.3")
    long = b"Subject: x\r\n\r\n" + b"a" * 5000 + b"\r\n"
    peer, (result,) = await one((), parcel(body=long, binary=True))
    assert result.state == "relayed"
    assert peer.mails[0].data == long


@pytest.mark.parametrize("extensions", [("CHUNKING", "PIPELINING"), ("CHUNKING",), ("PIPELINING",)])
async def test_large_messages_go_in_pieces_from_the_file(extensions: Sequence[str], tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"Subject: x\r\n\r\n" + b".line\r\n" * 500_000)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        peer, (result,) = await one(extensions, parcel(body=body, prefix=b"X: y\r\n"))  # type: ignore[arg-type]
        assert result.state == "relayed"
        assert peer.mails[0].data == b"X: y\r\n" + body[:]
        assert peer.mails[0].by == ("BDAT" if "CHUNKING" in extensions else "DATA")


async def test_bdat_refused() -> None:
    body = b"Subject: x\r\n\r\na\x00b"
    for answer, state in (("552 5.2.2 no", "failed"), ("450 later", "deferred"), (None, "deferred")):
        peer, (result,) = await one(
            ("CHUNKING", "BINARYMIME"), parcel(body=body, binary=True), replies={".": answer}
        )
        assert result.state == state
        assert not peer.mails


async def test_international_addresses() -> None:
    to = lease(1, "ä@bücher.test", smtputf8=True)
    peer, (result,) = await one(("SMTPUTF8", "8BITMIME"), parcel(to))
    assert result.state == "relayed"
    assert peer.mails[0].mail.endswith(" SMTPUTF8")
    assert peer.mails[0].rcpts == ["RCPT TO:<ä@bücher.test>"]
    # without it: others are reached all the same, by A-labels
    peer, results = await one((), parcel(to, lease(2, "a@bücher.test", smtputf8=True)))
    assert {result.lease.id: result.state for result in results} == {1: "failed", 2: "relayed"}
    assert next(result for result in results if result.lease.id == 1).said.status == "5.6.7"
    assert peer.mails[0].rcpts == ["RCPT TO:<a@xn--bcher-kva.test>"]
    _, (result,) = await one((), parcel(sender="ä@ours.test"))
    assert result.said.status == "5.6.7"
    header = "Subject: ä\r\n\r\na\r\n".encode()
    _, (result,) = await one(
        ("8BITMIME",), parcel(lease(1, smtputf8=True), body=header, eight_bit=True, utf8_header=True)
    )
    assert result.said.status == "5.6.7"
    # old-fashioned 8-bit headers go as they are
    peer, (result,) = await one(("8BITMIME",), parcel(body=header, eight_bit=True, utf8_header=True))
    assert result.state == "relayed"


async def test_an_address_cannot_become_a_command() -> None:
    evil = lease(1, "a@b.test>\r\nRCPT TO:<c@d.test")
    peer, results = await one((), parcel(evil, lease(2)))
    assert {result.lease.id: result.state for result in results} == {1: "failed", 2: "relayed"}
    assert not any("d.test" in line for line in peer.commands)
    peer, (result,) = await one((), parcel(sender="a@b>\r\nDATA"))
    assert (result.state, result.said.status) == ("failed", "5.1.7")


async def test_dsn_is_passed_on() -> None:
    to = {"notify": "SUCCESS,FAILURE", "orcpt": "rfc822;x+2By@z.test"}
    what = parcel(lease(1, to=to, ret="HDRS", envid="abc+2B"), sender="")
    peer, (result,) = await one(("DSN",), what)
    assert peer.mails[0].mail == "MAIL FROM:<> RET=HDRS ENVID=abc+2B"
    assert peer.mails[0].rcpts == [
        "RCPT TO:<user1@peer.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By@z.test"
    ]
    assert result.dsn
    peer, (result,) = await one((), what)
    assert peer.mails[0].mail == "MAIL FROM:<>"
    assert not result.dsn


async def test_priority_and_require_tls() -> None:
    peer, _ = await one(("MT-PRIORITY",), parcel(lease(1, priority=-3)))
    assert peer.mails[0].mail.endswith(" MT-PRIORITY=-3")
    peer, (result,) = await one(("REQUIRETLS",), parcel(lease(1, require_tls=True)))
    assert (result.state, result.said.status) == ("failed", "5.7.30")
    assert not peer.mails


@pytest.mark.parametrize(
    ("mode", "left", "extensions", "by", "status"),
    [
        ("N", 100, ("DELIVERBY",), " BY=100;N", "2.0.0"),
        ("NT", -5, ("DELIVERBY 1000",), " BY=-5;NT", "2.0.0"),
        ("N", 100, (), "", "2.0.0"),
        ("RT", 100, ("DELIVERBY 50",), " BY=100;RT", "2.0.0"),
        ("R", 100, ("DELIVERBY 500",), None, "5.4.7"),
        ("R", -5, ("DELIVERBY",), None, "5.4.7"),
        ("R", 100, (), None, "5.3.3"),
    ],
)
async def test_deliver_by(
    mode: str, left: int, extensions: Sequence[str], by: str | None, status: str
) -> None:
    peer = Peer(extensions)
    async with peer:
        made = RemoteSessions(
            policies=Policies(), settings=CurrentSettings(), name=lambda: "m.test", clock=lambda: 1000.0
        )
        (result,) = await send(made, peer, parcel(lease(1, deliver_by=1000.0 + left, by_mode=mode)))
        await made.close()
    assert result.said.status == status
    if by is not None:
        assert peer.mails[0].mail == f"MAIL FROM:<a@ours.test>{by}"
    else:
        assert result.state == "failed"


# ------------------------------------------------------------------ kept sessions


async def test_a_session_is_kept_and_never_shared() -> None:
    peer = Peer()
    async with at(peer) as made:
        first = await made.take(peer.call())
        second = await made.take(peer.call())
        assert first is not second
        assert peer.connections == 2
        made.give_back(first)
        made.give_back(first)
        assert made.kept == 1
        assert await made.take(peer.call()) is first
        made.give_back(second)
        assert await made.take(peer.call(destination="mx:other.test")) is not second
        assert peer.connections == 3


async def test_worn_and_idle_sessions_are_closed() -> None:
    peer = Peer()
    async with at(peer, max_messages=2) as made:
        for _ in range(4):
            assert states(await send(made, peer)) == ["relayed"]
        assert peer.connections == 2
        assert peer.commands.count("QUIT") >= 1
    peer = Peer()
    async with at(peer, idle_time=0.1) as made:
        await send(made, peer)
        assert made.kept == 1
        while made.kept:
            await asyncio.sleep(0.05)
    assert peer.commands[-1] == "QUIT"
    peer = Peer()
    async with at(peer, max_kept=0) as made:
        await send(made, peer)
        assert made.kept == 0


@pytest.mark.parametrize("farewell", [b"421 4.4.2 idle too long\r\n", b"", b"250 what?\r\n"])
async def test_a_remote_that_closed_a_kept_session(farewell: bytes) -> None:
    writers: list[asyncio.StreamWriter] = []
    peer = Peer()
    plain = peer._serve

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await plain(reader, writer)

    peer._serve = serve  # type: ignore[method-assign]
    async with at(peer) as made:
        session: Any = await made.take(peer.call())
        await session.send(parcel())
        made.give_back(session)
        writers[0].write(farewell)
        writers[0].close()
        while session.opened.line.alive:
            await asyncio.sleep(0.01)
        assert states(await send(made, peer)) == ["relayed"]
        assert peer.connections == 2


@pytest.mark.parametrize("answer", [None, "421 4.7.0 too many messages"])
async def test_a_kept_session_that_ends_at_the_next_mail(answer: str | None) -> None:
    """Nothing was refused: it is sent over a new connection at once."""
    peer = Peer(replies={"MAIL": ["250 ok", answer]})
    async with at(peer) as made:
        assert states(await send(made, peer)) == ["relayed"]
        assert states(await send(made, peer)) == ["relayed"]
    assert peer.connections == 2
    assert len(peer.mails) == 2


async def test_a_kept_session_is_asked_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posthouse.deliver.remote.sessions.CHECK_AFTER", 0.0)
    peer = Peer(replies={"RSET": ["250 ok", None]})
    async with at(peer) as made:
        for _ in range(3):
            assert states(await send(made, peer)) == ["relayed"]
    assert peer.connections == 2


async def test_closing_says_quit_and_cuts_off() -> None:
    peer = Peer(replies={"QUIT": lambda _: b"221-bye\r\n221 bye\r\n"})
    async with peer:
        made = sessions()
        await send(made, peer)
        busy = await made.take(peer.call(destination="mx:other.test"))
        made_idle = made.kept
        await made.close()
        assert made_idle == 1
        assert peer.commands.count("QUIT") == 1
        (result,) = await busy.send(parcel())
        assert result.state == "deferred"
        made.give_back(busy)
        with pytest.raises(ConnectFailed):
            await made.take(peer.call())


async def test_no_descriptor_is_left() -> None:
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("only on Linux")
    await dialogue()
    before = len(os.listdir(folder))
    for count in (5, 30, 60, 100, 150):
        await dialogue(dies_after_saying=count)
    await asyncio.sleep(0.05)
    assert len(os.listdir(folder)) <= before + 1
