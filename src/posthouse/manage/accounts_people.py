"""What an account is besides its mailbox: the person's names, language and limits; another address in place of the
one it has; further addresses."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import addresses, admin, details
from posthouse.directory import contract as directory
from posthouse.directory.names import domain_name
from posthouse.directory.roles import actor_of
from posthouse.manage.accounts import Account, AccountAddress, found, view
from posthouse.manage.accounts_csv import parse_quota
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.me_account import account_in, own
from posthouse.manage.probation import absorb
from posthouse.manage.reach import guard_detail
from posthouse.manage.use import Call, Nothing, named, not_allowed, use
from posthouse.settings.accounts import SIGN_IN_BY_FURTHER


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed of an account; what is left out stays. ``language`` such as ``de``, ``time_zone`` such as
    ``Europe/Berlin``; ``max_message`` is the largest message it takes, a size such as ``20M``, or ``none``.
    ``protocols`` (imap, pop3, submission, web) and ``networks`` (such as 192.0.2.0/24) are what it may be signed in to
    by and from; an empty list for all."""

    address: str
    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    note: str | None = None
    max_message: str | None = None
    protocols: list[str] | None = None
    networks: list[str] | None = None


class OwnProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed of your own account; what is left out stays."""

    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    language: str | None = None
    time_zone: str | None = None


class PersonalProfile(msgspec.Struct, frozen=True):
    """Who you are. ``addresses`` are further ones, which are as good as ``address``."""

    address: str
    first_name: str
    last_name: str
    display_name: str
    language: str
    time_zone: str
    addresses: list[str]


class NewAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``new`` is the address that the account gets. ``keep``: the old one stays a further address of it."""

    address: str
    new: str
    keep: bool = True


