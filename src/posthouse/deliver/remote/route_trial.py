"""Trying a route: its hosts are asked as for mail, up to where mail would begin, and each step is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from posthouse.deliver.remote.contract import (
    Call,
    ConnectFailed,
    Host,
    HostFinder,
    Sessions,
    TlsPolicies,
    TlsPolicy,
)
from posthouse.deliver.results import Said
from posthouse.directory.routes import Route
from posthouse.mail.address import parse_domain
from posthouse.route.contract import Way
from posthouse.route.targets import a_labels
from posthouse.route.ways import way_of

MOST_HOSTS = 10
SECONDS = 60.0
"""For all of it: somebody is waiting."""

_STAGES = {
    "CONNECT": "connect",
    "GREETING": "greeting",
    "EHLO": "greeting",
    "HELO": "greeting",
    "LHLO": "greeting",
    "STARTTLS": "tls",
    "AUTH": "sign in",
}
ORDER = ("connect", "greeting", "tls", "sign in")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``host`` is "" for those that concern no single one."""

    name: str
    host: str
    good: bool
    text: str


class RouteTrial:
    """Tries routes with the parts that deliver mail."""

    def __init__(self, finder: HostFinder, policies: TlsPolicies, sessions: Sessions) -> None:
        self._finder = finder
        self._policies = policies
        self._sessions = sessions

    async def test(self, route: Route, domain: str) -> list[Step]:
        """What happens with each host. ``domain`` is asked for its hosts where the route names no target. Never raises
        for what others do; raises DatabaseUnavailable."""
        try:
            way = way_of(route, source=route.source)
            if not way.targets:
                way = way_of(route, source=route.source, domain=a_labels(parse_domain(domain)))
        except ValueError as problem:
            return [Step("dns", "", False, f"{domain[:100]!r} is no domain: {problem}")]
        steps: list[Step] = []
        try:
            async with asyncio.timeout(SECONDS):
                await self._try(way, steps)
        except TimeoutError:
            host = next((step.host for step in reversed(steps) if step.host), "")
            steps.append(Step("time", host, False, f"it took longer than {SECONDS:g} seconds"))
        return steps

    async def _try(self, way: Way, steps: list[Step]) -> None:
        found = await self._finder.find(way)
        if found.trouble is not None:
            steps.append(Step("dns", "", False, str(found.trouble)))
            return
        hosts = found.hosts[:MOST_HOSTS]
        names = ", ".join(f"{host.name} [{', '.join(host.addresses)}]" for host in hosts)
        steps.append(Step("dns", "", True, names))
        for host in hosts:
            policy = await self._policies.policy(way, host)
            if isinstance(policy, Said):
                steps.append(Step("policy", host.name, False, str(policy)))
                continue
            await self._ask(way, host, policy, steps)

    async def _ask(self, way: Way, host: Host, policy: TlsPolicy, steps: list[Step]) -> None:
        """By the first of its addresses that answers."""
        for address in host.addresses:
            try:
                session = await self._sessions.take(Call(way, host, address, policy))
            except ConnectFailed as failure:
                steps += _failed(host, address, failure.said)
                if _stage(failure.said) == ORDER[0]:
                    continue
                return
            tls = session.tls
            self._sessions.give_back(session)
            steps.append(Step("connect", host.name, True, f"{address}, port {host.port}"))
            steps.append(Step("tls", host.name, True, tls or "in clear text"))
            if way.credentials is not None:
                steps.append(Step("sign in", host.name, True, f"as {way.credentials.user}"))
            return


def _stage(said: Said) -> str:
    return _STAGES.get(said.stage, "connect")


def _failed(host: Host, address: str, said: Said) -> list[Step]:
    """The step that failed; that there was a connection where it came later."""
    stage = _stage(said)
    done = [] if stage == ORDER[0] else [Step("connect", host.name, True, f"{address}, port {host.port}")]
    return [*done, Step(stage, host.name, False, str(said))]
