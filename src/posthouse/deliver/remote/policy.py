"""What TLS is demanded of a host, by whom, and why: routes, DANE, MTA-STS, REQUIRETLS, our own settings.

DANE goes before MTA-STS (RFC 8461 2). What nobody demands is opportunistic, and stays so: no memory and no report
ever holds up mail unless a setting says it shall.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from posthouse.database.contract import DatabaseUnavailable
from posthouse.deliver.remote.contract import Host, TlsPolicy
from posthouse.deliver.remote.dane import Tlsa, tlsa_of
from posthouse.deliver.remote.mta_sts import StsPolicy
from posthouse.deliver.remote.mta_sts_store import Sts, StsPolicies
from posthouse.deliver.remote.tls_memory import CLEAR, ENCRYPTED, VERIFIED, WORDS, TlsMemory
from posthouse.deliver.results import Said
from posthouse.net.dns import Resolver, ascii_name
from posthouse.route.contract import Way
from posthouse.settings import tls_out as settings_tls_out
from posthouse.settings.contract import CurrentSettings

_MOST_TOLD = 2000

PolicyType = Literal["tlsa", "sts", "no-policy-found"]
"""Policy types of RFC 8460 4.4."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at. ``state``: ``demands`` something, ``nothing`` of it holds here, ``trouble``."""

    name: str
    state: Literal["demands", "nothing", "trouble"]
    text: str


@dataclass(frozen=True, slots=True)
class Basis:
    """By what policy a session is judged, as reports have it."""

    kind: PolicyType = "no-policy-found"
    lines: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(slots=True)
class Demand:
    """What came out, and the steps that led to it. ``failures``: result types that are found already, each with the
    policy it belongs to."""

    answer: TlsPolicy | Said = field(default_factory=TlsPolicy)
    steps: list[Step] = field(default_factory=list)
    basis: Basis = field(default_factory=Basis)
    failures: list[tuple[Basis, str]] = field(default_factory=list)

    def step(self, name: str, state: Literal["demands", "nothing", "trouble"], text: str) -> None:
        """Take down one step."""
        self.steps.append(Step(name, state, text))


class Reports(Protocol):
    """Where results are gathered for reports (tls_report)."""

    def note(self, domain: str, basis: Basis, host: str, result: str, source: str) -> None:
        """One session: ``result`` "" for success; ``source`` the address it came from, "" when unknown. Never raises,
        never waits."""