class NewFurther(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further address for an account. ``signin``: its owner may sign in with it; as the setting
    accounts.sign_in_by_further says where it is left out."""

    address: str
    further: str
    signin: bool | None = None


class FormerFurther(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further address of an account."""

    address: str
    further: str


class FurtherAddress(msgspec.Struct, frozen=True):
    """``signin``: the account may be signed in to with it."""

    address: str
    signin: bool


class FurtherAddresses(msgspec.Struct, frozen=True):
    """The further addresses of an account, by address."""

    address: str
    addresses: list[FurtherAddress]


_SECRETIVE = ("note",)
"""Of these an audit line tells that they changed, and not what they say."""


@use("account.change", right="change", open_to="domain", about=named("address"), conditional=True)
async def change(call: Call, wanted: AccountChange) -> Account:
    """Change what is known of an account: names, language, time zone, note, the largest message it takes, and by
    which protocols and from which networks it may be signed in to."""
    size = _size(wanted.max_message) if wanted.max_message is not None else None
    given = details.Change(
        wanted.first_name,
        wanted.last_name,
        wanted.display_name,
        wanted.language,
        wanted.time_zone,
        wanted.note,
        size,
        wanted.protocols,
        wanted.networks,
    )

    def op(tx: Transaction) -> Account:
        account = found(tx, call, "account.change", wanted.address)
        before, after = details.change(tx, account.id, given, feed=call.context.feed)
        _note(tx, call, "account.change", account.address, before, after)
        return view(tx, call.context, admin.find_account(tx, wanted.address))

    return await call.context.database.run(op)


@use("account.rename", right="change", open_to="domain", about=named("address"), conditional=True)
async def rename(call: Call, wanted: NewAddress) -> Account:
    """Give an account another address; its mail, password and everything else stay. What leads to the old address
    still gets there while that is kept."""
    target = domain_name(wanted.new.rpartition("@")[2])
    if call.actor.role != "server" and target not in call.actor.domains:
        raise not_allowed(call.actor, "account.rename", "change")

    def op(tx: Transaction) -> Account:
        account = found(tx, call, "account.rename", wanted.address)
        if actor_of(tx, account)[0] != "user":
            require_fresh(call)  # mail to the old address may be what proves who somebody is elsewhere
        guard_detail(tx, call, "account.rename", wanted.new)
        renamed = admin.rename_account(
            tx, wanted.address, wanted.new, keep=wanted.keep, feed=call.context.feed
        )
        for subject in ("role", "active"):
            absorb(tx, f"{subject} {account.address}")
        note(
            tx,
            call.actor,
            "account.rename",
            renamed.address,
            before={"address": account.address},
            after={"address": renamed.address, "keep": wanted.keep},
        )
        return view(tx, call.context, renamed)

    return await call.context.database.run(op)


@use("account.addresses", right="view", open_to="domain", about=named("address"))
async def list_further(call: Call, wanted: AccountAddress) -> FurtherAddresses:
    """List the further addresses of an account."""

    def op(tx: Transaction) -> FurtherAddresses:
        return _further(tx, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


@use("account.address_add", right="change", open_to="domain", about=named("address"))
async def add_further(call: Call, wanted: NewFurther) -> FurtherAddresses:
    """Give an account a further address: mail for it is the account's, and it may send as it."""
    domain = domain_name(wanted.further.rpartition("@")[2])
    if call.actor.role != "server" and domain not in call.actor.domains:
        raise not_allowed(call.actor, "account.address_add", "change")
    signin = call.context.settings.now[SIGN_IN_BY_FURTHER] if wanted.signin is None else wanted.signin

    def op(tx: Transaction) -> FurtherAddresses:
        account = found(tx, call, "account.address_add", wanted.address)
        guard_detail(tx, call, "account.address_add", wanted.further)
        made = addresses.add(tx, account, wanted.further, signin=signin, feed=call.context.feed)
        told = {"further": made.address, "signin": signin}
        note(tx, call.actor, "account.address_add", account.address, after=told)
        return _further(tx, account)

    return await call.context.database.run(op)


@use("account.address_remove", right="change", open_to="domain", about=named("address"))
async def remove_further(call: Call, wanted: FormerFurther) -> FurtherAddresses:
    """Take a further address away from an account; mail for it is refused from then on."""

    def op(tx: Transaction) -> FurtherAddresses:
        account = found(tx, call, "account.address_remove", wanted.address)
        gone = addresses.remove(tx, account, wanted.further, feed=call.context.feed)
        note(tx, call.actor, "account.address_remove", account.address, before={"further": gone})
        return _further(tx, account)

    return await call.context.database.run(op)


@use("me.profile", right="view", open_to="user", about=own)
async def show_profile(call: Call, wanted: Nothing) -> PersonalProfile:
    """Show your names, language, time zone and further addresses."""

    def op(tx: Transaction) -> PersonalProfile:
        account = account_in(tx, call)
        return _profile(tx, account.id, account.address)

    return await call.context.database.scan(op)


@use("me.profile_change", right="change", open_to="user", about=own)
async def change_profile(call: Call, wanted: OwnProfile) -> PersonalProfile:
    """Change your names, language or time zone."""
    given = details.Change(
        wanted.first_name, wanted.last_name, wanted.display_name, wanted.language, wanted.time_zone
    )

    def op(tx: Transaction) -> PersonalProfile:
        account = account_in(tx, call)
        before, after = details.change(tx, account.id, given, feed=call.context.feed)
        _note(tx, call, "me.profile_change", account.address, before, after)
        return _profile(tx, account.id, account.address)

    return await call.context.database.run(op)


def _note(
    tx: Transaction, call: Call, name: str, address: str, before: details.Details, after: details.Details
) -> None:
    changed = [each for each in before.__dataclass_fields__ if getattr(before, each) != getattr(after, each)]
    if changed:
        note(tx, call.actor, name, address, before=_told(before, changed), after=_told(after, changed))


def _told(known: details.Details, changed: list[str]) -> dict[str, object]:
    return {name: "…" if name in _SECRETIVE else getattr(known, name) for name in changed}


def _further(tx: Transaction, account: directory.Account) -> FurtherAddresses:
    listed = [FurtherAddress(each.address, each.signin) for each in addresses.of_account(tx, account.id)]
    return FurtherAddresses(account.address, listed)


def _profile(tx: Transaction, account_id: int, address: str) -> PersonalProfile:
    person = details.of(tx, [account_id])[account_id]
    known = person.details
    return PersonalProfile(
        address,
        known.first_name,
        known.last_name,
        known.display_name,
        known.language,
        known.time_zone,
        list(person.addresses),
    )


def _size(text: str) -> int:
    try:
        return parse_quota(text)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Write it like 20M, or none.") from None
