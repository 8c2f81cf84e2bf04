"""Domains. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class DnsRecords(msgspec.Struct, frozen=True, kw_only=True):
    """`ascii` is the domain in A-labels, as the records have it. `zone` is a zone file, `providers` the same
    as forms. `notes` say what could not be known."""

    domain: str
    ascii: str
    host: str
    addresses: list[str]
    records: list[RecordView]
    zone: str
    providers: list[ProviderForm]
    notes: list[str]
    checked: bool


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """A domain with the number of accounts and aliases in it."""

    name: str
    accounts: int = 0
    aliases: int = 0


class Domains(msgspec.Struct, frozen=True, kw_only=True):
    """By name. `next` is the `after` of the page that follows, "" on the last; `total` counts all."""

    domains: list[Domain]
    next: str = ""
    total: int = 0


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a provider's form, and what to type into it."""

    label: str
    value: str


class FormRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record as the form wants it."""

    type: str
    fields: list[FormField]


class ProviderForm(msgspec.Struct, frozen=True, kw_only=True):
    """All records for one provider. `hint` says what is peculiar there."""

    key: str
    name: str
    hint: str
    records: list[FormRecord]


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `name` is absolute, `value` with the priority before it; `text` is both in one line.
    `elsewhere`: set where the address is rented (PTR), not in the domain's zone. `state` is `right`,
    `missing`, `different` or `unknown` (not asked, or no answer); `found` what there is, `note` what is
    wrong with it."""

    name: str
    type: str
    ttl: int
    value: str
    why: str
    need: Literal["must", "should", "may"]
    elsewhere: bool
    text: str
    state: Literal["right", "missing", "different", "unknown"]
    found: list[str] = []
    note: str = ""


class DomainsCalls(Topic):
    """Calls of the topic Domains."""

    def domain_list(self, *, search: str = "", limit: int = 200, after: str = "") -> Domains:
        """List the domains with what they hold. Right: view."""
        return self._link.ask(
            "GET",
            "/domains",
            Domains,
            query=given({}, ("search", search, ""), ("limit", limit, 200), ("after", after, "")),
        )

    def domain_add(self, *, name: str, idempotency_key: str = "") -> Domain:
        """Take mail for a domain from now on. Right: change."""
        return self._link.ask("POST", "/domains", Domain, body=given({"name": name}), key=idempotency_key)

    def dns_records(self, domain: str, *, check: bool = True) -> DnsRecords:
        """Show what a domain must publish in the DNS, and whether it does. Right: view."""
        return self._link.ask(
            "GET", path_of("/domains/{}/dns", domain), DnsRecords, query=given({}, ("check", check, True))
        )

    def domain_remove(self, name: str, *, if_match: str = "") -> Domain:
        """Take no more mail for a domain; it must have no accounts and aliases left. Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask("DELETE", path_of("/domains/{}", name), Domain, if_match=if_match)

    def domain_show(self, name: str) -> Tagged[Domain]:
        """Show one domain with what it holds. Right: view."""
        return self._link.tagged("GET", path_of("/domains/{}", name), Domain)
