"""The resolver against a DNS server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dns_server import DnsServer

from posthouse.net.dns import Resolver, ascii_name, reverse_name
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.dns import split_place

LONG = "x" * 250

ZONE = f"""
example.org. 300 MX 10 Mail.Example.org.
example.org. 300 MX 5 first.example.org.
mail.example.org. 300 A 192.0.2.1
mail.example.org. 300 AAAA 2001:db8::1
www.example.org. 300 CNAME mail.example.org.
example.org. 300 TXT "v=spf1 " "mx -all"
xn--bcher-kva.example. 300 A 192.0.2.7
big.example.org. 300 TXT "{LONG}" "{LONG}" "{LONG}" "{LONG}" "{LONG}" "{LONG}"
"""


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as server:
        yield server


def resolver(server: DnsServer, timeout: float = 5.0, clock: list[float] | None = None) -> Resolver:
    settings = CurrentSettings(Settings({"dns.servers": server.place, "dns.timeout": timeout}))
    return Resolver(settings, (lambda: clock[0]) if clock else (lambda: 0.0))


async def test_records_come_in_one_form(dns: DnsServer) -> None:
    """Lower case, no final dots, TXT joined, names in either form, CNAMEs followed, long answers by TCP."""
    ask = resolver(dns)
    assert (await ask.ask("example.org", "MX")).rows == ("10 mail.example.org", "5 first.example.org")
    assert (await ask.ask("EXAMPLE.org.", "TXT")).rows == ("v=spf1 mx -all",)
    assert (await ask.addresses("www.example.org")).rows == ("192.0.2.1", "2001:db8::1")
    assert (await ask.ask("bücher.example", "A")).rows == ("192.0.2.7",)
    assert (await ask.ask("big.example.org", "TXT")).rows == (LONG * 6,)


async def test_what_is_not_there_is_told_apart(dns: DnsServer) -> None:
    """No such records, no such name, a failure and silence are four things."""
    ask = resolver(dns, timeout=0.3)
    dns.broken.add("broken.example.org")
    dns.silent.add("silent.example.org")
    assert (await ask.ask("mail.example.org", "TXT")).state == "empty"
    assert (await ask.ask("nowhere.example.org", "A")).state == "missing"
    assert (await ask.ask("broken.example.org", "A")).state == "failed"
    silent = await ask.ask("silent.example.org", "A")
    assert silent.state == "failed"
    assert "0.3 seconds" in silent.reason
    assert (await ask.ask("a" * 64 + ".example.org", "A")).state == "failed"
    assert (await ask.ask("", "A")).state == "failed"


async def test_the_cache_lasts_as_long_as_the_record(dns: DnsServer) -> None:
    """A second question is not asked again until its time to live is over, unless it must be fresh; failures
    are never kept."""
    clock = [0.0]
    ask = resolver(dns, clock=clock)
    await ask.ask("mail.example.org", "A")
    await ask.ask("MAIL.example.org", "A")
    assert len(dns.asked) == 1
    await ask.ask("mail.example.org", "A", fresh=True)
    assert len(dns.asked) == 2
    clock[0] = 301.0
    await ask.ask("mail.example.org", "A")
    assert len(dns.asked) == 3
    dns.broken.add("broken.example.org")
    await ask.ask("broken.example.org", "A")
    dns.broken.clear()
    assert (await ask.ask("broken.example.org", "A")).state == "missing"


async def test_the_ad_flag_is_known(dns: DnsServer) -> None:
    """Validated or not, as the resolver says."""
    assert not (await resolver(dns).ask("mail.example.org", "A")).authentic
    dns.authentic = True
    assert (await resolver(dns).ask("mail.example.org", "A")).authentic


async def test_the_servers_may_change(dns: DnsServer) -> None:
    """The setting is live."""
    settings = CurrentSettings(Settings({"dns.servers": dns.place}))
    ask = Resolver(settings)
    await ask.ask("mail.example.org", "A")
    with DnsServer("mail.example.org. 300 A 192.0.2.99") as other:
        settings.now = Settings({"dns.servers": other.place})
        assert (await ask.ask("mail.example.org", "A", fresh=True)).rows == ("192.0.2.99",)


def test_places_and_names() -> None:
    """Addresses with and without ports; names as DNS has them."""
    assert split_place("192.0.2.1", 53) == ("192.0.2.1", 53)
    assert split_place("192.0.2.1:5353", 53) == ("192.0.2.1", 5353)
    assert split_place("2001:db8::1", 53) == ("2001:db8::1", 53)
    assert split_place("[2001:db8::1]:5353", 53) == ("2001:db8::1", 5353)
    for bad in ("name.example", "192.0.2.1:0", "[::1]x", "192.0.2.1:x"):
        with pytest.raises(ValueError):
            split_place(bad, 53)
    assert ascii_name("_imaps._tcp.Bücher.example.") == "_imaps._tcp.xn--bcher-kva.example"
    assert reverse_name("192.0.2.1") == "1.2.0.192.in-addr.arpa"
