"""Set-up: from one mail address to a server that takes mail, in three answers. Every check may fail, and it still
ends with a working server and a list of what is left to do."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, roles
from posthouse.directory.admin import NewAccount
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.stored import put_setting
from posthouse.manage import diagnostics, dns_wanted, setup_facts, setup_notes
from posthouse.manage.accounts import add_in
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.diagnostics import Findings
from posthouse.manage.errors import ManageError
from posthouse.manage.passwords import make_credentials
from posthouse.manage.setup_notes import Draft, Todo
from posthouse.manage.use import Call, Nothing, Private, perform, use
from posthouse.net.dns import Resolver, ascii_name
from posthouse.observe.log import logger
from posthouse.settings import certificates as settings_certificates
from posthouse.settings import setup as settings_setup
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.dns import listed

log = logger("manage.setup")


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail address that the first administrator shall have."""

    address: str


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What set-up would do: the domain, the server's name, its public addresses separated by commas ("" for those
    that are found)."""

    domain: str
    hostname: str
    addresses: str = ""


class Finish(Private, frozen=True, forbid_unknown_fields=True):
    """The answers. ``hostname`` "" keeps the present name, ``addresses`` "" those that are found. ``certificate``:
    order one for the host name from the authority, and agree to its terms of service."""

    address: str
    password: str
    hostname: str = ""
    addresses: str = ""
    certificate: bool = False


class SetupState(msgspec.Struct, frozen=True, kw_only=True):
    """``needed``: nobody administers the server yet. ``address`` and ``domain`` are what was answered before ("" if
    nothing was), ``hostname`` what is proposed; ``named``: name and addresses were answered, too. ``done_at`` in
    seconds since 1970, 0 if set-up never ended."""

    needed: bool
    address: str
    domain: str
    hostname: str
    addresses: list[str]
    own_addresses: list[str]
    done_at: float
    named: bool = False


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed for a mail address. ``hostname_leads_to``: the addresses that the DNS has for it now;
    ``mx``: where the domain's mail goes now. ``notes`` say what to think about."""

    address: str
    domain: str
    hostname: str
    addresses: list[str]
    own_addresses: list[str]
    hostname_leads_to: list[str]
    mx: list[str]
    notes: list[str]


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. ``todo`` is what is left."""

    address: str
    domain: str
    hostname: str
    todo: list[Todo]


@use("setup.state", right="view")
async def state(call: Call, wanted: Nothing) -> SetupState:
    """Show whether the server still has to be set up, and how far that has come."""
    context = call.context

    def op(tx: Transaction) -> tuple[bool, Draft, float]:
        return setup_notes.is_needed(tx), setup_notes.draft(tx), setup_notes.done_at(tx)

    needed, draft, done_at = await context.database.scan(op)
    found = setup_facts.addresses(context.settings)
    given = tuple(listed(draft.addresses))
    return SetupState(
        needed=needed,
        address=draft.address,
        domain=draft.domain,
        hostname=draft.hostname or setup_facts.host_name(context),
        addresses=list(given or found.public),
        own_addresses=list(found.own),
        done_at=done_at,
        named=draft.named,
    )


@use("setup.begin", right="change")
async def begin(call: Call, wanted: Begin) -> Proposal:
    """Propose domain, host name and addresses for the first mail address. What was answered before for it is proposed
    again."""
    context = call.context
    await refuse_when_done(context)
    address = own_address(wanted.address)
    before = await context.database.scan(setup_notes.draft)
    if not (before.named and before.domain == address.domain):
        before = Draft(hostname=_propose(context, address.domain))
    hostname = before.hostname
    resolver = Resolver(context.settings)
    leads, mx = (
        await resolver.addresses(hostname, fresh=True),
        await resolver.ask(address.domain, "MX", fresh=True),
    )
    found = setup_facts.addresses(context.settings)
    # The host name may lead to an address of a router in front of us, which the machine itself cannot know.
    public = tuple(listed(before.addresses)) or found.public or tuple(leads.rows)
    draft = msgspec.structs.replace(before, address=address.key, domain=address.domain)
    await context.database.run(setup_notes.put_draft, draft)
    return Proposal(
        address=address.key,
        domain=address.domain,
        hostname=hostname,
        addresses=list(public),
        own_addresses=list(found.own),
        hostname_leads_to=list(leads.rows),
        mx=list(mx.rows),
        notes=_notes(hostname, public, mx.rows),
    )


def _propose(context: Context, domain: str) -> str:
    """The name the server has, if it fits the domain and was given to it; else ``mail.`` before the domain."""
    zone = ascii_name(domain)
    present = setup_facts.host_name(context)
    given = context.settings.now[settings_setup.HOSTNAME] or context.config.hostname
    if "." in present and (given or dns_wanted.within(present, zone)) and present != zone:
        return present
    return f"mail.{zone}"


def _notes(hostname: str, addresses: tuple[str, ...], mx: tuple[str, ...]) -> list[str]:
    notes = []
    if not addresses:
        notes.append(
            "The server's public address could not be found: it may be behind a router. Give it, if you know it."
        )
    others = [row.partition(" ")[2] for row in mx if row.partition(" ")[2] != hostname]
    if others:
        notes.append(
            f"Mail for the domain goes to {', '.join(others)} now. Nothing changes until you change the MX record."
        )
    return notes


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's name, and its public addresses separated by commas ("" for those that are found)."""

    hostname: str
    addresses: str = ""


