"""Countries from a made database: what is known, what is broken, and rules about them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from posthouse.net.countries import CountryFile, Unreadable, country_in
from posthouse.net.networks import Networks
from posthouse.net.ranges import span
from posthouse.net.screening import Because, CountryRule, NetworkList, Screening
from posthouse.settings import geoip as settings_geoip


def made(path: Path, version: int = 6) -> Path:
    writer = MMDBWriter(version, "Made", languages=["en"], description="made", ipv4_compatible=version == 6)
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "de"}})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"registered_country": {"iso_code": "AT"}})
    if version == 6:
        writer.insert_network(IPSet(["2001:db8::/32"]), {"country": "CH", "country_name": "Switzerland"})
    writer.to_db_file(str(path))
    return path


def test_what_a_database_knows(tmp_path: Path) -> None:
    file = CountryFile(str(made(tmp_path / "c.mmdb")))
    assert file.kind == "Made"
    assert file.built > 1_700_000_000
    for _ in range(2):  # the second time from memory
        assert file.country("203.0.113.5") == "DE"
        assert file.country("198.51.100.5") == "AT"
        assert file.country("2001:db8::5") == "CH"
        assert file.country("192.0.2.1") == file.country("2001:db9::1") == ""
    only_four = CountryFile(str(made(tmp_path / "4.mmdb", 4)))
    assert only_four.country("203.0.113.5") == "DE"
    assert only_four.country("2001:db8::5") == ""
    assert only_four.failed == 0


@pytest.mark.parametrize("kept", [0, 1, 100, 300, -30])
def test_what_is_broken_is_refused_in_words(tmp_path: Path, kept: int) -> None:
    file = made(tmp_path / "c.mmdb")
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(Unreadable, match="no database"):
        CountryFile(str(file))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        CountryFile(str(tmp_path / "none"))
    with pytest.raises(Unreadable):
        CountryFile(str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Unreadable, match="no file"):
            CountryFile(str(tmp_path / "pipe"))


@given(some.integers(0, 2**31), some.binary(min_size=1, max_size=8))
def test_any_damage_is_refused_or_answers(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damage"
    folder.mkdir(exist_ok=True)
    whole = folder / "whole.mmdb"
    if not whole.exists():
        made(whole)
    data = bytearray(whole.read_bytes())
    at %= len(data)
    data[at : at + len(damage)] = damage
    (folder / "damaged.mmdb").write_bytes(data)
    try:
        file = CountryFile(str(folder / "damaged.mmdb"))
    except Unreadable:
        return
    for address in ("203.0.113.5", "198.51.100.5", "2001:db8::5", "192.0.2.1"):
        assert len(file.country(address)) in (0, 2)


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "DE"}}, "DE"),
        ({"country_code": "at"}, "AT"),
        ({"country": {}, "registered_country": {"iso_code": "FR"}}, "FR"),
        ({"country": "Germany"}, ""),
        ({"country": {"iso_code": 5}}, ""),
        ({"country": "ÄÖ"}, ""),
        (None, ""),
        (["DE"], ""),
    ],
)
def test_records_of_several_makers(record: object, country: str) -> None:
    assert country_in(record) == country


@pytest.mark.parametrize("wrong", ["perhaps DE", "only", "block Germany", "only D1", "block " + "DE " * 400])
def test_rules_that_are_none(wrong: str) -> None:
    assert settings_geoip.check_rule(wrong)


def test_rules() -> None:
    assert settings_geoip.check_rule("") == settings_geoip.check_rule("Only de, at") == ""
    assert settings_geoip.rule("Only de, at") == (True, frozenset({"DE", "AT"}))
    assert settings_geoip.rule("  ") is None


class Fixed:
    def country(self, address: str) -> str:
        return {"203.0.113.1": "XX", "203.0.113.2": "DE"}.get(address, "")


def listed(name: str, kind: str, *networks: str, protocols: str = "smtp imap web") -> NetworkList:
    return NetworkList(
        name,
        "allow" if kind == "allow" else "block",
        frozenset(protocols.split()),
        Networks(span(each) for each in networks),
    )


def test_the_order() -> None:
    screening = Screening(
        [
            listed("a-block", "block", "203.0.113.0/30", "10.0.0.0/8", "127.0.0.0/8", "::1"),
            listed("z-allow", "allow", "203.0.113.1", "198.51.100.0/24"),
        ],
        {"smtp": CountryRule(True, frozenset({"DE"})), "pop3": CountryRule(False, frozenset({"XX"}))},
        Fixed(),
        spared=lambda address: address in ("10.0.0.1", "127.0.0.1"),
    )
    blocked = Because("list", "a-block", "203.0.113.0/30")
    assert (
        screening.keeps_out("203.0.113.1", "smtp") is None
    )  # allowed, though listed and of no welcome country
    assert screening.judged("203.0.113.1", "smtp") == Because("list", "z-allow", "203.0.113.1/32")
    assert screening.keeps_out("203.0.113.2", "smtp") == blocked
    assert screening.keeps_out("::ffff:203.0.113.2", "http") == blocked
    assert screening.keeps_out("203.0.113.2", "lmtp") == blocked
    assert screening.keeps_out("203.0.113.2", "submission") is None
    assert screening.keeps_out("203.0.113.1", "pop3") == Because("country", "XX")
    assert screening.keeps_out("192.0.2.1", "pop3") is None
    assert screening.keeps_out("10.0.0.1", "imap") is None  # spared
    assert screening.keeps_out("10.0.0.2", "imap") == Because("list", "a-block", "10.0.0.0/8")
    assert screening.keeps_out("unix", "imap") is screening.keeps_out("", "imap") is None
    assert screening.keeps_out("203.0.113.2", "something else") is None


_ADDRESSES = some.integers(0, 40)


@given(
    some.lists(
        some.tuples(some.sampled_from(["block", "allow"]), _ADDRESSES, some.integers(0, 12)), max_size=6
    ),
    some.sets(_ADDRESSES, max_size=3),
    _ADDRESSES,
)
def test_beside_a_plain_model(lists: list[tuple[str, int, int]], spared: set[int], asked: int) -> None:
    def address(number: int) -> str:
        return f"192.0.2.{number}"

    screening = Screening(
        [
            listed(f"l{place}", kind, f"{address(first)}-{address(first + more)}")
            for place, (kind, first, more) in enumerate(lists)
        ],
        spared=lambda each: each in {address(number) for number in spared},
    )
    within = {kind for kind, first, more in lists if first <= asked <= first + more}
    wanted = "block" in within and "allow" not in within and asked not in spared
    assert (screening.keeps_out(address(asked), "smtp") is not None) == wanted
