"""Diagnostics: each check good and bad, against a DNS, a time server and mail servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from dns_server import DnsServer

from posthouse.manage import (
    diagnostics,
    diagnostics_domain,
    diagnostics_lists,
    diagnostics_machine,
    diagnostics_ports,
    diagnostics_server,
    diagnostics_upkeep,
)
from posthouse.manage.context import Actor, Context, ListenerState, LiveState
from posthouse.manage.diagnostics import Finding, Look
from posthouse.manage.logs import LogFilter, LogLine
from posthouse.manage.use import perform
from posthouse.net.certificates import SelfMade
from posthouse.net.dns import Answer, Resolver
from posthouse.settings.contract import Settings

GOOD = """
mail.example.org. A 203.0.113.5
5.113.0.203.in-addr.arpa. PTR mail.example.org.
example.org. MX 10 mail.example.org.
example.org. SOA a. b. 1 2 3 4 5
signed. SOA a. b. 1 2 3 4 5
2.0.0.127.bl.example. A 127.0.0.2
"""


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer(GOOD) as server:
        yield server


def look(
    context: Context, nameserver: DnsServer, listeners: tuple[ListenerState, ...] = (), **values: Any
) -> Look:
    """What a check looks at, with these settings (dots of their names as double underscores)."""
    settings = {
        "dns.servers": nameserver.place,
        "dns.timeout": 1.0,
        "server.hostname": "mail.example.org",
        "server.addresses": "203.0.113.5",
        "diagnostics.time_server": "",
        "diagnostics.block_lists": "bl.example",
        "diagnostics.outward": "",
        "diagnostics.validation_name": "signed",
    }
    settings |= {name.replace("__", "."): value for name, value in values.items()}
    context.settings.now = Settings(settings)
    from posthouse.manage import setup_facts

    return Look(
        context=context,
        resolver=Resolver(context.settings),
        host=setup_facts.host_name(context),
        addresses=setup_facts.addresses(context.settings),
        listeners=listeners,
        domains=("example.org",),
    )


def one(found: Any) -> Finding:
    assert isinstance(found, Finding)
    assert found.state in ("ok", "unknown") or found.mend, f"{found.name} has no mend"
    return found


async def test_the_host_name(context: Context, nameserver: DnsServer) -> None:
    """Full, in the DNS, and ours."""

    async def state(**values: Any) -> str:
        return one(await diagnostics_server.hostname(look(context, nameserver, **values))).state

    assert await state() == "ok"
    assert await state(server__hostname="mail.local") == "bad"
    assert await state(server__hostname="none.example.org") == "bad"
    assert await state(server__addresses="203.0.113.9") == "bad"
    nameserver.add("mail.example.org. A 203.0.113.77")
    assert await state() == "warn"
    nameserver.broken.add("mail.example.org")
    assert await state() == "unknown"


async def test_the_reverse_name(context: Context, nameserver: DnsServer) -> None:
    """It must be there, be ours, and lead back."""

    async def state(**values: Any) -> str:
        (found,) = await diagnostics_server.reverse(look(context, nameserver, **values))
        return one(found).state

    assert await state() == "ok"
    assert await state(server__addresses="203.0.113.6") == "bad"
    assert await state(server__hostname="other.example.org") == "bad"
    nameserver.remove("mail.example.org", "A")
    assert await state() == "bad"


@contextlib.asynccontextmanager
async def mail_server(*replies: bytes) -> AsyncIterator[int]:
    """Says the first line, then one for each line it gets; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for number, reply in enumerate(replies):
                if number:
                    await reader.readuntil(b"\n")
                writer.write(reply)
                await writer.drain()
            await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_port_25_outward(context: Context, nameserver: DnsServer) -> None:
    """Open, closed, answered by something else, or not to be known."""
    nameserver.add("far.example. MX 10 mx.far.example.\nmx.far.example. A 127.0.0.1")

    async def state(port: int, target: str = "far.example") -> str:
        values = {"diagnostics__port": port, "diagnostics__outward": target}
        return one(await diagnostics_ports.outward(look(context, nameserver, **values))).state

    async with mail_server(b"220-hello\r\n220 mx.far.example\r\n") as port:
        assert await state(port) == "ok"
    async with mail_server(b"SSH-2.0\r\n") as port:
        assert await state(port) == "bad"
    async with mail_server(b"2" * 5000) as port:
        assert await state(port) == "bad"
    assert await state(closed_port()) == "bad"
    assert await state(25, "") == "unknown"
    nameserver.broken.add("dark.example")
    assert await state(25, "dark.example") == "unknown"


