"""Our client against real remotes: smtp-sink for each failure, Postfix, Dovecot's LMTP, and a second Posthouse."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench import anchor as anchor_parts
from running import PASSWORD, RunningServer
from smtp_peer import lease, parcel

from ports import free_port
from posthouse.deliver.remote.contract import Call, ConnectFailed, Host, TlsPolicy
from posthouse.deliver.remote.sessions import RemoteSessions
from posthouse.deliver.results import Result
from posthouse.route.contract import Credentials, Way
from posthouse.settings.contract import CurrentSettings, Settings

BODY = b"From: a@ours.test\r\nSubject: hello\r\n\r\n.dot\r\n..\r\n.\r\nthe end\r\n"


class Policies:
    """Remembers what came of them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def policy(self, way: Any, host: Any, *, require_tls: bool = False) -> TlsPolicy:
        return TlsPolicy()

    def outcome(
        self, way: Any, host: Any, policy: Any, tls: str, trouble: str, *, verified: bool = False
    ) -> None:
        self.told.append((tls, trouble))


@contextlib.asynccontextmanager
async def client(**values: Any) -> AsyncIterator[RemoteSessions]:
    held = {f"remote.{name}": value for name, value in values.items()}
    made = RemoteSessions(
        policies=Policies(), settings=CurrentSettings(Settings(held)), name=lambda: "mail.ours.test"
    )
    try:
        yield made
    finally:
        await made.close()


def call(
    port: int, address: str = "127.0.0.1", level: Any = "none", name: str = "localhost", **way: Any
) -> Call:
    policy = TlsPolicy(level, implicit=bool(way.pop("implicit", False)))
    made = Way(**{"destination": "mx:peer.test", "domain": "peer.test", **way})
    return Call(made, Host(name, (address,), port), address, policy)


async def send(made: RemoteSessions, whom: Call, what: Any) -> Sequence[Result]:
    session = await made.take(whom)
    try:
        return await session.send(what)
    finally:
        made.give_back(session)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < limit, "it did not start"
        time.sleep(0.02)


# ------------------------------------------------------------------ smtp-sink


class Sink:
    """A running smtp-sink; what it took is in ``taken``."""

    def __init__(self, *options: str, unix: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sink-"))
        self.port = free_port()
        self.address = f"{self.folder}/socket" if unix else "127.0.0.1"
        user = ["-u", "root"] if os.geteuid() == 0 else []
        where = f"unix:{self.address}" if unix else f"127.0.0.1:{self.port}"
        command = ["smtp-sink", *user, "-d", f"{self.folder}/mail.", *options, where, "100"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(self.answers, self.process)

    def answers(self) -> bool:
        return os.path.exists(self.address) if self.address[0] == "/" else _listens(self.port)

    def taken(self) -> list[str]:
        return [path.read_text("latin-1") for path in sorted(self.folder.glob("mail.*"))]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder)


def _listens(port: int) -> bool:
    """By the kernel's table: connecting would be a session that smtp-sink counts."""
    wanted = f":{port:04X} 00000000:0000 0A"
    return wanted in Path("/proc/net/tcp").read_text()


@pytest.fixture
def sink() -> Iterator[Callable[..., Sink]]:
    started: list[Sink] = []

    def start(*options: str, unix: bool = False) -> Sink:
        started.append(Sink(*options, unix=unix))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.mark.needs("smtp-sink")
async def test_a_message_into_the_sink(sink: Callable[..., Sink]) -> None:
    there = sink()
    async with client() as made:
        results = await send(made, call(there.port), parcel(lease(1), lease(2), body=BODY))
        again = await send(made, call(there.port), parcel(lease(3), body=BODY))
    assert [result.state for result in [*results, *again]] == ["relayed"] * 3
    (first,) = [mail for mail in there.taken() if "user1@peer.test" in mail]
    assert "\n.dot\n..\n.\nthe end\n" in first.replace("\r\n", "\n")
    assert "user2@peer.test" in first


STAGES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".")


@pytest.mark.needs("smtp-sink")
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("option", "code"), [("-r", 450), ("-f", 500), ("-q", 0), ("-Q", 421)])
@pytest.mark.parametrize("plain", [False, True])
async def test_every_failure_at_every_stage(
    sink: Callable[..., Sink], stage: str, option: str, code: int, plain: bool
) -> None:
    """With and without PIPELINING; nothing is reported as relayed, and nothing temporary as final."""
    there = sink(option, stage, *(["-p"] if plain else []))
    failure: ConnectFailed | None = None
    async with client() as made:
        try:
            (result,) = await send(made, call(there.port), parcel(body=BODY))
        except ConnectFailed as problem:
            failure = problem
    if failure is not None:
        assert stage in ("CONNECT", "EHLO")
        assert failure.said.code == code
        assert failure.slow == (code in (450, 421))
        return
    if stage == "EHLO":
        assert (option, result.state) == ("-f", "relayed")  # by HELO
        return
    assert stage != "CONNECT"
    assert result.state == ("failed" if option == "-f" else "deferred")
    assert result.said.code == code
    assert result.said.stage == stage


