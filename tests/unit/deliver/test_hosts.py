"""From a way to hosts: MX, implicit MX, null MX, what fails for good and what only for now, loops, routes."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from scripted_dns import ScriptedDns

from posthouse.deliver.remote.contract import Hosts
from posthouse.deliver.remote.hosts import DnsHostFinder
from posthouse.deliver.remote.hosts_places import in_turns, stands
from posthouse.deliver.remote.ourselves import LocalAddresses, Ourselves, has_way_to
from posthouse.route.contract import Target, Way
from posthouse.settings.contract import CurrentSettings, Settings

DOMAIN = Way("mx:example.org", "example.org")


class Scene:
    """A finder in a world of two tables: the DNS, and who we are."""

    def __init__(self, **settings: object) -> None:
        self.dns = ScriptedDns()
        names = {key.replace("__", "."): value for key, value in settings.items()}
        self.settings = CurrentSettings(Settings(names))
        self.names = ["us.test"]
        self.doors = [("", 25), ("", 587)]
        self.local = {"192.0.2.99", "2001:db8::99"}
        self.ways: bool | None = None
        us = Ourselves(
            self.settings, lambda: self.names, lambda: self.doors, is_local=lambda each: each in self.local
        )
        self.finder = DnsHostFinder(
            self.dns,
            self.settings,
            us,
            chance=random.Random(7),
            has_way=lambda address: self.ways is None or self.ways,
        )

    def put(self, zone: str) -> None:
        """Lines of name, type, value."""
        for line in zone.strip().splitlines():
            name, kind, value = line.split(None, 2)
            key = (name, kind)
            self.dns.table[key] = (*self.dns.table.get(key, ()), value)

    async def find(self, way: Way = DOMAIN) -> Hosts:
        return await self.finder.find(way)


def trouble(found: Hosts) -> tuple[int, str]:
    assert not found.hosts
    assert found.trouble is not None
    return found.trouble.code, found.trouble.status


async def test_mx_by_preference_with_both_families_in_turns() -> None:
    """Best first; the addresses of a host in turns, IPv4 first unless told otherwise."""
    scene = Scene()
    scene.put("""
