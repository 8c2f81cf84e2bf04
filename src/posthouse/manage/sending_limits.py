"""How much accounts and domains may send: what is used of it, and exceptions."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, sending, sending_counts
from posthouse.directory.names import domain_name
from posthouse.directory.sending import Limits
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, named, use
from posthouse.route.sending_allowed import Allowed, of_account, of_domain, of_stranger
from posthouse.route.sending_limits import network_of
from posthouse.route.tally import Use
from posthouse.settings import sending_limits as settings_limits

MOST = 100_000_000


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose limits: an account, a domain, or an address that strangers come from."""

    of: str


class NewLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The exceptions of an account or a domain, in place of those there were. What is not given is as the settings
    say; 0: no limit. ``burst_hour`` and ``burst_minutes``: how many recipients it takes before the brake looks at all
    (accounts only; 0: never)."""

    of: str
    messages_hour: int | None = None
    recipients_hour: int | None = None
    messages_day: int | None = None
    recipients_day: int | None = None
    burst_hour: int | None = None
    burst_minutes: int | None = None


class ExceptionPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` of them after the mark ``after``."""

    limit: int = 200
    after: int = 0


class Limited(msgspec.Struct, frozen=True):
    """One limit: ``most`` (0: none), ``used`` of it, and whether it is an exception made for this one."""

    most: int
    used: int
    exception: bool = False


class SenderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What an account, a domain or an address may send, and what it did in the last hour and in 24 hours (at most two
    seconds ago). ``burst_hour`` and ``burst_minutes`` are of the brake; ``usual`` is what its usual busiest hour has,
    0 while that is not known."""

    of: str
    kind: str
    messages_hour: Limited
    recipients_hour: Limited
    messages_day: Limited
    recipients_day: Limited
    burst_hour: Limited | None = None
    burst_minutes: Limited | None = None
    usual: int = 0


class LimitException(msgspec.Struct, frozen=True):
    """The exceptions of an account or domain; null where the settings say."""

    of: str
    messages_hour: int | None = None
    recipients_hour: int | None = None
    messages_day: int | None = None
    recipients_day: int | None = None
    burst_hour: int | None = None
    burst_minutes: int | None = None


class LimitExceptions(msgspec.Struct, frozen=True):
    """In the order in which they were made. ``next`` is the ``after`` of the page that follows, 0 on the last."""

    exceptions: list[LimitException]
    next: int = 0


@use("sending.limits", right="view", open_to="domain", about=named("of"))
async def limits(call: Call, wanted: Subject) -> SenderLimits:
    """Show how much an account, a domain or an address of strangers may send, and how much of that is used."""

    def op(tx: Transaction) -> SenderLimits:
        return _view(tx, call, wanted.of)

    return await call.context.database.scan(op)


@use("sending.exceptions", right="view")
async def exceptions(call: Call, wanted: ExceptionPage) -> LimitExceptions:
    """List the accounts and domains with limits of their own."""
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> LimitExceptions:
        rows = sending.exceptions(tx, wanted.after, limit)
        shown = [_exception(row.name, row.limits) for row in rows if row.name]
        return LimitExceptions(shown, rows[-1].id if len(rows) == limit else 0)

    return await call.context.database.scan(op)


@use("sending.set", right="change")
async def set_limits(call: Call, wanted: NewLimits) -> SenderLimits:
    """Give an account or a domain limits of its own."""
    values = {name: getattr(wanted, name) for name in Limits.__dataclass_fields__}
    for name, value in values.items():
        if value is not None and not 0 <= value <= MOST:
            raise ManageError("invalid", f"{name}: {value} is out of range.", f"Give 0 to {MOST}.")
    made = Limits(**values)
    if "@" not in wanted.of and (made.burst_hour is not None or made.burst_minutes is not None):
        raise ManageError(
            "invalid", "The brake is for accounts only.", "Leave burst_hour and burst_minutes out."
        )

    def op(tx: Transaction) -> SenderLimits:
        scope, name = _scope(tx, wanted.of)
        before = sending.limits_of(tx, scope)
        sending.put_limits(tx, scope, made, feed=call.context.feed)
        note(tx, call.actor, "sending.set", name, before=_given(before), after=_given(made))
        return _view(tx, call, name)

    return await call.context.database.run(op)


@use("sending.unset", right="change")
async def unset_limits(call: Call, wanted: Subject) -> SenderLimits:
    """Take the exceptions of an account or a domain back: the settings count again."""

    def op(tx: Transaction) -> SenderLimits:
        scope, name = _scope(tx, wanted.of)
        before = sending.limits_of(tx, scope)
        if before.plain:
            raise ManageError(
                "missing", f"{name} has no limits of its own.", "`sending exceptions` lists those there are."
            )
        sending.put_limits(tx, scope, Limits(), feed=call.context.feed)
        note(tx, call.actor, "sending.unset", name, before=_given(before))
        return _view(tx, call, name)

    return await call.context.database.run(op)


def _scope(tx: Transaction, of: str) -> tuple[str, str]:
    """The scope of an account or a domain, and its name. Raises DirectoryError."""
    if "@" in of:
        account = admin.find_account(tx, of)
        return sending.of_account(account.id), account.address
    found = admin.find_domain(tx, domain_name(of))
    return sending.of_domain(found.id), found.name


def _view(tx: Transaction, call: Call, of: str) -> SenderLimits:
    settings = call.context.settings.now
    text = of.strip()
    own = Limits()
    network = "" if "@" in text else network_of(text)
    if network:
        scope, name, kind, allowed = f"o{network}", network, "address", of_stranger(settings)
    else:
        scope, name = _scope(tx, text)
        own = sending.limits_of(tx, scope)
        if scope[0] == "a":
            kind, allowed = "account", of_account(settings, own)
        else:
            kind, allowed = "domain", of_domain(settings, own)
    slot = sending_counts.slot_of(time.time())
    return _shown(
        tx, call, scope, name, kind, allowed, own, Use(sending_counts.read(tx, [scope], slot)[scope])
    )


def _shown(
    tx: Transaction, call: Call, scope: str, name: str, kind: str, allowed: Allowed, own: Limits, use: Use
) -> SenderLimits:
    settings = call.context.settings.now
    now = time.time()
    sums = use.sums(sending_counts.slot_of(now))

    def limited(field: str) -> Limited:
        return Limited(getattr(allowed, field), getattr(sums, field), getattr(own, field) is not None)

    shown = SenderLimits(
        of=name,
        kind=kind,
        messages_hour=limited("messages_hour"),
        recipients_hour=limited("recipients_hour"),
        messages_day=limited("messages_day"),
        recipients_day=limited("recipients_day"),
    )
    if kind != "account":
        return shown
    floors = (
        (own.burst_hour, settings_limits.BURST_HOUR, sums.recipients_hour),
        (own.burst_minutes, settings_limits.BURST_MINUTES, sums.recipients_minutes),
    )
    burst = [
        Limited(settings[setting] if given is None else given, used, given is not None)
        for given, setting, used in floors
    ]
    usual = sending_counts.usual(tx, scope, int(now // 86400))
    return msgspec.structs.replace(shown, burst_hour=burst[0], burst_minutes=burst[1], usual=usual)


def _exception(name: str, limits: Limits) -> LimitException:
    return LimitException(name, **{field: getattr(limits, field) for field in Limits.__dataclass_fields__})


def _given(limits: Limits) -> dict[str, int]:
    return {
        field: value for field in Limits.__dataclass_fields__ if (value := getattr(limits, field)) is not None
    }
