"""What a domain should publish in the DNS so that its mail works: pure knowledge, nothing is asked here.

RFC 5321 (MX), 7208 (SPF), 6376 and 8463 (DKIM), 7489 (DMARC), 6186 and 8314 (SRV for mail programs), 8461 (MTA-STS),
8460 (TLS reports), 8659 (CAA).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from typing import Literal

import msgspec

from posthouse.net.dns import ascii_name, reverse_name
from posthouse.origin.keys import record_of

Need = Literal["must", "should", "may"]

SERVICES: tuple[tuple[str, str, str, str], ...] = (
    ("imap", "implicit", "_imaps._tcp", "Mail programs find IMAP with TLS by it (RFC 6186, RFC 8314)."),
    ("imap", "starttls", "_imap._tcp", "Mail programs find IMAP with STARTTLS by it (RFC 6186)."),
    ("pop3", "implicit", "_pop3s._tcp", "Mail programs find POP3 with TLS by it (RFC 6186, RFC 8314)."),
    ("pop3", "starttls", "_pop3._tcp", "Mail programs find POP3 with STARTTLS by it (RFC 6186)."),
    ("submission", "implicit", "_submissions._tcp", "Mail programs find where to send by it (RFC 8314)."),
    ("submission", "starttls", "_submission._tcp", "Mail programs find where to send by it (RFC 6186)."),
)
"""Protocol, TLS, the SRV record's name and why it is published."""


class Service(msgspec.Struct, frozen=True):
    """A listener that people outside reach: protocol as posthouse.toml names it, ``tls`` and port."""

    protocol: str
    tls: str
    port: int


class Key(msgspec.Struct, frozen=True):
    """A DKIM key of the domain; ``state`` as ``dkim.list`` shows it, ``public`` its public half."""

    selector: str
    algorithm: str
    public: str
    state: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the records are made from. ``domain`` and ``host`` in A-labels. ``addresses`` are the server's public
    ones. ``policy`` is the MTA-STS policy's text, "" for none; ``issuer`` who makes certificates, "" for
    nobody."""

    domain: str
    host: str
    addresses: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    keys: tuple[Key, ...] = ()
    policy: str = ""
    issuer: str = ""
    ttl: int = 3600


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One record to publish. ``name`` is absolute without its last dot. ``value`` is what follows the type in a
    zone file, without priority and quotes; host names in it are absolute without their last dot. ``priority`` is that
    of MX and SRV, -1 elsewhere (for SRV ``value`` begins with the weight).

    ``elsewhere``: not for this domain's zone but for whoever provides the address (PTR).
    """

    name: str
    type: str
    value: str
    why: str
    need: Need
    ttl: int = 3600
    priority: int = -1
    elsewhere: bool = False


def records(facts: Facts) -> list[Wanted]:
    """All records of the domain, the needed ones first."""
    found = [*_delivery(facts), *_trust(facts), *_programs(facts), *_transport(facts), *_reverse(facts)]
    order = {"must": 0, "should": 1, "may": 2}
    found.sort(key=lambda record: order[record.need])
    return [msgspec.structs.replace(record, ttl=facts.ttl) for record in found]


def policy_id(policy: str) -> str:
    """The ``id`` of an MTA-STS policy (RFC 8461 3.1): another one whenever the policy's text is another."""
    return hashlib.sha256(policy.encode()).hexdigest()[:24]


def policy_text(host: str, mode: str, max_age: int) -> str:
    """The MTA-STS policy (RFC 8461 3.2)."""
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {ascii_name(host)}\r\nmax_age: {max_age}\r\n"


def _delivery(facts: Facts) -> Iterator[Wanted]:
    yield Wanted(
        name=facts.domain,
        type="MX",
        value=facts.host,
        priority=10,
        why="Other servers bring the domain's mail here.",
        need="must",
    )
    if within(facts.host, facts.domain):
        yield from _addresses(facts, facts.host, "The mail server is found under its name.", "must")


def _addresses(facts: Facts, name: str, why: str, need: Need) -> Iterator[Wanted]:
    for address in facts.addresses:
        kind = "AAAA" if ipaddress.ip_address(address).version == 6 else "A"
        yield Wanted(name=name, type=kind, value=address, why=why, need=need)


