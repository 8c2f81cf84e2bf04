"""Templates: sets of properties by name, that new domains are made from."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, domains
from posthouse.directory.names import domain_name
from posthouse.manage.audit import note
from posthouse.manage.use import Call, Nothing, use


class TemplateFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template of this name, with what holds in ``domain`` now."""

    template: str
    domain: str


class TemplateName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template by its name."""

    template: str


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


class DomainTemplates(msgspec.Struct, frozen=True):
    """By name."""

    templates: list[DomainTemplate]


@use("domain.templates", right="view")
async def list_all(call: Call, wanted: Nothing) -> DomainTemplates:
    """List the templates that new domains can be made from."""

    def op(tx: Transaction) -> DomainTemplates:
        return DomainTemplates([_view(each) for each in domains.templates(tx)])

    return await call.context.database.scan(op)


@use("domain.template_save", right="change")
async def save(call: Call, wanted: TemplateFrom) -> DomainTemplate:
    """Keep what holds in a domain as a template, in place of the one of that name."""

    def op(tx: Transaction) -> DomainTemplate:
        info = admin.find_domain(tx, domain_name(wanted.domain))
        made = domains.save_template(tx, wanted.template, domains.properties_of(tx, info.id))
        note(tx, call.actor, "domain.template_save", made.name, after={"domain": info.name})
        return _view(made)

    return await call.context.database.run(op)


@use("domain.template_remove", right="change")
async def remove(call: Call, wanted: TemplateName) -> DomainTemplate:
    """Remove a template; domains that were made from it stay as they are."""

    def op(tx: Transaction) -> DomainTemplate:
        gone = domains.remove_template(tx, wanted.template)
        note(tx, call.actor, "domain.template_remove", gone.name, before={"name": gone.name})
        return _view(gone)

    return await call.context.database.run(op)


def _view(found: domains.Template) -> DomainTemplate:
    values = asdict(found.properties)
    return DomainTemplate(template=found.name, **{**values, "protocols": list(values["protocols"])})
