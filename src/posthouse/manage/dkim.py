"""DKIM keys: list, make, import, check, use, put aside, remove. Private keys come in and never out."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, dkim
from posthouse.directory.dkim import KeyRow
from posthouse.directory.names import domain_name
from posthouse.manage.audit import note
from posthouse.manage.dkim_desk import DkimDesk
from posthouse.manage.dkim_keys import due_for_rotation, new_keys, record_name, record_value, stored
from posthouse.manage.dns_forms import quoted
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import within
from posthouse.manage.use import Call, Private, named, narrows, use
from posthouse.net.dns import Resolver
from posthouse.origin.keys import ALGORITHMS, Algorithm, BadKey, read_key
from posthouse.settings import dkim as settings

_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*")
MOST_SELECTOR = 100


class KeysOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of one ``domain``, or of all."""

    domain: str | None = None


class DomainOfKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of our domains."""

    domain: str


class MakeKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``algorithms``: ``rsa-sha256``, ``ed25519-sha256``, or both where none is named."""

    domain: str
    algorithms: list[Algorithm] = []


class KeyName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key by its domain and selector."""

    domain: str
    selector: str


class ImportKey(Private, frozen=True, forbid_unknown_fields=True):
    """``key``: the private key in PEM, not encrypted, as another server has it. ``now``: sign with it at once, without
    waiting until its record is seen in the DNS."""

    domain: str
    selector: str
    key: str
    now: bool = False


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its private half. ``state``: ``new`` (waits for its record), ``active`` (signs), ``retiring`` (its
    record must stay a while), ``retired`` (its record is to be emptied). ``dns``: ``right``, ``missing``,
    ``different``, ``unknown``, or "" where the DNS was not asked; ``note`` says it in words. ``name`` and
    ``value`` are the record, ``text`` is the value as a zone file has it. Times in seconds since 1970, 0 for never."""

    domain: str
    selector: str
    algorithm: str
    state: dkim.KeyState
    made_at: float
    since: float
    seen_at: float
    checked_at: float
    dns: str
    note: str
    published: bool
    name: str
    value: str
    text: str


class Keys(msgspec.Struct, frozen=True):
    """By domain and age."""

    keys: list[KeyView]