@pytest.mark.needs("smtp-sink")
@pytest.mark.parametrize("options", [(), ("-8",), ("-e",), ("-E",), ("-N",), ("-p",), ("-P",), ("-a",)])
async def test_hosts_of_all_ages(sink: Callable[..., Sink], options: tuple[str, ...]) -> None:
    there = sink(*options)
    body = "Subject: x\r\nMIME-Version: 1.0\r\n\r\ngrün\r\n".encode()
    to = lease(1, to={"notify": "SUCCESS"}, ret="HDRS")
    async with client() as made:
        (result,) = await send(made, call(there.port), parcel(to, body=body, eight_bit=True))
    assert result.state == "relayed"
    assert result.dsn == (not {"-N", "-e", "-P"} & {*options})
    (taken,) = there.taken()
    assert ("gr=C3=BCn" in taken) == bool({"-8", "-e", "-P"} & {*options})


@pytest.mark.needs("smtp-sink")
@pytest.mark.parametrize("unix", [False, True])
async def test_lmtp_into_the_sink(sink: Callable[..., Sink], unix: bool) -> None:
    there = sink("-L", unix=unix)
    async with client() as made:
        whom = call(there.port, there.address, protocol="lmtp")
        for _ in range(2):
            results = await send(made, whom, parcel(lease(1), lease(2), lease(3), body=BODY))
            assert [result.state for result in results] == ["relayed"] * 3