@use("setup.name", right="change")
async def name(call: Call, wanted: Names) -> SetupState:
    """Remember name and addresses for the end of set-up. Nothing is changed yet."""
    await refuse_when_done(call.context)
    hostname, given = _named(wanted)

    def op(tx: Transaction) -> None:
        setup_notes.put_draft(
            tx,
            msgspec.structs.replace(setup_notes.draft(tx), hostname=hostname, addresses=given, named=True),
        )

    await call.context.database.run(op)
    kept: SetupState = await state(call, Nothing())
    return kept


def _named(wanted: Names) -> tuple[str, str]:
    """Name and addresses as the settings take them. Raises ManageError, which tells of both where both are wrong."""
    wrong, hostname, given = [], "", ""
    try:
        hostname = _host(wanted.hostname)
    except ManageError as error:
        wrong.append(error)
    try:
        given = _addresses(wanted.addresses)
    except ManageError as error:
        wrong.append(error)
    if len(wrong) == 2:
        problems = tuple(f"{error.what} {error.mend}" for error in wrong)
        raise ManageError("invalid", "The name and the addresses cannot be used.", "Correct both.", problems)
    if wrong:
        raise wrong[0]
    return hostname, given


def _host(text: str) -> str:
    """A host name as the setting takes it. Raises ManageError."""
    try:
        found = ascii_name(text)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Write it like mail.example.org.") from None
    complaint = settings_setup.HOSTNAME.check(found) if settings_setup.HOSTNAME.check else ""
    if complaint:
        raise ManageError("invalid", f"{complaint}.", "Write it like mail.example.org.")
    return found


def _addresses(text: str) -> str:
    """A list of addresses as the setting takes it. Raises ManageError."""
    complaint = settings_setup.ADDRESSES.check(text) if settings_setup.ADDRESSES.check else ""
    if complaint:
        raise ManageError("invalid", f"{complaint}.", "Write addresses like 192.0.2.1, separated by commas.")
    return text


@use("setup.check", right="view")
async def check(call: Call, wanted: Plan) -> Findings:
    """Check everything around the server as it would be with this name and domain; what is wrong is kept as what is
    left to do."""
    host = _host(wanted.hostname)
    try:
        domain = ascii_name(wanted.domain)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Write it like example.org.") from None
    context = _planned(call.context, host, wanted.addresses)
    look = await diagnostics.look_at(context, [domain])
    look = dataclasses.replace(look, present=setup_facts.host_name(call.context))
    findings = await diagnostics.run(look, call.emit)
    await call.context.database.run(setup_notes.put_todo, findings)
    return diagnostics.summed(findings)


def _planned(context: Context, host: str, addresses: str) -> Context:
    """The context as it would be once set-up has ended."""
    values = {settings_setup.HOSTNAME.name: host}
    if addresses:
        values[settings_setup.ADDRESSES.name] = _addresses(addresses)
    return dataclasses.replace(context, settings=CurrentSettings(context.settings.now.over(values)))


@use("setup.finish", right="change")
async def finish(call: Call, wanted: Finish) -> SetUp:
    """Make the domain, the first administrator's account and the server's name. Refused once there is an
    administrator."""
    context = call.context
    await refuse_when_done(context)
    address = own_address(wanted.address)
    hostname = _host(wanted.hostname) if wanted.hostname.strip() else ""
    given = _addresses(wanted.addresses)
    credentials = await make_credentials(call, address.key, wanted.password)
    feed = context.feed

    def op(tx: Transaction) -> list[Todo]:
        _refuse(tx)
        if all(domain.name != address.domain for domain in admin.list_domains(tx)):
            admin.add_domain(tx, address.domain, feed=feed)
        account = _account(tx, call, NewAccount(address.key, credentials))
        roles.set_role(tx, account, "server", feed=feed)
        if hostname:
            put_setting(tx, settings_setup.HOSTNAME.name, hostname, feed=feed)
        if given:
            put_setting(tx, settings_setup.ADDRESSES.name, given, feed=feed)
        if wanted.certificate:
            put_setting(tx, settings_certificates.TERMS_AGREED.name, True, feed=feed)
        setup_notes.put_done(tx, time.time())
        after = {
            "hostname": hostname,
            "addresses": given,
            "role": "server",
            "order": wanted.certificate,
        }
        note(tx, call.actor, "setup.finish", account.address, after=after)
        return setup_notes.todo(tx)

    left = await context.database.run(op)
    named = hostname or setup_facts.host_name(context)
    if wanted.certificate and context.setup is not None:
        context.setup.later(_order(call, named))
    return SetUp(address=address.key, domain=address.domain, hostname=named, todo=left)


ORDER_AFTER = 2.0
"""Seconds until a certificate is ordered: by then every worker knows that its terms are agreed to."""


async def _order(call: Call, name: str) -> None:
    """Order the certificate. When it fails, the order is kept and tried again by itself; the self-made one serves
    meanwhile."""
    await asyncio.sleep(ORDER_AFTER)
    try:
        await perform(call.context, call.actor, "certificate.order", {"hosts": [name]})
    except ManageError as error:
        log.warning("setup.no_certificate", host=name, reason=error.what)


def _account(tx: Transaction, call: Call, new: NewAccount) -> Account:
    """The account with this password: a new one, or one that is there already."""
    try:
        admin.find_account(tx, new.address)
    except DirectoryError:
        add_in(tx, call, "account.add", new)
    else:
        admin.set_password(tx, new.address, new.credentials, feed=call.context.feed)
    return admin.find_account(tx, new.address)


async def refuse_when_done(context: Context) -> None:
    """Raises ManageError once somebody administers the server."""
    await context.database.scan(_refuse)


def _refuse(tx: Transaction) -> None:
    if not setup_notes.is_needed(tx):
        raise ManageError(
            "refused",
            "The server is set up already: it has an administrator.",
            "Sign in as that administrator.",
        )
