"""A resolver in memory: answers from a table, without sockets.

    dns = ScriptedDns({("example.org", "MX"): ["10 mail.example.org"], ("mail.example.org", "A"): ["192.0.2.1"]})

A name that occurs nowhere does not exist. ``broken`` holds names or (name, type) that fail, ``signed`` domains whose
answers are authentic (with all below them), ``aliases`` maps names to what a CNAME leads to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from posthouse.net.dns import Answer, Resolver
from posthouse.settings.contract import CurrentSettings


class ScriptedDns(Resolver):
    """In place of the network."""

    def __init__(self, table: Mapping[tuple[str, str], Sequence[str]] | None = None) -> None:
        super().__init__(CurrentSettings())
        self.table = {key: tuple(rows) for key, rows in (table or {}).items()}
        self.broken: set[object] = set()
        self.signed: set[str] = set()
        self.unsigned: set[tuple[str, str]] = set()
        self.aliases: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        self.asked.append((name, kind))
        await asyncio.sleep(0)
        names = [name]
        while names[-1] in self.aliases and kind != "CNAME" and len(names) < 10:
            names.append(self.aliases[names[-1]])
        last = names[-1]
        if any(each in self.broken or (each, kind) in self.broken for each in names):
            return Answer("failed", reason="the DNS servers report a failure for this name")
        authentic = all(self._signed(each, kind) for each in names)
        canonical = last if last != name else ""
        if kind == "CNAME" and name in self.aliases:
            return Answer("found", (self.aliases[name],), authentic, 300.0)
        rows = self.table.get((last, kind))
        if rows:
            return Answer("found", tuple(sorted(rows)), authentic, 300.0, canonical=canonical)
        known = {each for each, _ in self.table} | set(self.aliases)
        exists = any(each == last or each.endswith("." + last) for each in known)
        return Answer("empty" if exists else "missing", (), authentic, 60.0, canonical=canonical)

    def _signed(self, name: str, kind: str) -> bool:
        if (name, kind) in self.unsigned:
            return False
        return any(name == each or name.endswith("." + each) for each in self.signed)