class RemoteTls:
    """The :class:`posthouse.deliver.remote.contract.TlsPolicies` of the server."""

    def __init__(
        self,
        resolver: Resolver,
        settings: CurrentSettings,
        policies: StsPolicies,
        memory: TlsMemory,
        reports: Reports | None = None,
    ) -> None:
        self._resolver = resolver
        self._settings = settings
        self._policies = policies
        self._memory = memory
        self._reports = reports
        self._told: OrderedDict[tuple[str, str], Basis] = OrderedDict()

    async def policy(self, way: Way, host: Host, *, require_tls: bool = False) -> TlsPolicy | Said:
        """The policy for one host of a way; or why it may not be asked."""
        try:
            demand = await self.demand(way, host, require_tls=require_tls)
        except DatabaseUnavailable:
            return Said(451, "4.3.0", "what TLS is demanded cannot be looked up for now")
        if _is_mx(way):
            self._told[way.domain, host.name] = demand.basis
            self._told.move_to_end((way.domain, host.name))
            while len(self._told) > _MOST_TOLD:
                self._told.popitem(last=False)
            for basis, result in demand.failures:
                self._report(way, basis, host, result)
        return demand.answer

    async def demand(self, way: Way, host: Host, *, require_tls: bool = False) -> Demand:
        """The policy with its reasons. Raises DatabaseUnavailable."""
        demand = Demand()
        if host.addresses and "/" in host.addresses[0]:
            demand.answer = TlsPolicy("none", source="route")
            demand.step("route", "nothing", "The way is a socket of this machine; TLS would add nothing.")
        elif way.targets:
            await self._by_route(demand, way, host, require_tls)
        else:
            await self._by_domain(demand, way, host, require_tls)
        return demand

    def outcome(
        self,
        way: Way,
        host: Host,
        policy: TlsPolicy,
        tls: str,
        trouble: str,
        *,
        verified: bool = False,
    ) -> None:
        """After a session; for reports and for the memory. ``verified``: its certificate was good although nothing
        demanded it."""
        if not _is_mx(way):
            return
        clear = not tls and (policy.level == "may" or policy.testing)
        basis = self._told.get((way.domain, host.name), Basis())
        self._report(way, basis, host, trouble or ("starttls-not-supported" if clear else ""))
        level = -1
        if clear:
            level = CLEAR
        elif tls and (not trouble or policy.testing):
            checked = (policy.level in ("dane", "verify") and not trouble) or verified
            level = VERIFIED if checked else ENCRYPTED
        if clear and trouble == "starttls-not-supported":
            trouble = ""  # that it has no TLS is no failure of a session that needed none
        self._memory.note(way.domain, host.name, level, tls=tls, source=policy.source, trouble=trouble)

    # ------------------------------------------------------------------ routes

    async def _by_route(self, demand: Demand, way: Way, host: Host, require_tls: bool) -> None:
        name, implicit = f"The route {way.name or way.destination}", way.security == "tls"
        if way.security == "none":
            demand.answer = TlsPolicy("none", source="route")
            demand.step("route", "demands", f"{name} leads to this host without TLS.")
        elif way.verify and way.security != "may":
            demand.answer = TlsPolicy("verify", (host.name,), source="route", implicit=implicit)
            demand.step("route", "demands", f"{name} wants a certificate that is good for {host.name}.")
        else:
            level: Literal["may", "encrypt"] = "may" if way.security == "may" else "encrypt"
            source = "" if level == "may" else "route"
            demand.answer = TlsPolicy(level, source=source, implicit=implicit)
            what = "wants TLS, with any certificate" if source else "demands nothing"
            demand.step("route", "demands" if source else "nothing", f"{name} {what}.")
            found = await self._dane(demand, host)
            if found is not None and found.state == "failed":
                return
            self._take_dane(demand, way, host, found, implicit=implicit)
        if require_tls:
            self._require(demand, host, way.security != "none", implicit=implicit)

    # ------------------------------------------------------------------ domains

    async def _by_domain(self, demand: Demand, way: Way, host: Host, require_tls: bool) -> None:
        if way.security == "none":
            demand.answer = TlsPolicy("none", source="route")
            demand.step("route", "demands", "This destination is configured to go without TLS.")
        elif way.domain.startswith("["):
            demand.answer = self._default(demand)
        else:
            found = await self._dane(demand, host)
            if found is not None and found.state == "failed":
                return
            self._take_dane(demand, way, host, found)
            if not (isinstance(demand.answer, TlsPolicy) and demand.answer.level == "dane"):
                await self._by_sts(demand, way, host)
            if isinstance(demand.answer, Said):
                return
            if demand.answer.level in ("may", "encrypt"):
                await self._by_setting(demand, way, host)
        self._by_route_without_target(demand, way, host)
        if require_tls:
            self._require(demand, host, host.authentic)

    def _by_route_without_target(self, demand: Demand, way: Way, host: Host) -> None:
        """A route may want TLS on the way to the hosts that the domain names. It is asked for by STARTTLS: whoever is
        found by MX listens on port 25. A policy that is only tried does not take the route's word back."""
        answer = demand.answer
        if isinstance(answer, Said) or way.security in ("may", "none"):
            return
        name = f"The route {way.name or way.destination}"
        if way.verify and (answer.level not in ("dane", "verify") or answer.testing):
            demand.answer = TlsPolicy("verify", (host.name,), source="route")
            demand.step("route", "demands", f"{name} wants a certificate that is good for {host.name}.")
        elif answer.level in ("none", "may") or answer.testing:
            demand.answer = TlsPolicy("encrypt", source="route")
            demand.step("route", "demands", f"{name} wants TLS, with any certificate.")

    async def _dane(self, demand: Demand, host: Host) -> Tlsa | None:
        """The TLSA records of a host; where they cannot be known, the answer is set already."""
        if not self._settings.now[settings_tls_out.DANE]:
            demand.step("dane", "nothing", "DANE is switched off (tls_out.dane).")
            return None
        found = await tlsa_of(self._resolver, host)
        if found.state == "failed":
            why = f"the TLSA records of {host.name} cannot be validated: {found.reason}"
            demand.answer = Said(451, "4.7.5", why)
            demand.failures.append((Basis("tlsa", hosts=(host.name,)), "dnssec-invalid"))
            demand.step("dane", "trouble", f"{why}. Nothing is sent until they can be (RFC 7672 2.1.3).")
        elif found.state == "none":
            demand.step("dane", "nothing", f"{host.name}: {found.reason}.")
        return found

    def _take_dane(
        self, demand: Demand, way: Way, host: Host, found: Tlsa | None, *, implicit: bool = False
    ) -> None:
        if found is None or found.state not in ("usable", "unusable"):
            return
        demand.basis = Basis("tlsa", found.lines(), (host.name,))
        if found.state == "unusable":
            demand.answer = TlsPolicy("encrypt", source="dane", implicit=implicit)
            demand.failures.append((demand.basis, "tlsa-invalid"))
            demand.step(
                "dane", "demands", f"{host.name}: {found.reason}; TLS is a must, with any certificate."
            )
            return
        names = tuple(dict.fromkeys((found.base, host.name, *_plain_domain(way))))
        demand.answer = TlsPolicy("dane", names, found.records, "dane", implicit=implicit)
        count = len(found.records)
        demand.step(
            "dane", "demands", f"{host.name}: the certificate must be one that {count} TLSA record(s) allow."
        )

    async def _by_sts(self, demand: Demand, way: Way, host: Host) -> None:
        if not self._settings.now[settings_tls_out.MTA_STS]:
            demand.step("mta-sts", "nothing", "MTA-STS is switched off (tls_out.mta_sts).")
            return
        try:
            domain = ascii_name(way.domain)
        except ValueError:
            return
        sts = await self._policies.of(domain)
        if sts.failure:
            demand.step("mta-sts", "trouble", f"{sts.reason}.")
            known = Basis(
                "sts", sts.policy.lines() if sts.policy else (), sts.policy.hosts if sts.policy else ()
            )
            demand.failures.append((known, sts.failure))
        self._take_sts(demand, domain, host, sts)

    def _take_sts(self, demand: Demand, domain: str, host: Host, sts: Sts) -> None:
        policy = sts.policy
        if policy is None or policy.mode == "none":
            if not sts.failure:
                what = (
                    "publishes no MTA-STS policy" if policy is None else "has an MTA-STS policy of mode none"
                )
                demand.step("mta-sts", "nothing", f"{domain} {what}.")
            return
        if demand.basis.kind != "tlsa" or policy.mode == "enforce":
            demand.basis = Basis("sts", policy.lines(), policy.hosts)
        if not policy.allows(host.name):
            self._not_named(demand, domain, host, policy)
            return
        if (
            policy.mode == "testing"
            and isinstance(demand.answer, TlsPolicy)
            and demand.answer.level == "encrypt"
        ):
            return  # TLSA records that cannot be used still demand TLS
        testing = policy.mode == "testing"
        demand.answer = TlsPolicy("verify", (host.name,), source="mta-sts", testing=testing)
        what = "is tried and reported, but nothing is held up (testing)" if testing else "is a must (enforce)"
        demand.step("mta-sts", "demands", f"{domain}: a certificate that is good for {host.name} {what}.")

    def _not_named(self, demand: Demand, domain: str, host: Host, policy: StsPolicy) -> None:
        """An MX that the policy does not name (RFC 8461 5): in mode enforce nothing is sent to it."""
        why = f"{host.name} is not among the hosts that the MTA-STS policy of {domain} names"
        demand.failures.append((demand.basis, "validation-failure"))
        demand.step("mta-sts", "trouble", f"{why} (mode {policy.mode}).")
        if policy.mode == "enforce":
            demand.answer = Said(451, "4.7.5", why)

    # ------------------------------------------------------------------ what else may demand it

    def _default(self, demand: Demand) -> TlsPolicy:
        if self._settings.now[settings_tls_out.DEFAULT] == "encrypt":
            demand.step("setting", "demands", "Nothing is sent in the clear (tls_out.default is encrypt).")
            return TlsPolicy("encrypt", source="setting")
        demand.step("setting", "nothing", "TLS is used where it is offered, with any certificate.")
        return TlsPolicy()

    async def _by_setting(self, demand: Demand, way: Way, host: Host) -> None:
        """The server's own wish, and what the domain was seen to be able to."""
        assert isinstance(demand.answer, TlsPolicy)
        if demand.answer.level == "may":
            demand.answer = self._default(demand)
        if self._settings.now[settings_tls_out.MEMORY] != "refuse":
            return
        best = await self._memory.best(way.domain)
        if best == VERIFIED:
            demand.answer = TlsPolicy("verify", (host.name,), source="setting")
        elif best == ENCRYPTED and demand.answer.level == "may":
            demand.answer = TlsPolicy("encrypt", source="setting")
        if best:
            text = f"{way.domain} offered TLS before ({WORDS[best]}); less is refused (tls_out.memory is refuse)."
            demand.step("memory", "demands", text)

    def _require(self, demand: Demand, host: Host, named: bool, *, implicit: bool = False) -> None:
        """REQUIRETLS: the host must be known to be the right one, and prove who it is (RFC 8689 4.2.1). ``named``:
        the host is known by DNSSEC or by a route."""
        answer = demand.answer
        if isinstance(answer, Said):
            return
        checked = answer.level == "dane" or (answer.level == "verify" and not answer.testing)
        if checked and (named or answer.source in ("dane", "mta-sts")):
            demand.step("requiretls", "nothing", "What is demanded already is enough for REQUIRETLS.")
            return
        if answer.level != "none" and (named or answer.source == "mta-sts"):
            demand.answer = TlsPolicy("verify", (host.name,), source="requiretls", implicit=implicit)
            demand.step("requiretls", "demands", f"The sender wants TLS with a certificate for {host.name}.")
            return
        why = f"the sender requires TLS, and nothing proves that {host.name} is the host of its domain"
        demand.answer = Said(550, "5.7.30", why)
        demand.step("requiretls", "trouble", f"{why} (RFC 8689 4.2.1).")

    def _report(self, way: Way, basis: Basis, host: Host, result: str) -> None:
        if self._reports is not None and not way.domain.startswith("["):
            self._reports.note(way.domain, basis, host.name, result, way.source)


def _is_mx(way: Way) -> bool:
    """Whether it goes to the hosts that a domain names, not to those of a route."""
    return not way.targets and way.protocol == "smtp" and bool(way.domain)


def _plain_domain(way: Way) -> Sequence[str]:
    return () if way.targets or not way.domain or way.domain.startswith("[") else (way.domain,)
