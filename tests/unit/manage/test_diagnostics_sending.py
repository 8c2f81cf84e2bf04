"""Diagnostics of mail that leaves: each check good and bad, against a DNS on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from dns_server import DnsServer
from test_diagnostics import GOOD, look, one

from posthouse.database.contract import Transaction
from posthouse.directory import routes
from posthouse.directory.routes import Route
from posthouse.manage import diagnostics_ports, diagnostics_sending
from posthouse.manage.context import Context
from posthouse.manage.diagnostics_spf import covers
from posthouse.manage.routes_views import RouteStep
from posthouse.manage.warnings_sending import troubles
from posthouse.queue import destinations
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService


@pytest.fixture
def nameserver() -> Iterator[DnsServer]:
    with DnsServer(GOOD, authentic=True) as server:
        yield server


SPF = """
plain.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
other.example. TXT "v=spf1 ip4:198.51.100.7 ip6:2001:db8::/32 ~all"
named.example. TXT "v=spf1 a:mail.example.org -all"
bymx.example. TXT "v=spf1 mx -all"
bymx.example. MX 10 mail.example.org.
led.example. TXT "v=spf1 redirect=plain.example"
within.example. TXT "v=spf1 include:plain.example -all"
without.example. TXT "v=spf1 include:other.example ?all"
not.example. TXT "v=spf1 -ip4:203.0.113.5 +all"
near.example. TXT "v=spf1 a:near-host.example/29 -all"
near-host.example. A 203.0.113.2
loop.example. TXT "v=spf1 include:loop.example -all"
two.example. TXT "v=spf1 -all"
two.example. TXT "v=spf1 +all"
odd.example. TXT "v=spf1 ip4:no -all"
odder.example. TXT "v=spf1 frobnicate -all"
macro.example. TXT "v=spf1 exists:%{i}.example -all"
empty.example. TXT "something else"
"""


@pytest.mark.parametrize(
    ("domain", "answer"),
    [
        ("plain.example", "yes"),
        ("other.example", "no"),
        ("named.example", "yes"),
        ("bymx.example", "yes"),
        ("led.example", "yes"),
        ("within.example", "yes"),
        ("without.example", "no"),
        ("not.example", "no"),
        ("near.example", "yes"),
        ("loop.example", "error"),
        ("two.example", "error"),
        ("odd.example", "error"),
        ("odder.example", "error"),
        ("macro.example", "unknown"),
        ("empty.example", "none"),
        ("absent.example", "none"),
    ],
)
async def test_what_spf_covers(context: Context, nameserver: DnsServer, domain: str, answer: str) -> None:
    nameserver.add(SPF)
    resolver = look(context, nameserver).resolver
    assert await covers(resolver, domain, "203.0.113.5") == answer


async def test_spf_over_ipv6_and_without_dns(context: Context, nameserver: DnsServer) -> None:
    nameserver.add(SPF)
    resolver = look(context, nameserver).resolver
    assert await covers(resolver, "other.example", "2001:db8::5") == "yes"
    assert await covers(resolver, "plain.example", "2001:db8::5") == "no"
    nameserver.broken.add("plain.example")
    assert await covers(resolver, "within.example", "203.0.113.5") == "unknown"


class Steps:
    """Tries no route, and tells what it was told to."""

    def __init__(self, *steps: RouteStep) -> None:
        self.steps = list(steps)

    async def test(self, route: Route, domain: str) -> list[RouteStep]:
        return self.steps


async def use_smart_host(context: Context) -> None:
    def op(tx: Transaction) -> None:
        routes.add(tx, Route(recipient="*", target="smtp.provider.example", security="starttls"), None)

    await context.database.run(op)


async def test_the_smart_host(context: Context, nameserver: DnsServer) -> None:
    at = look(context, nameserver)
    assert await diagnostics_sending.smart_host(at) == []
    await use_smart_host(context)
    (found,) = await diagnostics_sending.smart_host(at)
    assert found.state == "unknown"
    context.routes = Steps(RouteStep("connect", "smtp.provider.example", True, "192.0.2.1, port 587"))
    (found,) = await diagnostics_sending.smart_host(at)
    assert found.state == "ok"
    context.routes = Steps(RouteStep("sign in", "smtp.provider.example", False, "535 5.7.8 no"))
    (found,) = await diagnostics_sending.smart_host(at)
    assert one(found).state == "bad"
    assert "535 5.7.8" in found.text


async def test_a_closed_port_matters_less_with_a_smart_host(context: Context, nameserver: DnsServer) -> None:
    nameserver.add("closed.example. MX 5 mx.closed.example.\nmx.closed.example. A 127.0.0.1")
    at = look(context, nameserver, diagnostics__outward="closed.example", diagnostics__port=9)
    found = one(await diagnostics_ports.outward(at))
    assert (found.state, "smart host" in found.mend) == ("bad", True)
    await use_smart_host(context)
    assert one(await diagnostics_ports.outward(at)).state == "ok"


async def test_the_name_we_say(context: Context, nameserver: DnsServer) -> None:
    async def state(**values: Any) -> str:
        (found,) = await diagnostics_sending.ehlo(look(context, nameserver, **values))
        return one(found).state

    assert await state() == "ok"
    assert await state(remote__name="out.example.org") == "bad"
    nameserver.add("out.example.org. A 203.0.113.77\n5.113.0.203.in-addr.arpa. PTR out.example.org.")
    assert await state(remote__name="out.example.org") == "bad"
    nameserver.add("out.example.org. A 203.0.113.5")
    assert await state(remote__name="out.example.org") == "ok"
    nameserver.broken.add("out.example.org")
    assert await state(remote__name="out.example.org") == "unknown"


async def test_the_record_of_a_domain_covers_its_address(context: Context, nameserver: DnsServer) -> None:
    nameserver.add(SPF)
    at = look(context, nameserver)

    async def state(domain: str) -> str:
        (found,) = await diagnostics_sending.spf_covers(at, domain)
        return one(found).state

    assert await state("plain.example") == "ok"
    assert await state("other.example") == "bad"
    assert await state("two.example") == "bad"
    assert await state("macro.example") == "unknown"
    assert await diagnostics_sending.spf_covers(at, "empty.example") == []
    await use_smart_host(context)
    assert await state("plain.example") == "unknown"


async def test_dane_needs_a_resolver_that_validates(context: Context, nameserver: DnsServer) -> None:
    async def state(**values: Any) -> str:
        return one(await diagnostics_sending.dane(look(context, nameserver, **values))).state

    assert await state() == "ok"
    assert await state(dns__trust_ad="no") == "warn"
    assert await state(tls_out__dane=False) == "ok"
    nameserver.broken.add("signed")
    assert await state() == "unknown"
    with DnsServer(GOOD) as plain:
        assert one(await diagnostics_sending.dane(look(context, plain))).state == "warn"


async def queue(context: Context, recipients: int, received_at: float) -> None:
    service = QueueService(context.settings, context.feed)
    message = QueuedMessage("t", "0" * 64, 10, "a@example.org", received_at)
    rows = [QueuedRecipient(f"u{number}@away.example", "mx:away.example") for number in range(recipients)]
    await context.database.run(service.put, message, rows)


async def fail(context: Context, name: str, times: int, reason: str) -> None:
    def op(tx: Transaction) -> None:
        for number in range(times):
            destinations.note_down(tx, name, time.time() - 9000 + number * 1000, reason, first=60, most=600)

    await context.database.run(op)


async def codes(context: Context) -> list[str]:
    found = await context.database.scan(lambda tx: troubles(tx, time.time()))
    assert all(what and mend for _, what, mend in found)
    return [code for code, _, _ in found]


async def test_the_queue_s_health(context: Context, nameserver: DnsServer) -> None:
    at = look(context, nameserver)
    assert one(await diagnostics_sending.queue_health(at)).text == "Nothing waits in the queue."
    await queue(context, 1, time.time() - 5 * 3600)
    assert one(await diagnostics_sending.queue_health(at)).state == "warn"
    await context.database.run(lambda tx: destinations.pause(tx, "mx:a.example", "me", time.time()))
    assert await codes(context) == ["queue.paused"]
    assert "mx:a.example" in one(await diagnostics_sending.queue_health(at)).text
    await context.database.run(lambda tx: destinations.pause(tx, "*", "me", time.time()))
    assert await codes(context) == ["queue.all_paused"]
    assert one(await diagnostics_sending.queue_health(at)).state == "bad"


async def test_a_destination_that_is_down_is_told_when_much_waits(context: Context) -> None:
    await queue(context, 60, time.time())
    await fail(context, "mx:away.example", 1, "452 4.3.2 not now")
    assert await codes(context) == []
    await fail(context, "mx:away.example", 3, "452 4.3.2 not now")
    assert await codes(context) == ["queue.down"]


async def test_a_closed_port_is_told_when_several_are_silent(context: Context) -> None:
    for name in ("a", "b"):
        await fail(context, f"mx:{name}.example", 1, "4.4.1 mx[192.0.2.1]: timed out (to CONNECT)")
    assert await codes(context) == []
    await fail(context, "mx:c.example", 1, "4.4.1 mx[192.0.2.3]: timed out (to CONNECT)")
    assert await codes(context) == ["outward.port"]

    from posthouse.manage import measurements

    def sent(tx: Transaction) -> None:
        measurements.keep(tx, int(time.time()), {"messages.sent": 3.0})

    await context.database.run(sent)
    assert await codes(context) == []