example.org MX 20 b.test
example.org MX 10 a.test
a.test A 192.0.2.1
a.test A 192.0.2.2
a.test AAAA 2001:db8::1
b.test AAAA 2001:db8::2
""")
    found = await scene.find()
    assert [(each.name, each.preference, each.port) for each in found.hosts] == [
        ("a.test", 10, 25),
        ("b.test", 20, 25),
    ]
    assert found.hosts[0].addresses == ("192.0.2.1", "2001:db8::1", "192.0.2.2")
    assert not found.hosts[0].authentic
    scene.settings.now = Settings({"mx.family": "ipv6"})
    assert (await scene.find()).hosts[0].addresses == ("2001:db8::1", "192.0.2.1", "192.0.2.2")
    scene.settings.now = Settings({"mx.family": "ipv4-only"})
    assert [each.name for each in (await scene.find()).hosts] == ["a.test"]
    scene.settings.now = Settings({"mx.family": "ipv6-only"})
    assert (await scene.find()).hosts[0].addresses == ("2001:db8::1",)


async def test_equal_hosts_share_the_load() -> None:
    """Among equals the order is drawn anew each time."""
    scene = Scene()
    scene.put("\n".join(f"example.org MX 10 h{n}.test\nh{n}.test A 192.0.2.{n}" for n in range(1, 5)))
    first = Counter([(await scene.find()).hosts[0].name for _ in range(200)])
    assert set(first) == {"h1.test", "h2.test", "h3.test", "h4.test"}
    assert min(first.values()) > 20


async def test_implicit_mx_and_none_at_all() -> None:
    """Without MX the domain itself is the host; without addresses too it takes no mail."""
    scene = Scene()
    scene.put("example.org A 192.0.2.1\nempty.test TXT x")
    found = await scene.find()
    assert [(each.name, each.addresses) for each in found.hosts] == [("example.org", ("192.0.2.1",))]
    assert trouble(await scene.find(Way("mx:", "empty.test"))) == (550, "5.1.2")
    assert trouble(await scene.find(Way("mx:", "nowhere.test"))) == (550, "5.1.2")
    assert trouble(await scene.find(Way("mx:", "a" * 64 + ".test"))) == (550, "5.1.2")
    assert trouble(await scene.find(Way("mx:", "a..b"))) == (550, "5.1.2")


async def test_null_mx() -> None:
    """RFC 7505: for good, and not by the address of the domain. Beside others it says nothing."""
    scene = Scene()
    scene.put("example.org MX 0 .\nexample.org A 192.0.2.1")
    assert trouble(await scene.find()) == (556, "5.1.10")
    scene.put("example.org MX 10 a.test\na.test A 192.0.2.2")
    assert [each.name for each in (await scene.find()).hosts] == ["a.test"]


async def test_a_domain_that_is_an_alias() -> None:
    """The CNAME of a domain is followed, and so is that of a host (which should have none)."""
    scene = Scene()
    scene.put("real.test MX 10 a.test\nb.test A 192.0.2.1")
    scene.dns.aliases.update({"example.org": "real.test", "a.test": "b.test"})
    found = await scene.find()
    assert [(each.name, each.addresses) for each in found.hosts] == [("a.test", ("192.0.2.1",))]


async def test_what_the_dns_does_not_answer_is_tried_again() -> None:
    """A failure says nothing about the domain; other hosts are asked meanwhile."""
    scene = Scene()
    scene.put("example.org MX 10 a.test\nexample.org MX 20 b.test\nb.test A 192.0.2.1\na.test A 192.0.2.2")
    scene.dns.broken.add(("example.org", "MX"))
    assert trouble(await scene.find()) == (451, "4.4.3")
    scene.dns.broken = {"a.test"}
    assert [each.name for each in (await scene.find()).hosts] == ["b.test"]
    scene.dns.broken = {"a.test", "b.test"}
    assert trouble(await scene.find()) == (451, "4.4.3")
    scene.dns.broken = {("a.test", "AAAA"), "b.test"}
    assert [each.addresses for each in (await scene.find()).hosts] == [("192.0.2.2",)]
    scene.dns.broken = {("implicit.test", "A")}
    scene.put("implicit.test A 192.0.2.4")
    assert trouble(await scene.find(Way("mx:", "implicit.test"))) == (451, "4.4.3")


async def test_hosts_without_addresses_fail_for_good() -> None:
    """The MX records lead to names that do not exist."""
    scene = Scene()
    scene.put("example.org MX 10 a.test\nexample.org MX 20 b.test")
    assert trouble(await scene.find()) == (550, "5.4.4")


async def test_an_mx_that_is_an_address() -> None:
    """No name, yet plain; it never counts as validated."""
    scene = Scene()
    scene.put("example.org MX 10 192.0.2.5")
    scene.dns.signed = {"example.org"}
    found = await scene.find()
    assert found.hosts[0].addresses == ("192.0.2.5",)
    assert not found.hosts[0].authentic


async def test_a_backup_mx_sends_only_to_better_ones() -> None:
    """We, by name or by address, and everybody as good as we or worse are left out."""
    scene = Scene()
    scene.put("""
example.org MX 10 a.test
example.org MX 20 us.test
example.org MX 20 b.test
example.org MX 30 c.test
a.test A 192.0.2.1
us.test A 192.0.2.77
b.test A 192.0.2.2
c.test A 192.0.2.3
""")
    assert [each.name for each in (await scene.find()).hosts] == ["a.test"]
    scene.names = []
    scene.local.add("192.0.2.77")
    assert [each.name for each in (await scene.find()).hosts] == ["a.test"]
    scene.dns.broken.add("a.test")
    assert trouble(await scene.find()) == (451, "4.4.3")  # the better one may well be there


async def test_a_loop_fails_for_good() -> None:
    """We are the best MX of a domain that we do not serve."""
    scene = Scene()
    scene.put("example.org MX 10 us.test\nexample.org MX 20 b.test\nus.test A 192.0.2.99\nb.test A 192.0.2.2")
    assert trouble(await scene.find()) == (550, "5.4.6")
    scene.put("direct.test A 192.0.2.99")
    assert trouble(await scene.find(Way("mx:", "direct.test"))) == (550, "5.4.6")
    scene.put("nat.test MX 1 nat.test\nnat.test A 203.0.113.8")
    assert (await scene.find(Way("mx:", "nat.test"))).hosts
    scene.settings.now = Settings({"mx.own_addresses": "203.0.113.8"})
    assert trouble(await scene.find(Way("mx:", "nat.test"))) == (550, "5.4.6")


async def test_our_own_door_at_loopback_is_a_loop_too() -> None:
    """A stranger's MX to 127.0.0.1 is we ourselves, where we listen."""
    scene = Scene()
    scene.local.add("127.0.0.1")
    scene.put("example.org MX 10 evil.test\nevil.test A 127.0.0.1")
    assert trouble(await scene.find()) == (550, "5.4.6")
    scene.doors = [("192.0.2.99", 25)]
    assert trouble(await scene.find()) == (550, "5.4.4")


