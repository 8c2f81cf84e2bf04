"""Hosts and TLS policies over one resolver, without a database: what tests of them need."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from posthouse.deliver.remote.hosts import DnsHostFinder
from posthouse.deliver.remote.mta_sts_store import Sts, StsPolicies
from posthouse.deliver.remote.ourselves import Ourselves
from posthouse.deliver.remote.policy import Basis, RemoteTls
from posthouse.deliver.remote.tls_memory import TlsMemory
from posthouse.net.dns import Resolver
from posthouse.settings.contract import CurrentSettings


class Policies(StsPolicies):
    """Of a table."""

    def __init__(self) -> None:
        self.table: dict[str, Sts] = {}

    async def of(self, domain: str) -> Sts:
        return self.table.get(domain, Sts())


class Memory(TlsMemory):
    """Of a table; ``noted`` is what it was told."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.noted: list[tuple[str, str, int, str]] = []

    def note(self, domain: str, host: str, level: int, *, tls: str, source: str, trouble: str) -> None:
        self.noted.append((domain, host, level, trouble))

    async def best(self, domain: str) -> int:
        return self.levels.get(domain, 0)


class PolicyScene:
    """``reported`` is what would go into reports: domain, type of the policy, result."""

    def __init__(self, resolver: Resolver, settings: CurrentSettings) -> None:
        self.resolver = resolver
        self.settings = settings
        self.sts = Policies()
        self.memory = Memory()
        self.reported: list[tuple[str, str, str]] = []
        us = Ourselves(
            settings, lambda: ["us.test"], lambda: [("192.0.2.99", 25)], is_local=lambda each: False
        )
        self.finder = DnsHostFinder(
            resolver, settings, us, chance=random.Random(7), has_way=lambda each: True
        )
        self.tls = RemoteTls(resolver, settings, self.sts, self.memory, self)

    def over(self, values: Mapping[str, Any]) -> None:
        """Change settings."""
        self.settings.now = self.settings.now.over({**self.settings.now._values, **values})

    def note(self, domain: str, basis: Basis, host: str, result: str, source: str) -> None:
        """As posthouse.deliver.remote.policy.Reports."""
        self.reported.append((domain, basis.kind, result))