async def test_port_25_inward_claims_nothing_it_cannot_know(context: Context, nameserver: DnsServer) -> None:
    """Our own answer to ourselves is unknown to others; a stranger's answer is bad."""
    context.running = True

    async def state(port: int, greeting: bytes) -> str:
        async with mail_server(greeting) as answering:
            listeners = (
                ListenerState(protocol="smtp", tls="starttls", address="127.0.0.1", port=port or answering),
            )
            values = {"diagnostics__port": answering, "server__addresses": "127.0.0.1"}
            (found,) = await diagnostics_ports.inward(look(context, nameserver, listeners, **values))
            return one(found).state

    assert await state(0, b"220 mail.example.org ESMTP\r\n") == "unknown"
    assert await state(0, b"220 else.example.com ESMTP\r\n") == "bad"
    assert await state(1, b"220 mail.example.org ESMTP\r\n") == "bad"


async def test_an_open_relay_is_seen(context: Context, nameserver: DnsServer) -> None:
    """Refused is good, taken is bad."""

    async def state(answer: bytes) -> str:
        async with mail_server(b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", answer, b"250 ok\r\n") as port:
            listeners = (ListenerState(protocol="smtp", tls="starttls", address="", port=port),)
            return one(await diagnostics_ports.relay(look(context, nameserver, listeners))).state

    assert await state(b"550 5.7.1 no\r\n") == "ok"
    assert await state(b"250 2.1.5 ok\r\n") == "bad"


async def test_own_mx(context: Context, nameserver: DnsServer) -> None:
    """The domain's MX is asked as another server would."""
    nameserver.remove("mail.example.org", "A")
    nameserver.add("mail.example.org. A 127.0.0.1")

    async def state(greeting: bytes) -> str:
        async with mail_server(greeting) as port:
            looked = look(context, nameserver, diagnostics__port=port)
            return one(await diagnostics_domain.own_mx(looked, "example.org")).state

    assert await state(b"220 mail.example.org hello\r\n") == "ok"
    assert await state(b"220 elsewhere.example hello\r\n") == "warn"
    nameserver.remove("example.org", "MX")
    assert await state(b"") == "unknown"
    nameserver.add("example.org. MX 0 .")
    assert await state(b"") == "bad"


async def test_dnssec_needs_a_validating_resolver(context: Context, nameserver: DnsServer) -> None:
    """Without one nothing is claimed."""
    assert one(await diagnostics_domain.dnssec(look(context, nameserver), "example.org")).state == "unknown"
    nameserver.authentic = True
    assert one(await diagnostics_domain.dnssec(look(context, nameserver), "example.org")).state == "ok"


async def test_the_records_of_a_domain(context: Context, nameserver: DnsServer) -> None:
    """A finding for each topic; the mend is the record to publish."""
    found = await diagnostics_domain.records(look(context, nameserver), "example.org")
    states = {each.name: each.state for each in found}
    assert states["mx"] == "ok"
    assert states["spf"] == "bad"
    assert states["dmarc"] == "warn"
    assert "v=spf1 mx -all" in next(each.mend for each in found if each.name == "spf")


async def test_block_lists(context: Context, nameserver: DnsServer) -> None:
    """Listed, not listed; and a list that does not speak with our resolver is no listing."""

    async def state() -> str:
        values = {"server__addresses": "127.0.0.2"}
        (found,) = await diagnostics_lists.block_lists(look(context, nameserver, **values))
        return one(found).state

    assert await state() == "bad"
    nameserver.remove("2.0.0.127.bl.example", "A")
    assert await state() == "ok"
    nameserver.broken.add("2.0.0.127.bl.example")
    assert await state() == "unknown"
    assert diagnostics_lists.verdict(Answer("found", ("127.255.255.254",))) == "silent"
    assert diagnostics_lists.verdict(Answer("found", ("198.51.100.1",))) == "silent"
    assert diagnostics_lists.verdict(Answer("found", ("127.0.0.10",))) == "listed"


@contextlib.contextmanager
def time_server(off: float, *, forge: bool = False) -> Iterator[str]:
    """Tells the time, ``off`` seconds from ours; ``forge``: answers that do not bear the question's cookie."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            data, peer = server.recvfrom(512)
            now = time.time() + off + 2208988800
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            cookie = bytes(8) if forge else data[40:48]
            server.sendto(b"\x24\x02" + bytes(22) + cookie + stamp + stamp, peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


async def test_the_clock(context: Context, nameserver: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right, wrong, and no answer that can be believed."""
    monkeypatch.setattr(diagnostics_machine, "CLOCK_SECONDS", 0.5)

    async def state(place: str) -> str:
        return one(
            await diagnostics_machine.clock(look(context, nameserver, diagnostics__time_server=place))
        ).state

    for off, wanted in ((0.0, "ok"), (30.0, "warn"), (-3600.0, "bad")):
        with time_server(off) as place:
            assert await state(place) == wanted
    with time_server(0.0, forge=True) as place:
        assert await state(place) == "unknown"
    assert await state("") == "unknown"
    assert await state("nowhere.example") == "unknown"


async def test_disk_folder_and_database(context: Context, nameserver: DnsServer) -> None:
    """The machine's own things."""
    looked = look(context, nameserver, limits__free_space=1)
    assert next(one(each).state for each in await diagnostics_machine.disk(looked)) in ("ok", "warn")
    full = look(context, nameserver, limits__free_space=1 << 60)
    assert (await diagnostics_machine.disk(full))[0].state == "bad"
    data = Path(context.config.data)
    data.chmod(0o700)
    assert one(await diagnostics_machine.data_folder(looked)).state == "ok"
    data.chmod(0o755)
    assert one(await diagnostics_machine.data_folder(looked)).state == "warn"
    assert one(await diagnostics_machine.database(looked)).state in ("ok", "warn")


def test_certificates(tmp_path: Path) -> None:
    """Self-made, for another name, near its end, over."""
    now = datetime.datetime.now(datetime.UTC)
    pem = SelfMade(tmp_path, ["mail.example.org"]).ensure(now).read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])
    judge = diagnostics_machine.judge_certificate
    assert judge(der, "mail.example.org", now).state == "warn"
    assert "self-made" in judge(der, "mail.example.org", now).text
    assert judge(der, "mx.example.org", now).state == "warn"  # it is made anew for the name
    assert "expired" in judge(der, "mail.example.org", now + datetime.timedelta(days=400)).text