def _trust(facts: Facts) -> Iterator[Wanted]:
    yield Wanted(
        name=facts.domain,
        type="TXT",
        value="v=spf1 mx -all",
        why="SPF says that only the servers of the MX record send mail for the domain.",
        need="must",
    )
    for key in facts.keys:
        yield _key(facts, key)
    yield Wanted(
        name=f"_dmarc.{facts.domain}",
        type="TXT",
        value=f"v=DMARC1; p=none; rua=mailto:postmaster@{facts.domain}",
        why="DMARC says what others do with mail that only pretends to be from the domain. p=none asks for reports; "
        "sharpen it to quarantine or reject once they show that all is well.",
        need="should",
    )
    if facts.issuer:
        yield Wanted(
            name=facts.domain,
            type="CAA",
            value=f'0 issue "{facts.issuer}"',
            why="Only this authority may issue certificates for the domain. If others issue for your web site, "
            "give them records of their own, or leave this one out.",
            need="may",
        )


def _key(facts: Facts, key: Key) -> Wanted:
    """The record of a DKIM key (RFC 6376 3.6.1)."""
    kind = "Ed25519" if key.algorithm == "ed25519-sha256" else "RSA"
    whys = {
        "new": f"DKIM: the {kind} key that signs the domain's mail as soon as this record is seen.",
        "active": f"DKIM: the {kind} key that signs the domain's mail.",
        "retiring": "DKIM: a key that signs no more. Its record must stay while mail signed with it is under way.",
        "retired": "DKIM: an old key. The empty key revokes it; a while later the record can go altogether.",
    }
    need: Need = "may" if key.state in ("retiring", "retired") else "must" if kind == "RSA" else "should"
    return Wanted(
        name=f"{key.selector}._domainkey.{facts.domain}",
        type="TXT",
        value=record_of(key.algorithm, "" if key.state == "retired" else key.public),
        why=whys[key.state],
        need=need,
    )


def _programs(facts: Facts) -> Iterator[Wanted]:
    offered = {(service.protocol, service.tls): service.port for service in facts.services}
    for protocol, tls, name, why in SERVICES:
        port = offered.get((protocol, tls))
        if port is not None:
            # The kinds with TLS from the start come first where a program asks for both (RFC 8314 5.1).
            priority = 0 if tls == "implicit" else 10
            yield Wanted(
                name=f"{name}.{facts.domain}",
                type="SRV",
                value=f"1 {port} {facts.host}",
                priority=priority,
                why=why,
                need="should" if tls == "implicit" else "may",
            )
    web = offered.get(("http", "implicit"))
    if web is not None:
        yield Wanted(
            name=f"_autodiscover._tcp.{facts.domain}",
            type="SRV",
            value=f"1 {web} {facts.host}",
            priority=0,
            why="Outlook finds its settings by it.",
            need="may",
        )
    if any(service.protocol == "http" for service in facts.services):
        yield from _alias(facts, "autoconfig", "Thunderbird and others fetch their settings there.", "should")
        yield from _alias(facts, "autodiscover", "Outlook fetches its settings there.", "should")


def _alias(facts: Facts, label: str, why: str, need: Need) -> Iterator[Wanted]:
    """A name of the domain that leads to the server."""
    name = f"{label}.{facts.domain}"
    if name != facts.host:
        yield Wanted(name=name, type="CNAME", value=facts.host, why=why, need=need)


def _transport(facts: Facts) -> Iterator[Wanted]:
    if facts.policy:
        yield Wanted(
            name=f"_mta-sts.{facts.domain}",
            type="TXT",
            value=f"v=STSv1; id={policy_id(facts.policy)}",
            why="MTA-STS tells other servers of the policy that mail comes here over verified TLS. The id changes "
            "whenever the policy does.",
            need="may",
        )
        yield from _alias(facts, "mta-sts", "The MTA-STS policy is fetched there, by https.", "may")
    yield Wanted(
        name=f"_smtp._tls.{facts.domain}",
        type="TXT",
        value=f"v=TLSRPTv1; rua=mailto:tlsrpt@{facts.domain}",
        why="Other servers report there when TLS to this one fails. This server reads the reports; the mail itself "
        "goes to the postmaster, unless you give the address to somebody.",
        need="may",
    )


def _reverse(facts: Facts) -> Iterator[Wanted]:
    for address in facts.addresses:
        yield Wanted(
            name=reverse_name(address),
            type="PTR",
            value=facts.host,
            why=f"The reverse name of {address}. It is set where the address is rented, not in the domain's zone. "
            "Without it many servers refuse mail from here.",
            need="must",
            elsewhere=True,
        )


def within(name: str, zone: str) -> bool:
    """Whether a name belongs to a domain."""
    return name == zone or name.endswith("." + zone)