async def test_places_nobody_can_be_at_are_passed_over() -> None:
    """Loopback, unspecified, multicast; private networks by setting."""
    scene = Scene()
    scene.put("""
example.org MX 10 a.test
a.test A 0.0.0.0
a.test A 224.0.0.1
a.test A 10.1.2.3
a.test AAAA fe80::1
""")
    assert (await scene.find()).hosts[0].addresses == ("10.1.2.3",)
    scene.settings.now = Settings({"mx.places": "public"})
    assert trouble(await scene.find()) == (550, "5.4.4")
    assert stands("8.8.8.8", "public")
    assert stands("127.0.0.2", "any")
    assert not stands("::ffff:127.0.0.2", "private")


async def test_limits() -> None:
    """So many hosts, so many addresses in all, no address twice."""
    scene = Scene(mx__max_hosts=3, mx__max_addresses=4)
    scene.put("\n".join(f"example.org MX {n} h{n}.test\nh{n}.test A 192.0.2.{n}" for n in range(10, 20)))
    assert [each.name for each in (await scene.find()).hosts] == ["h10.test", "h11.test", "h12.test"]
    scene.put("\n".join(f"h10.test A 192.0.2.{n}" for n in range(60, 70)))
    found = (await scene.find()).hosts
    assert [len(each.addresses) for each in found] == [4]
    scene.put(
        "twice.test MX 1 one.test\ntwice.test MX 2 two.test\none.test A 192.0.2.1\ntwo.test A 192.0.2.1"
    )
    assert [each.name for each in (await scene.find(Way("mx:", "twice.test"))).hosts] == ["one.test"]


async def test_ipv6_without_a_way_is_left_out() -> None:
    """Where the machine has no IPv6; a host with nothing else stays, and says so when it is asked."""
    scene = Scene()
    scene.ways = False
    scene.put("example.org MX 10 a.test\na.test A 192.0.2.1\na.test AAAA 2001:db8::1")
    assert (await scene.find()).hosts[0].addresses == ("192.0.2.1",)
    scene.put("six.test AAAA 2001:db8::6")
    assert (await scene.find(Way("mx:", "six.test"))).hosts[0].addresses == ("2001:db8::6",)


async def test_validated_from_mx_to_address() -> None:
    """Every link must be signed; one family that is not answered takes nothing away."""
    scene = Scene()
    scene.put("example.org MX 10 a.test\na.test A 192.0.2.1")
    scene.dns.signed = {"example.org", "test"}
    assert (await scene.find()).hosts[0].authentic
    scene.dns.broken.add(("a.test", "AAAA"))
    assert (await scene.find()).hosts[0].authentic
    scene.dns.broken.clear()
    scene.dns.signed = {"example.org"}
    assert not (await scene.find()).hosts[0].authentic
    scene.dns.signed = {"test"}
    assert not (await scene.find()).hosts[0].authentic


async def test_a_signed_alias_of_an_unsigned_host() -> None:
    """Its own TLSA records count still (RFC 7672 2.2.2)."""
    scene = Scene()
    scene.put("example.org MX 10 a.test\nplain.example A 192.0.2.1")
    scene.dns.aliases["a.test"] = "plain.example"
    scene.dns.signed = {"example.org", "test"}
    assert (await scene.find()).hosts[0].authentic


async def test_address_literals_by_setting() -> None:
    """Off: for good. On: where they lead, unless that is nowhere."""
    scene = Scene()
    literal = Way("mx:", "[192.0.2.44]")
    assert trouble(await scene.find(literal)) == (550, "5.1.3")
    scene.settings.now = Settings({"mx.address_literals": True})
    assert (await scene.find(literal)).hosts[0].addresses == ("192.0.2.44",)
    assert (await scene.find(Way("mx:", "[IPv6:2001:db8::5]"))).hosts[0].addresses == ("2001:db8::5",)
    assert trouble(await scene.find(Way("mx:", "[127.0.0.1]"))) == (550, "5.1.3")
    assert trouble(await scene.find(Way("mx:", "[192.0.2.99]"))) == (550, "5.4.6")
    assert trouble(await scene.find(Way("mx:", "[nonsense]"))) == (550, "5.1.3")