@use("dkim.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: KeysOf) -> Keys:
    """List the DKIM keys with their records, and whether these are in the DNS."""
    own = within(call, "dkim.list", wanted.domain)

    def op(tx: Transaction) -> list[KeyRow]:
        if wanted.domain is None:
            return [row for row in dkim.all_keys(tx) if own is None or row.domain in own]
        return dkim.all_keys(tx, admin.find_domain(tx, wanted.domain).name)

    return _views(await call.context.database.scan(op))


@use("dkim.show", right="view", open_to="domain", about=named("domain"))
async def show(call: Call, wanted: KeyName) -> KeyView:
    """Show one DKIM key with its record. The private key is never shown."""
    return _view(await call.context.database.read(dkim.one_key, wanted.domain, wanted.selector))


@use("dkim.make", right="change")
async def make(call: Call, wanted: MakeKeys) -> Keys:
    """Make DKIM keys for a domain. Each is used once its record is in the DNS, in the place of the one of its kind."""
    algorithms = list(dict.fromkeys(wanted.algorithms)) or list(ALGORITHMS)
    return await _make(call, "dkim.make", domain_name(wanted.domain), algorithms)


@use("dkim.rotate", right="change")
async def rotate(call: Call, wanted: DomainOfKeys) -> Keys:
    """Let new DKIM keys follow those in use, without waiting for the schedule. The old ones sign until the records of
    the new ones are in the DNS."""
    domain = domain_name(wanted.domain)
    rows = await call.context.database.read(dkim.all_keys, domain)
    algorithms = due_for_rotation(rows, float("inf"), 1)
    if not algorithms and any(row.state == "active" for row in rows):
        raise ManageError(
            "refused",
            f"New keys of {domain} are waiting for their records already.",
            f"Publish them: posthouse dkim list {domain}",
        )
    if not algorithms:
        raise ManageError(
            "refused", f"{domain} has no key in use that could be followed.", "Make keys: posthouse dkim make"
        )
    return await _make(call, "dkim.rotate", domain, algorithms)


@use("dkim.import", right="change")
async def import_key(call: Call, wanted: ImportKey) -> KeyView:
    """Take over a DKIM key from another server under its selector. It is used once its record is seen in the DNS,
    in the place of the one of its kind."""
    domain, selector = domain_name(wanted.domain), _selector(wanted.selector)
    try:
        private = await asyncio.to_thread(read_key, wanted.key)
    except BadKey as error:
        raise ManageError(
            "invalid",
            f"The key cannot be used: {error}.",
            "Give an RSA or Ed25519 private key in PEM (openssl rsa -in FILE removes a password).",
        ) from None
    key = stored(private, selector)
    feed = call.context.feed

    def op(tx: Transaction) -> KeyRow:
        now = time.time()
        dkim.add_key(tx, domain, key, now, feed)
        row = dkim.one_key(tx, domain, selector)
        if wanted.now:
            dkim.activate(tx, row, now, feed)
        after = {
            "selector": selector,
            "algorithm": private.algorithm,
            "bits": private.bits,
            "now": wanted.now,
        }
        note(tx, call.actor, "dkim.import", domain, after=after)
        return dkim.one_key(tx, domain, selector)

    return _view(await call.context.database.run(op))


@use("dkim.check", right="change")
async def check(call: Call, wanted: DomainOfKeys) -> Keys:
    """Ask the DNS now for the records of a domain's DKIM keys. New ones whose record is there are used from now on."""
    domain = domain_name(wanted.domain)
    context = call.context

    def op(tx: Transaction) -> list[KeyRow]:
        return dkim.all_keys(tx, admin.find_domain(tx, domain).name)

    rows = [row for row in await context.database.read(op) if row.state != "retired"]
    await _desk(call).check(rows)
    return _views(await context.database.read(op))


@use("dkim.activate", right="change")
async def activate(call: Call, wanted: KeyName) -> KeyView:
    """Sign with a DKIM key from now on, whether its record was seen in the DNS or not. The one of its kind that signed
    so far retires."""
    feed = call.context.feed

    def op(tx: Transaction) -> KeyRow:
        row = dkim.one_key(tx, wanted.domain, wanted.selector)
        if row.state == "active":
            raise ManageError("refused", f"{row.selector} signs already.", "Nothing is to be done.")
        replaced = dkim.activate(tx, row, time.time(), feed)
        note(
            tx,
            call.actor,
            "dkim.activate",
            row.domain,
            before={"selectors": [each.selector for each in replaced]} if replaced else None,
            after={"selector": row.selector, "dns": row.dns},
        )
        return dkim.one_key(tx, wanted.domain, wanted.selector)

    return _view(await call.context.database.run(op))


@use("dkim.retire", right="change")
async def retire(call: Call, wanted: KeyName) -> KeyView:
    """Sign with a DKIM key no more. Its record must stay until the mail under way has arrived."""
    feed = call.context.feed

    def op(tx: Transaction) -> KeyRow:
        row = dkim.one_key(tx, wanted.domain, wanted.selector)
        if row.state not in ("new", "active"):
            raise ManageError("refused", f"{row.selector} does not sign.", "Nothing is to be done.")
        dkim.set_state(tx, row, "retiring", time.time(), feed)
        note(
            tx,
            call.actor,
            "dkim.retire",
            row.domain,
            before={"state": row.state},
            after={"selector": row.selector},
        )
        return dkim.one_key(tx, wanted.domain, wanted.selector)

    return _view(await call.context.database.run(op))


@use("dkim.remove", right="change")
async def remove(call: Call, wanted: KeyName) -> KeyView:
    """Delete a DKIM key that does not sign. Mail signed with it that is still under way can be verified only while its
    record stays in the DNS."""
    feed = call.context.feed

    def op(tx: Transaction) -> KeyRow:
        row = dkim.one_key(tx, wanted.domain, wanted.selector)
        if row.state == "active":
            raise ManageError(
                "refused",
                f"{row.selector} signs the mail of {row.domain}.",
                f"Retire it first: posthouse dkim retire {row.domain} {row.selector}",
            )
        dkim.remove_key(tx, row, feed)
        note(tx, call.actor, "dkim.remove", row.domain, before={"selector": row.selector, "state": row.state})
        return row

    row = await call.context.database.run(op)
    if call.context.dkim is not None:
        await call.context.dkim.withdraw(row)
    return _view(row)


# ------------------------------------------------------------------ inside


async def _make(call: Call, what: str, domain: str, algorithms: Sequence[Algorithm]) -> Keys:
    context = call.context

    def names(tx: Transaction) -> list[str]:
        admin.find_domain(tx, domain)
        return [row.selector for row in dkim.all_keys(tx, domain)]

    taken = await context.database.read(names)
    bits = context.settings.now[settings.RSA_BITS]
    keys = await asyncio.to_thread(new_keys, algorithms, taken, bits, time.time())

    def op(tx: Transaction) -> list[KeyRow]:
        for key in keys:
            dkim.add_key(tx, domain, key, time.time(), context.feed)
        selectors = [key.selector for key in keys]
        note(tx, call.actor, what, domain, after={"selectors": selectors})
        return [row for row in dkim.all_keys(tx, domain) if row.selector in selectors]

    return _views(await context.database.run(op))


def _desk(call: Call) -> DkimDesk:
    context = call.context
    return context.dkim or DkimDesk(
        database=context.database,
        feed=context.feed,
        settings=context.settings,
        resolver=Resolver(context.settings),
        holder="offline",
    )


def _selector(text: str) -> str:
    name = text.strip().lower()
    if len(name) > MOST_SELECTOR or not _SELECTOR.fullmatch(name):
        raise ManageError(
            "invalid",
            f"{text[:60]!r} is no selector.",
            "Use letters, digits and dashes, as in the record's name before ._domainkey.",
        )
    return name


def _views(rows: Sequence[KeyRow]) -> Keys:
    return Keys([_view(row) for row in rows])


def _view(row: KeyRow) -> KeyView:
    value = record_value(row)
    try:
        name = record_name(row.domain, row.selector)
    except ValueError:
        name = f"{row.selector}._domainkey.{row.domain}"
    return KeyView(
        domain=row.domain,
        selector=row.selector,
        algorithm=row.algorithm,
        state=row.state,
        made_at=row.made_at,
        since=row.since,
        seen_at=row.seen_at,
        checked_at=row.checked_at,
        dns=row.dns,
        note=row.note,
        published=bool(row.published),
        name=name,
        value=value,
        text=quoted(value),
    )