@pytest.mark.needs("smtp-sink")
async def test_many_messages_at_once(sink: Callable[..., Sink], record_property: Callable[..., None]) -> None:
    """How fast the client is by itself is told, not judged."""
    there = sink()
    count, at_once = 2000, 10
    async with client() as made:

        async def work() -> None:
            for number in range(count // at_once):
                (result,) = await send(made, call(there.port), parcel(lease(number), body=BODY * 80))
                assert result.state == "relayed"

        begun, used = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
        took, used = time.perf_counter() - begun, time.process_time() - used
    assert len(there.taken()) == count
    note = f"{count / took:.0f} messages a second into smtp-sink, {1000 * used / count:.2f} ms of CPU each"
    record_property("note", note)


# ------------------------------------------------------------------ Postfix and Dovecot


@pytest.fixture(scope="module")
def others() -> Iterator[anchor_parts.Anchor]:
    """Postfix with STARTTLS, which hands over to Dovecot by LMTP."""
    reason = anchor_parts.available()
    if reason:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    with pytest.MonkeyPatch.context() as patch:
        tls = "= may\nsmtpd_tls_cert_file = {folder}/certificate.pem\nsmtpd_tls_key_file = {folder}/key.pem"
        config = anchor_parts.MAIN_CF.replace(
            "smtpd_tls_security_level = none", f"smtpd_tls_security_level {tls}"
        )
        config = config.replace(
            "mynetworks = 127.0.0.0/8", "mynetworks = 192.0.2.1/32"
        )  # it relays for nobody
        patch.setattr(anchor_parts, "MAIN_CF", config)
        running = anchor_parts.Anchor(folder)
        try:
            running.start()
            yield running
        finally:
            running.stop()
            shutil.rmtree(folder, ignore_errors=True)


def stored(others: anchor_parts.Anchor, name: str) -> list[bytes]:
    """What is in a mailbox."""
    folder = others.folder / "homes" / f"{name}@bench.test" / "mail" / "new"
    return [path.read_bytes() for path in folder.iterdir()] if folder.is_dir() else []


async def arrived(others: anchor_parts.Anchor, name: str) -> bytes:
    limit = time.monotonic() + 30
    while not stored(others, name):
        assert time.monotonic() < limit
        await asyncio.sleep(0.05)
    (message,) = stored(others, name)
    return message


@pytest.mark.needs("postfix", "dovecot")
@pytest.mark.parametrize("level", ["none", "may", "encrypt"])
async def test_through_postfix(others: anchor_parts.Anchor, level: str) -> None:
    name = f"postfix-{level}"
    whom = call(others.smtp, level=level)
    large = BODY + b"x" * 70 + b"\r\n" + b".line\r\n" * 300_000  # by BDAT
    async with client() as made:
        bad = lease(2, "nobody@elsewhere.test")
        results = await send(made, whom, parcel(lease(1, f"{name}@bench.test"), bad, body=BODY))
        (more,) = await send(made, whom, parcel(lease(3, f"{name}-large@bench.test"), body=large))
    by = {result.lease.id: result for result in results}
    assert by[1].state == "relayed"
    assert by[1].said.tls.startswith("" if level == "none" else "TLSv1.3")
    assert (by[2].state, by[2].said.code, by[2].said.status) == ("deferred", 454, "4.7.1")
    assert more.state == "relayed"
    found = (await arrived(others, name)).replace(b"\r\n", b"\n")
    assert found.endswith(BODY.split(b"\r\n\r\n")[1].replace(b"\r\n", b"\n"))
    found = (await arrived(others, f"{name}-large")).replace(b"\r\n", b"\n")
    assert found.count(b"\n.line\n.line") == 150_000


@pytest.mark.needs("postfix", "dovecot")
async def test_an_international_address_through_postfix(others: anchor_parts.Anchor) -> None:
    to = lease(1, "grün@bench.test", smtputf8=True)
    async with client() as made:
        (result,) = await send(made, call(others.smtp), parcel(to, body=BODY))
    assert result.state == "relayed"


@pytest.mark.needs("postfix", "dovecot")
async def test_postfix_certificate_is_not_good_enough(others: anchor_parts.Anchor) -> None:
    async with client() as made:
        with pytest.raises(ConnectFailed, match="TLS is required"):
            await made.take(call(others.smtp, level="verify"))


@pytest.mark.needs("postfix", "dovecot")
async def test_dovecot_by_lmtp(others: anchor_parts.Anchor) -> None:
    whom = call(0, f"{others.folder}/lmtp", protocol="lmtp")
    async with client() as made:
        results = await send(
            made, whom, parcel(lease(1, "lmtp1@bench.test"), lease(2, "lmtp2@bench.test"), body=BODY)
        )
    assert [result.state for result in results] == ["relayed"] * 2
    for name in ("lmtp1", "lmtp2"):
        assert b".dot" in await arrived(others, name)


# ------------------------------------------------------------------ a second Posthouse


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("second"))
    server.start()
    try:
        server.add_domain()
        server.add_account("anna@posthouse.test")
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("level", ["none", "may", "encrypt"])
async def test_a_second_posthouse(second: RunningServer, level: str) -> None:
    body = BODY + b"".join(b"%d\r\n" % number for number in range(300_000))
    async with client() as made:
        nobody = lease(2, "nobody@posthouse.test")
        results = await send(
            made, call(second.smtp, level=level), parcel(lease(1, "anna@posthouse.test"), nobody, body=body)
        )
        (again,) = await send(made, call(second.smtp, level=level), parcel(lease(3, "anna@posthouse.test")))
    by = {result.lease.id: result for result in results}
    assert (by[1].state, by[2].state, again.state) == ("relayed", "failed", "relayed")
    assert by[2].said.status == "5.1.1"
    assert bool(by[1].said.tls) == (level != "none")


async def test_a_second_posthouse_by_lmtp(second: RunningServer) -> None:
    async with client() as made:
        whom = call(second.lmtp, protocol="lmtp")
        results = await send(
            made, whom, parcel(lease(1, "anna@posthouse.test"), lease(2, "nobody@posthouse.test"))
        )
    assert {result.lease.id: result.state for result in results} == {1: "relayed", 2: "failed"}


@pytest.mark.parametrize("mechanism", ["", "PLAIN", "LOGIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("implicit", [True, False])
async def test_signing_in_at_a_second_posthouse(
    second: RunningServer, mechanism: Any, implicit: bool
) -> None:
    """Its self-made certificate is trusted by a file of ours, so it can be verified as well."""
    port = second.submissions if implicit else second.submission
    authorities = str(second.data / "tls" / "self-made.pem")
    credentials = Credentials("anna@posthouse.test", PASSWORD, mechanism)
    async with client(authorities=authorities) as made:
        whom = call(port, level="verify", credentials=credentials, implicit=implicit)
        what = parcel(
            lease(1, "anna@posthouse.test"),
            sender="anna@posthouse.test",
            body=b"From: anna@posthouse.test\r\n\r\nx\r\n",
        )
        (result,) = await send(made, whom, what)
        assert result.state == "relayed"
        assert result.said.tls.endswith("verified")


async def test_a_wrong_password_at_a_second_posthouse(second: RunningServer) -> None:
    async with client() as made:
        wrong = Credentials("anna@posthouse.test", "not it")
        with pytest.raises(ConnectFailed, match=r"sign in: 535 5\.7\.8"):
            await made.take(call(second.submission, level="encrypt", credentials=wrong))
