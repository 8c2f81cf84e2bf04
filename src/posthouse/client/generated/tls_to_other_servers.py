"""TLS to other servers. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given, path_of


class TlsDemand(msgspec.Struct, frozen=True, kw_only=True):
    """What mail to a domain would meet now. Without `hosts`, `trouble` says why there are none."""

    domain: str
    hosts: list[TlsHost]
    trouble: str = ""


class TlsDomain(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a domain. `best` and `last`: `none`, `encrypted` or `verified`; `host` and `version`
    are of the last session, `source` says who wanted it so (`dane`, `mta-sts`, `setting`, "" for nobody).
    `good` and `bad` count sessions. `trouble` is a result type of RFC 8460. `sts_mode` is that of the
    MTA-STS policy in force, "" for none. Times in seconds since 1970, 0 for never."""

    domain: str
    best: str
    last: str
    best_at: float = 0.0
    last_at: float = 0.0
    host: str = ""
    version: str = ""
    source: str = ""
    good: int = 0
    bad: int = 0
    trouble: str = ""
    trouble_host: str = ""
    trouble_at: float = 0.0
    downgraded_at: float = 0.0
    sts_mode: str = ""
    sts_ends: float = 0.0
    sts_trouble: str = ""


class TlsDomains(msgspec.Struct, frozen=True, kw_only=True):
    """By name. `next` is the `after` of the page that follows, "" on the last."""

    domains: list[TlsDomain]
    next: str = ""
    total: int = 0


class TlsFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that failed, as another reports it."""

    policy: str = ""
    result: str = ""
    host: str = ""
    address: str = ""
    sender: str = ""
    count: int = 0
    more: str = ""


class TlsForgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Whose memory was dropped."""

    domain: str


class TlsHost(msgspec.Struct, frozen=True, kw_only=True):
    """What is demanded of one host. `level`: `may`, `encrypt`, `dane`, `verify`, or `refused`: nothing would
    be sent to it now. `validated`: DNSSEC vouches for it."""

    host: str
    preference: int
    addresses: list[str]
    validated: bool
    level: str
    testing: bool
    steps: list[TlsStep]


class TlsReceived(msgspec.Struct, frozen=True, kw_only=True):
    """What another reports about one of our domains for a time. Times in seconds since 1970."""

    id: int
    received_at: float
    domain: str
    organisation: str
    contact: str
    report_id: str
    begins_at: float
    ends_at: float
    good: int
    bad: int
    failures: list[TlsFailure]


class TlsReceivedList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` is the `after` of the page that follows, "" on the last."""

    reports: list[TlsReceived]
    next: str = ""
    total: int = 0


class TlsStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `state`: `demands`, `nothing` or `trouble`."""

    name: str
    state: str
    text: str


class TlsToOtherServersCalls(Topic):
    """Calls of the topic TLS to other servers."""

    def tls_domains(self, *, search: str = "", limit: int = 200, after: str = "") -> TlsDomains:
        """What is known of other domains' TLS, by name. Right: view."""
        return self._link.ask(
            "GET",
            "/tls/domains",
            TlsDomains,
            query=given({}, ("search", search, ""), ("limit", limit, 200), ("after", after, "")),
        )

    def tls_forget(self, domain: str) -> TlsForgotten:
        """Drop what is known of a domain's TLS, its MTA-STS policy too: the next message begins anew. Right:
        change."""
        return self._link.ask("DELETE", path_of("/tls/domains/{}", domain), TlsForgotten)

    def tls_policy(self, domain: str) -> TlsDemand:
        """What TLS would be demanded of a domain's hosts now, and why; asks the DNS, and the domain for its
        policy. Routes are not looked at. Right: view."""
        return self._link.ask("GET", path_of("/tls/domains/{}", domain), TlsDemand)

    def tls_reports(self, *, search: str = "", limit: int = 200, after: str = "") -> TlsReceivedList:
        """What other servers report about TLS with ours, newest first. Right: view."""
        return self._link.ask(
            "GET",
            "/tls/reports",
            TlsReceivedList,
            query=given({}, ("search", search, ""), ("limit", limit, 200), ("after", after, "")),
        )
