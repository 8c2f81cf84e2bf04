"""Domains. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.generated.shared import ShownArchive, ShownSignature
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
    active: bool = True


class DomainDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A domain with all that holds in it; sizes in bytes, limits 0 where there is none. `others` are its
    other names. The rest is as in a change."""

    name: str
    accounts: int = 0
    aliases: int = 0
    others: list[str] = []
    active: bool = True
    plus: str = "+"
    plus_folder: bool = False
    catch_all: str = ""
    postmaster: str = ""
    max_size: int = 0
    max_message: int = 0
    max_account: int = 0
    max_accounts: int = 0
    max_aliases: int = 0
    max_lists: int = 0
    quota: int = 0
    language: str = ""
    time_zone: str = ""
    protocols: list[str] = []


class DomainTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What domains that are made from it have at first; as in the details of a domain."""

    template: str
    active: bool = True
    plus: str = "+"
    plus_folder: bool = False
    catch_all: str = ""
    postmaster: str = ""
    max_size: int = 0
    max_message: int = 0
    max_account: int = 0
    max_accounts: int = 0
    max_aliases: int = 0
    max_lists: int = 0
    quota: int = 0
    language: str = ""
    time_zone: str = ""
    protocols: list[str] = []


class DomainTemplates(msgspec.Struct, frozen=True, kw_only=True):
    """By name."""

    templates: list[DomainTemplate]


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

    def domain_templates(self) -> DomainTemplates:
        """List the templates that new domains can be made from. Right: view."""
        return self._link.ask("GET", "/domain-templates", DomainTemplates)

    def domain_template_remove(self, template: str) -> DomainTemplate:
        """Remove a template; domains that were made from it stay as they are. Right: change."""
        return self._link.ask("DELETE", path_of("/domain-templates/{}", template), DomainTemplate)

    def domain_template_save(self, template: str, *, domain: str) -> DomainTemplate:
        """Keep what holds in a domain as a template, in place of the one of that name. Right: change."""
        return self._link.ask(
            "PUT", path_of("/domain-templates/{}", template), DomainTemplate, body=given({"domain": domain})
        )

    def domain_list(self, *, search: str = "", limit: int = 200, after: str = "") -> Domains:
        """List the domains with what they hold. Right: view."""
        return self._link.ask(
            "GET",
            "/domains",
            Domains,
            query=given({}, ("search", search, ""), ("limit", limit, 200), ("after", after, "")),
        )

    def domain_add(self, *, name: str, template: str = "", idempotency_key: str = "") -> DomainDetails:
        """Take mail for a domain from now on. Right: change."""
        return self._link.ask(
            "POST",
            "/domains",
            DomainDetails,
            body=given({"name": name}, ("template", template, "")),
            key=idempotency_key,
        )

    def dns_records(self, domain: str, *, check: bool = True) -> DnsRecords:
        """Show what a domain must publish in the DNS, and whether it does. Right: view."""
        return self._link.ask(
            "GET", path_of("/domains/{}/dns", domain), DnsRecords, query=given({}, ("check", check, True))
        )

    def domain_remove(
        self, name: str, *, everything: bool = False, purge: bool = False, if_match: str = ""
    ) -> Domain:
        """Take no more mail for a domain. It can be restored for some days, unless it is removed for good at
        once. Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "DELETE",
            path_of("/domains/{}", name),
            Domain,
            query=given({}, ("everything", everything, False), ("purge", purge, False)),
            if_match=if_match,
        )

    def domain_show(self, name: str) -> Tagged[DomainDetails]:
        """Show one domain: what it holds, its other names, its limits, what its new accounts are given.
        Right: view."""
        return self._link.tagged("GET", path_of("/domains/{}", name), DomainDetails)

    def domain_set(
        self,
        name: str,
        *,
        active: bool | None = None,
        plus: str | None = None,
        plus_folder: bool | None = None,
        catch_all: str | None = None,
        postmaster: str | None = None,
        max_size: str | None = None,
        max_message: str | None = None,
        max_account: str | None = None,
        max_accounts: int | None = None,
        max_aliases: int | None = None,
        max_lists: int | None = None,
        quota: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
        protocols: Sequence[str] | None = None,
        if_match: str = "",
    ) -> DomainDetails:
        """Change what holds in a domain; what is not given stays. Right: change. `if_match`: only if it is
        still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/domains/{}", name),
            DomainDetails,
            body=given(
                {},
                ("active", active, None),
                ("plus", plus, None),
                ("plus_folder", plus_folder, None),
                ("catch_all", catch_all, None),
                ("postmaster", postmaster, None),
                ("max_size", max_size, None),
                ("max_message", max_message, None),
                ("max_account", max_account, None),
                ("max_accounts", max_accounts, None),
                ("max_aliases", max_aliases, None),
                ("max_lists", max_lists, None),
                ("quota", quota, None),
                ("language", language, None),
                ("time_zone", time_zone, None),
                ("protocols", protocols, None),
            ),
            if_match=if_match,
        )

    def domain_archive_clear(self, name: str) -> ShownArchive:
        """Remove the archive rule of a domain; what was archived stays where it is. Right: change."""
        return self._link.ask("DELETE", path_of("/domains/{}/archive", name), ShownArchive)

    def domain_archive(self, name: str) -> ShownArchive:
        """Show the archive rule of a domain. Right: view."""
        return self._link.ask("GET", path_of("/domains/{}/archive", name), ShownArchive)

    def domain_archive_set(
        self,
        name: str,
        *,
        mail: Literal["all", "received", "sent"] = "all",
        action: Literal["copy", "move"] = "move",
        days: int = 365,
        folder: str = "Archive/%YEAR%/%MONTH%",
        active: bool = True,
    ) -> ShownArchive:
        """Set the archive rule of a domain. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/domains/{}/archive", name),
            ShownArchive,
            body=given(
                {},
                ("mail", mail, "all"),
                ("action", action, "move"),
                ("days", days, 365),
                ("folder", folder, "Archive/%YEAR%/%MONTH%"),
                ("active", active, True),
            ),
        )

    def domain_name_remove(self, name: str, other: str) -> DomainDetails:
        """Take another name from a domain: mail to it is refused from then on. Right: change."""
        return self._link.ask("DELETE", path_of("/domains/{}/names/{}", name, other), DomainDetails)

    def domain_name_add(self, name: str, other: str) -> DomainDetails:
        """Let a domain have another name: mail to it, from it and signing in with it are as with the
        domain's own. Right: change."""
        return self._link.ask("PUT", path_of("/domains/{}/names/{}", name, other), DomainDetails)

    def domain_rename(
        self, name: str, *, new: str, keep: bool = True, if_match: str = "", idempotency_key: str = ""
    ) -> DomainDetails:
        """Give a domain another name: every address in it, and whatever tells one, follows in the same step.
        Nobody is signed out. Right: change. `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "POST",
            path_of("/domains/{}/rename", name),
            DomainDetails,
            body=given({"new": new}, ("keep", keep, True)),
            if_match=if_match,
            key=idempotency_key,
        )

    def domain_signature(self, name: str) -> ShownSignature:
        """Show the signature of a domain. Right: view."""
        return self._link.ask("GET", path_of("/domains/{}/signature", name), ShownSignature)

    def domain_signature_set(
        self,
        name: str,
        *,
        plain: str = "",
        html: str = "",
        active: bool = True,
        method: Literal["fallback", "overwrite", "append"] = "fallback",
        replies: bool = False,
        within: bool = True,
    ) -> ShownSignature:
        """Set or remove the signature of a domain. Right: change."""
        return self._link.ask(
            "PUT",
            path_of("/domains/{}/signature", name),
            ShownSignature,
            body=given(
                {},
                ("plain", plain, ""),
                ("html", html, ""),
                ("active", active, True),
                ("method", method, "fallback"),
                ("replies", replies, False),
                ("within", within, True),
            ),
        )