def route(*targets: Target, **more: object) -> Way:
    return Way("route:1", "example.org", targets, name="smart", **more)  # type: ignore[arg-type]


async def test_targets_of_a_route() -> None:
    """By preference; names by their addresses only, never by MX; addresses and sockets as they are."""
    scene = Scene()
    scene.put("relay.test MX 1 elsewhere.test\nrelay.test A 10.0.0.5\nelsewhere.test A 192.0.2.1")
    found = await scene.find(
        route(
            Target("[127.0.0.1]", 2525, 30),
            Target("/run/lmtp", 0, 20),
            Target("relay.test", 587, 10),
            protocol="lmtp",
        )
    )
    assert [(each.name, each.addresses, each.port) for each in found.hosts] == [
        ("relay.test", ("10.0.0.5",), 587),
        ("/run/lmtp", ("/run/lmtp",), 0),
        ("127.0.0.1", ("127.0.0.1",), 2525),
    ]


async def test_targets_are_drawn_by_weight() -> None:
    """Three to one; weight 0 only when nothing else is there."""
    scene = Scene()
    way = route(Target("192.0.2.1", weight=3), Target("192.0.2.2", weight=1), Target("192.0.2.3", weight=0))
    drawn = [[each.name for each in (await scene.find(way)).hosts] for _ in range(400)]
    first = Counter(each[0] for each in drawn)
    assert 240 < first["192.0.2.1"] < 360
    assert first["192.0.2.3"] == 0
    assert all(each[2] == "192.0.2.3" for each in drawn)


async def test_a_route_that_cannot_be_gone_waits() -> None:
    """A slip of the administrator bounces nobody's mail; only a loop is refused."""
    scene = Scene()
    assert trouble(await scene.find(route(Target("nowhere.test")))) == (451, "4.4.4")
    assert trouble(await scene.find(route(Target("bad name!"))))[0] == 451
    scene.dns.broken.add("relay.test")
    assert trouble(await scene.find(route(Target("relay.test")))) == (451, "4.4.3")
    scene.local.add("127.0.0.1")
    assert trouble(await scene.find(route(Target("127.0.0.1", 25)))) == (550, "5.4.6")
    assert (await scene.find(route(Target("127.0.0.1", 2500)))).hosts


async def test_a_source_address_chooses_the_family() -> None:
    """From an IPv4 address only IPv4 is reached."""
    scene = Scene()
    scene.put("example.org A 192.0.2.1\nexample.org AAAA 2001:db8::1")
    four = await scene.find(Way("mx:", "example.org", source="192.0.2.99"))
    assert four.hosts[0].addresses == ("192.0.2.1",)
    six = await scene.find(Way("mx:", "example.org", source="2001:db8::99"))
    assert six.hosts[0].addresses == ("2001:db8::1",)


def test_addresses_of_this_machine() -> None:
    """Asked of the system: loopback is ours, a documentation address is not."""
    local = LocalAddresses()
    assert local.has("127.0.0.1")
    assert local.has("127.8.9.10")
    assert not local.has("198.51.100.7")
    assert not local.has("2001:db8::1234")
    assert has_way_to("127.0.0.1")
    assert in_turns("ab", "c") == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("door", "address", "port", "ours"),
    [
        ("0.0.0.0", "192.0.2.99", 25, True),
        ("0.0.0.0", "2001:db8::99", 25, False),
        ("::", "2001:db8::99", 25, True),
        ("::", "192.0.2.99", 25, True),
        ("::", "192.0.2.98", 25, False),
        ("192.0.2.99", "::ffff:192.0.2.99", 25, True),
        ("192.0.2.99", "192.0.2.99", 26, False),
    ],
)
def test_doors(door: str, address: str, port: int, ours: bool) -> None:
    """Which addresses a listener is reached at."""
    us = Ourselves(
        CurrentSettings(),
        lambda: (),
        lambda: [(door, 25)],
        is_local=lambda each: each in ("192.0.2.99", "2001:db8::99"),
    )
    assert us.at(address, port) is ours
