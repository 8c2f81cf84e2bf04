"""A domain is added; its keys are made, seen in the DNS, used; and a name server that takes dynamic updates gets their
records by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dns_server import DnsServer
from knot import ZONE, Knot
from running import RunningServer

SECONDS = 40.0


def keys(server: RunningServer) -> list[dict[str, Any]]:
    """What ``posthouse dkim list`` tells."""
    found: list[dict[str, Any]] = json.loads(server.command("dkim", "list", "--json").stdout)["keys"]
    return found


def until(server: RunningServer, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Wait until the keys are as wanted."""
    limit = time.monotonic() + SECONDS
    while True:
        found = keys(server)
        if wanted(found):
            return found
        assert time.monotonic() < limit, found
        time.sleep(0.2)


def test_a_domain_gets_its_keys_and_uses_them(tmp_path: Path) -> None:
    with DnsServer() as zone:
        server = RunningServer(tmp_path / "server")
        server.start()
        try:
            server.command("setting", "set", "dns.servers", zone.place)
            server.command("setting", "set", "dkim.look_interval", "0.3")
            server.add_domain("a.example")
            made = until(server, lambda found: len(found) == 2)
            assert {key["state"] for key in made} == {"new"}
            for key in made:
                zone.add(f"{key['name']}. 60 TXT {key['text']}")
            until(server, lambda found: all(key["state"] == "active" for key in found))
            server.command("dkim", "rotate", "a.example")
            followed = until(server, lambda found: len(found) == 4)
            assert [key["state"] for key in followed] == ["active", "active", "new", "new"]
            for key in followed[2:]:
                zone.add(f"{key['name']}. 60 TXT {key['text']}")
            until(server, lambda found: [key["state"] for key in found] == ["retiring"] * 2 + ["active"] * 2)
            assert "PRIVATE" not in server.log
        finally:
            server.stop()


@pytest.mark.needs("knotd")
def test_records_are_published_by_dynamic_update(tmp_path: Path) -> None:
    name_server = Knot()
    server = RunningServer(tmp_path / "server")
    try:
        server.start()
        for name, value in {
            "dns.servers": name_server.place,
            "certificates.dns_server": name_server.place,
            "certificates.dns_key_name": name_server.key_name,
            "certificates.dns_key_secret": name_server.secret,
            "dkim.publish": "true",
            "dkim.look_interval": "0.3",
        }.items():
            server.command("setting", "set", name, value)
        server.add_domain(ZONE)
        active = until(
            server, lambda found: len(found) == 2 and all(key["state"] == "active" for key in found)
        )
        for key in active:
            (text,) = name_server.texts(key["name"])
            assert text.replace('" "', "") == key["value"]
        server.command("dkim", "retire", ZONE, active[0]["selector"])
        server.command("dkim", "remove", ZONE, active[0]["selector"])
        assert name_server.texts(active[0]["name"]) == []
    finally:
        server.stop()
        name_server.close()
