"""Who administers what, and which accounts may be used."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory import roles as directory_roles
from posthouse.directory.roles import actor_of
from posthouse.manage.accounts import Account, found, view
from posthouse.manage.audit import note
from posthouse.manage.context import Role
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.probation import Pending, absorb, on_probation, undo
from posthouse.manage.reach import keep_a_server
from posthouse.manage.sessions import Choice
from posthouse.manage.use import Call, named, use


class NewRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role: ``server``, ``domain`` (with the ``domains`` to look after) or ``user``. ``force`` takes it even from
    the last server administrator, ``now`` skips probation; both on the machine itself only."""

    address: str
    role: Role
    domains: list[str] = []
    force: bool = False
    now: bool = False


class NewState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether an account may be used. ``force`` and ``now`` as for a role."""

    address: str
    active: bool
    force: bool = False
    now: bool = False


class FormerRole(msgspec.Struct, frozen=True):
    """The role an account had."""

    address: str
    role: Role
    domains: list[str]


class FormerState(msgspec.Struct, frozen=True):
    """Whether an account was active."""

    address: str
    active: bool


@undo("account.role.restore")
async def restore_role(call: Call, former: FormerRole, row: Pending) -> None:
    """The role an account had, as far as account and domains are still there."""
    feed = call.context.feed

    def op(tx: Transaction) -> None:
        if row.settle(tx) and admin.taken_by(tx, former.address) == "account":
            kept = [name for name in former.domains if admin.has_domain(tx, name)]
            role = former.role if kept or former.role != "domain" else "user"
            account = admin.find_account(tx, former.address)
            directory_roles.set_role(tx, account, role, kept, feed=feed)

    await call.context.database.run(op)


@undo("account.active.restore")
async def restore_state(call: Call, former: FormerState, row: Pending) -> None:
    """Whether an account was active, if it is still there."""
    feed = call.context.feed

    def op(tx: Transaction) -> None:
        if row.settle(tx) and admin.taken_by(tx, former.address) == "account":
            admin.set_active(tx, former.address, former.active, feed=feed)

    await call.context.database.run(op)


@use("account.role", right="change", conditional=True)
async def role(call: Call, wanted: NewRole) -> Account:
    """Make an account a server administrator, an administrator of some domains, or an ordinary user. Your own is
    changed on probation. Asks for a fresh proof of the person."""
    require_fresh(call)
    context = call.context

    def op(tx: Transaction) -> Account:
        account = found(tx, call, "account.role", wanted.address)
        before, domains = actor_of(tx, account)
        if wanted.role != "server":
            keep_a_server(tx, call, account, "demoted", wanted.force)
        after, names = directory_roles.set_role(tx, account, wanted.role, wanted.domains, feed=context.feed)
        note(
            tx,
            call.actor,
            "account.role",
            account.address,
            before={"role": before, "domains": sorted(domains)},
            after={"role": after, "domains": sorted(names)},
        )
        subject = f"role {account.address}"
        probation = 0
        if account.address == call.actor.account:
            probation = on_probation(
                tx,
                call,
                use_name="account.role",
                subject=subject,
                summary=f"Make {account.address} {_NAMES[after]}",
                undo_name="account.role.restore",
                former=FormerRole(account.address, before, sorted(domains)),
                now=wanted.now,
            )
        else:
            absorb(tx, subject)
        return view(tx, context, account, probation)

    return await context.database.run(op)


_NAMES: dict[Role, str] = {
    "server": "a server administrator",
    "domain": "a domain administrator",
    "user": "an ordinary user",
}


@use("account.active", right="change", open_to="domain", about=named("address"), conditional=True)
async def active(call: Call, wanted: NewState) -> Account:
    """Let an account be used, or not: an inactive one receives no mail and nobody signs in to it. Your own is
    changed on probation.

    Mail programs that are signed in are signed out."""
    context = call.context

    def op(tx: Transaction) -> Account:
        account = found(tx, call, "account.active", wanted.address)
        own = account.address == call.actor.account
        if own and call.actor.role != "server":
            raise ManageError(
                "refused", "You cannot close your own account.", "Ask a server administrator to do it."
            )
        if not wanted.active and account.active:
            keep_a_server(tx, call, account, "closed", wanted.force)
        changed = admin.set_active(tx, wanted.address, wanted.active, feed=context.feed)
        note(
            tx,
            call.actor,
            "account.active",
            account.address,
            before={"active": account.active},
            after={"active": wanted.active},
        )
        subject = f"active {account.address}"
        probation = 0
        if own and not wanted.active:
            probation = on_probation(
                tx,
                call,
                use_name="account.active",
                subject=subject,
                summary=f"Close {account.address}",
                undo_name="account.active.restore",
                former=FormerState(account.address, account.active),
                now=wanted.now,
            )
        else:
            absorb(tx, subject)
        return view(tx, context, admin.find_account(tx, changed.address), probation)

    changed = await context.database.run(op)
    if not changed.active and context.sessions is not None:
        if context.agreement is not None:
            await context.agreement.reach(0)  # first: nobody comes in any more while those who are in go
        choice = Choice(account=changed.address)
        await context.sessions.dismiss(choice, "This account was closed by the administrator")
    return changed
