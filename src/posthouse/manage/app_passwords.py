"""App passwords: one for each mail program, made by its owner or an administrator, shown once."""

from __future__ import annotations

import io

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, app_passwords
from posthouse.directory import records as directory_records
from posthouse.directory.admission import clean_networks
from posthouse.directory.app_passwords import PROTOCOLS
from posthouse.directory.app_passwords import AppPassword as Stored
from posthouse.directory.contract import Account
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.me_account import account_in, now
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, named, narrows, use

LONGEST_NAME = 100
DAY = 86_400.0


class NewAppPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app password. ``protocols`` (``imap``, ``pop3``, ``submission``) and ``networks`` limit it, none named for
    all; ``days`` until it expires, 0 = never. ``address``: for whose account; left out = your own."""

    name: str
    protocols: list[str] = []
    networks: list[str] = []
    days: int = 0
    address: str | None = None


class AppPasswordsOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which account; left out: your own."""

    address: str | None = None


class AppPasswordId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app password by its number in the list."""

    id: int


class AppPasswordsOnly(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether mail programs of this account must use an app password."""

    address: str
    only: bool


class AppPassword(msgspec.Struct, frozen=True):
    """An app password, without its secret; ``begins`` are its first letters. ``expires_at`` 0 = never, ``last_used`` 0
    = not yet."""

    id: int
    address: str
    name: str
    begins: str
    protocols: list[str]
    networks: list[str]
    created_at: float
    expires_at: float
    last_used: float
    last_peer: str


class AppPasswords(msgspec.Struct, frozen=True):
    """Oldest first."""

    app_passwords: list[AppPassword]


class MadeAppPassword(msgspec.Struct, frozen=True):
    """A new app password, which is shown this once; ``qr`` is address and password as an SVG picture, for the camera of
    a phone to copy them from."""

    password: str
    qr: str
    about: AppPassword

    def __repr__(self) -> str:
        return f"MadeAppPassword(..., {self.about!r})"


@use("app_password.add", right="change", open_to="user", about=narrows)
async def add(call: Call, wanted: NewAppPassword) -> MadeAppPassword:
    """Make an app password for a mail program; it is shown once."""
    require_fresh(call)
    name, at, password = _name(wanted.name), now(), app_passwords.new_password()
    protocols, networks = _protocols(wanted.protocols), clean_networks(wanted.networks)
    if not 0 <= wanted.days <= 3650:
        raise ManageError(
            "invalid", f"{wanted.days} days are not possible.", "Give 1 to 3650 days, or 0 for never."
        )
    expires_at = at + wanted.days * DAY if wanted.days else 0.0

    def op(tx: Transaction) -> MadeAppPassword:
        account = _whose(tx, call, "app_password.add", wanted.address)
        if len(app_passwords.of_account(tx, account.id)) >= app_passwords.MOST_OF_ACCOUNT:
            most = app_passwords.MOST_OF_ACCOUNT
            raise ManageError(
                "refused", f"{account.address} has {most} app passwords.", "Remove some of them."
            )
        made_id = app_passwords.add(
            tx,
            account.id,
            password,
            name=name,
            protocols=protocols,
            networks=networks,
            now=at,
            expires_at=expires_at,
            feed=call.context.feed,
        )
        made = app_passwords.by_id(tx, made_id)
        assert made is not None
        note(tx, call.actor, "app_password.add", account.address, after=_facts(made))
        return MadeAppPassword(password, _qr(f"{account.address}\n{password}"), _view(made, account))

    return await call.context.database.run(op)


@use("app_password.list", right="view", open_to="user", about=narrows)
async def list_all(call: Call, wanted: AppPasswordsOf) -> AppPasswords:
    """List app passwords, your own or those of an account, with when they were used last. Never the passwords."""

    def op(tx: Transaction) -> AppPasswords:
        account = _whose(tx, call, "app_password.list", wanted.address)
        return AppPasswords([_view(each, account) for each in app_passwords.of_account(tx, account.id)])

    return await call.context.database.scan(op)


@use("app_password.remove", right="change", open_to="user", about=narrows)
async def remove(call: Call, wanted: AppPasswordId) -> AppPassword:
    """Remove an app password; it is refused from then on, by all workers."""

    def op(tx: Transaction) -> AppPassword:
        found = app_passwords.by_id(tx, wanted.id)
        account = _reached(tx, call, found.account_id) if found is not None else None
        if found is None or account is None:
            raise ManageError(
                "missing", f"There is no app password {wanted.id}.", "List them to see those there are."
            )
        app_passwords.remove(tx, found.id, feed=call.context.feed)
        note(tx, call.actor, "app_password.remove", account.address, before=_facts(found))
        return _view(found, account)

    return await call.context.database.run(op)


@use("account.app_passwords_only", right="change", open_to="domain", about=named("address"))
async def only(call: Call, wanted: AppPasswordsOnly) -> AppPasswordsOnly:
    """Let an account's own password open only the pages, so that mail programs need app passwords; or let it be."""

    def op(tx: Transaction) -> AppPasswordsOnly:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.app_passwords_only", account)
        values = {"of_id": account.id, "only": int(wanted.only)}
        tx.change(directory_records.SET_APP_PASSWORDS_ONLY, values)
        bump(tx, DIRECTORY, call.context.feed)
        note(tx, call.actor, "account.app_passwords_only", account.address, after={"only": wanted.only})
        return AppPasswordsOnly(account.address, wanted.only)

    return await call.context.database.run(op)


def _whose(tx: Transaction, call: Call, name: str, address: str | None) -> Account:
    """The account of the address, else the caller's own. An administrator's password is never made by somebody of a
    lower role."""
    if address is None:
        if not call.actor.account_id:
            raise ManageError("invalid", f"{name}: whose app password?", "Name the account's address.")
        return account_in(tx, call)
    if call.actor.account_id:
        mine = account_in(tx, call)
        if mine.address == address.strip().lower():
            return mine
    if call.actor.role == "user":
        raise ManageError("refused", "These are not your app passwords.", "Ask your administrator.")
    account = admin.find_account(tx, address)
    guard(tx, call, name, account)
    return account


def _reached(tx: Transaction, call: Call, account_id: int) -> Account | None:
    """The account of an app password, if the caller may touch it; others learn nothing of it."""
    rows = tx.execute(directory_records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    if not rows:
        return None
    try:
        return _whose(tx, call, "app_password.remove", rows[0][2])
    except ManageError:
        return None


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ManageError(
            "invalid",
            "The name must have 1 to 100 characters, all on one line.",
            "Say which program it is for.",
        )
    return name


def _protocols(names: list[str]) -> str:
    """As ``admission`` has them. All of them are named, for "" would open the pages, too."""
    for name in names:
        if name not in PROTOCOLS:
            raise ManageError(
                "invalid", f"{name[:40]!r} is no mail protocol.", f"Choose from {', '.join(PROTOCOLS)}."
            )
    return ",".join(name for name in PROTOCOLS if name in (names or PROTOCOLS))


def _qr(text: str) -> str:
    import segno

    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        picture, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False, svgns=True
    )
    return picture.getvalue().decode()


def _facts(found: Stored) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "protocols": found.protocols,
        "networks": found.networks,
        "expires_at": found.expires_at,
    }


def _view(found: Stored, account: Account) -> AppPassword:
    return AppPassword(
        found.id,
        account.address,
        found.name,
        found.prefix,
        found.protocols.split(","),
        found.networks.split(",") if found.networks else [],
        found.created_at,
        found.expires_at,
        found.used_at,
        found.used_peer,
    )