async def test_a_check_that_hangs_or_breaks_is_a_finding(
    context: Context, nameserver: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told at once; nothing is lost, nothing raises."""

    async def hangs(look: Look) -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    async def breaks(look: Look) -> Finding:
        raise RuntimeError("our fault")

    async def fine(look: Look) -> Finding:
        return Finding(name="fine", group="server", state="ok", text="Fine.")

    checks = {"hangs": ("server", hangs), "breaks": ("server", breaks), "fine": ("server", fine)}
    monkeypatch.setattr(diagnostics, "_checks", checks)
    monkeypatch.setattr(diagnostics, "_domain_checks", {})
    monkeypatch.setattr(diagnostics, "CHECK_SECONDS", 0.1)
    told: list[Finding] = []

    async def emit(value: Finding) -> None:
        told.append(value)

    found = await diagnostics.run(look(context, nameserver), emit)
    assert {each.name: each.state for each in found} == {
        "hangs": "unknown",
        "breaks": "unknown",
        "fine": "ok",
    }
    assert told == found


async def test_the_use_streams_and_counts(context: Context, nameserver: DnsServer) -> None:
    """Every finding is emitted before the result, which holds the same."""
    looked = look(context, nameserver)
    await perform(context, Actor("t", "test"), "domain.add", {"name": "example.org"})

    async def live() -> LiveState:
        return LiveState(listeners=looked.listeners)

    context.live = live
    told: list[Finding] = []

    async def emit(value: Finding) -> None:
        told.append(value)

    result = await perform(context, Actor("t", "test"), "diagnose", {"domain": "example.org"}, emit)
    assert sorted(told, key=repr) == sorted(result.findings, key=repr)
    assert sum(result.counts.values()) == len(told) > 15
    assert all(each.state in ("ok", "unknown") or each.mend for each in told)


async def test_backups_and_errors(context: Context, nameserver: DnsServer) -> None:
    """None made is a warning; errors of today are counted, older ones are not."""
    looked = look(context, nameserver)
    assert one(await diagnostics_upkeep.backup(looked)).state == "warn"
    assert one(await diagnostics_upkeep.errors(looked)).state == "unknown"

    class Logs:
        at = time.time()

        async def tail(self, wanted: LogFilter, count: int) -> list[LogLine]:
            assert wanted.level == "error"
            return [LogLine(at=self.at, level="error", logger="x", event="job.broke", fields={})]

    logs: Any = Logs()
    context.logs = logs
    found = one(await diagnostics_upkeep.errors(looked))
    assert (found.state, "job.broke" in found.text) == ("warn", True)
    logs.at -= 2 * 86400
    assert one(await diagnostics_upkeep.errors(looked)).state == "ok"
