"""Second factors of one's own account: authenticator programs (TOTP), recovery codes, passkeys. Any change of
them asks for a fresh proof of the person."""

from __future__ import annotations

import hashlib
import secrets
from typing import Literal

import msgspec

from posthouse.database.contract import DuplicateKey, Transaction
from posthouse.directory import admin, factors
from posthouse.directory.factors import Factor as Stored
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.manage import identity_codes as codes
from posthouse.manage import identity_passkeys as passkeys
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_enrolments import Begun
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.me_account import account_id, account_in, now, own
from posthouse.manage.reach import guard
from posthouse.manage.setup_facts import host_name
from posthouse.manage.use import Call, Nothing, Private, named, use
from posthouse.settings.identity import PASSKEY_DOMAIN

LONGEST_NAME = 100


class Confirm(Private, frozen=True, forbid_unknown_fields=True):
    """The code that the authenticator program shows now, and what to call it."""

    code: str
    name: str = ""


class PasskeyFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``origin`` is the origin of the page that asks (``https://mail.example.org``)."""

    origin: str


class PasskeyAnswer(Private, frozen=True, forbid_unknown_fields=True):
    """What the browser's ``navigator.credentials.create`` answered, as JSON text."""

    answer: str
    name: str = ""


class FactorId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A factor by its number in the list."""

    id: int


class OfAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its address."""

    address: str


class Enrolment(msgspec.Struct, frozen=True):
    """What the authenticator program needs: the secret to type, the same as address, and as a QR code (an SVG
    element)."""

    secret: str
    uri: str
    qr: str

    def __repr__(self) -> str:
        return "Enrolment(...)"


class PasskeyOptions(msgspec.Struct, frozen=True):
    """Options for ``navigator.credentials.create``, as JSON text."""

    options: str


class Factor(msgspec.Struct, frozen=True):
    """A factor. ``last_used`` 0 = not yet."""

    id: int
    kind: Literal["totp", "passkey"]
    name: str
    created_at: float
    last_used: float


class Factors(msgspec.Struct, frozen=True):
    """Oldest first, and how many recovery codes are left."""

    factors: list[Factor]
    recovery_codes: int


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Ten codes, each good once; shown this once."""

    codes: list[str]

    def __repr__(self) -> str:
        return "RecoveryCodes(...)"


class Cleared(msgspec.Struct, frozen=True):
    """How many factors and recovery codes were removed."""

    address: str
    removed: int


@use("me.factor_list", right="view", open_to="user", about=own)
async def list_factors(call: Call, wanted: Nothing) -> Factors:
    """List what proves you besides your password."""

    def op(tx: Transaction) -> Factors:
        found = factors.of_account(tx, account_in(tx, call).id)
        shown = [_view(each) for each in found if each.kind != "recovery"]
        return Factors(shown, len(found) - len(shown))

    return await call.context.database.scan(op)


@use("me.totp_begin", right="change", open_to="user", about=own)
async def totp_begin(call: Call, wanted: Nothing) -> Enrolment:
    """Begin to set up an authenticator program; nothing changes before its first code is confirmed."""
    account = await _changing(call)
    secret = codes.new_secret()
    call.context.enrolments.put(account, "totp", Begun(secret=secret))
    uri = codes.enrolment_uri(secret, call.actor.account, _host(call.context))
    return Enrolment(secret, uri, codes.qr_svg(uri))


@use("me.totp_confirm", right="change", open_to="user", about=own)
async def totp_confirm(call: Call, wanted: Confirm) -> Factor:
    """Finish setting up an authenticator program with the code it shows."""
    account = await _changing(call)
    begun = call.context.enrolments.get(account, "totp")
    if begun is None:
        raise _run_out()
    at = now()
    step = codes.matching_step(begun.secret, wanted.code[:20], at, 0)
    if not step:
        raise ManageError(
            "invalid",
            "This is not the code of the program.",
            "Give the one it shows now, and check that the clock of the phone is right.",
        )
    # The mark makes the secret, and so its enrolment, unique: confirming twice at once adds one factor.
    mark = hashlib.sha256(begun.secret.encode()).digest()
    made = await _add(
        call,
        "me.totp_confirm",
        "totp",
        name=_name(wanted.name, "Authenticator"),
        mark=mark,
        secret=begun.secret,
        counter=step,
    )
    call.context.enrolments.done(account, "totp")
    return made


@use("me.recovery_codes", right="change", open_to="user", about=own)
async def recovery_codes(call: Call, wanted: Nothing) -> RecoveryCodes:
    """Make ten new recovery codes; those you had are void."""
    account, made, at = await _changing(call), codes.new_recovery_codes(), now()

    def op(tx: Transaction) -> None:
        mine = account_in(tx, call)
        if not any(each.kind != "recovery" for each in factors.of_account(tx, account)):
            raise ManageError(
                "refused",
                "Recovery codes stand in for a second factor, and none is set up.",
                "Set up an authenticator program or a passkey first.",
            )
        factors.replace_codes(tx, account, [factors.recovery_mark(account, code) for code in made], at)
        note(tx, call.actor, "me.recovery_codes", mine.address)

    await call.context.database.run(op)
    return RecoveryCodes(made)


@use("me.passkey_begin", right="change", open_to="user", about=own)
async def passkey_begin(call: Call, wanted: PasskeyFor) -> PasskeyOptions:
    """Begin to make a passkey: the options for the browser's dialogue."""
    account = await _changing(call)
    context = call.context
    domain = context.settings.now[PASSKEY_DOMAIN]
    party = passkeys.relying_party(wanted.origin, domain, host_name(context))
    if party is None:
        raise ManageError(
            "refused",
            "Passkeys need these pages by https under a host name"
            + (f" in {domain}." if domain else ", not an IP address."),
            "Open them by the server's name, or change identity.passkey_domain.",
        )
    known = await context.database.scan(factors.of_account, account)
    challenge = secrets.token_bytes(32)
    context.enrolments.put(account, "passkey", Begun(challenge=challenge, party=party))
    return PasskeyOptions(passkeys.registration_options(party, account, call.actor.account, challenge, known))


@use("me.passkey_finish", right="change", open_to="user", about=own)
async def passkey_finish(call: Call, wanted: PasskeyAnswer) -> Factor:
    """Keep the passkey that the browser has made."""
    account = await _changing(call)
    begun = call.context.enrolments.get(account, "passkey")
    call.context.enrolments.done(account, "passkey")  # a challenge is good once, whatever comes
    if begun is None or begun.party is None:
        raise _run_out()
    try:
        key, count = passkeys.registered(begun.party, wanted.answer, begun.challenge)
    except passkeys.BadPasskey as problem:
        raise ManageError(
            "invalid", f"The passkey does not hold: {str(problem)[:200]}.", "Begin again."
        ) from None
    return await _add(
        call,
        "me.passkey_finish",
        "passkey",
        name=_name(wanted.name, "Passkey"),
        mark=hashlib.sha256(passkeys.credential_id(key)).digest(),
        secret=msgspec.json.encode(key).decode(),
        counter=count,
    )


@use("me.factor_remove", right="change", open_to="user", about=own)
async def factor_remove(call: Call, wanted: FactorId) -> Factor:
    """Remove an authenticator program or a passkey; with the last one the recovery codes go, too."""
    account = await _changing(call)

    def op(tx: Transaction) -> Factor:
        mine = account_in(tx, call)
        gone = factors.remove(tx, account, wanted.id)
        if gone is None:
            raise ManageError("missing", f"You have no factor {wanted.id}.", "List factors to see them.")
        _noticed(tx, call)
        note(tx, call.actor, "me.factor_remove", mine.address, before={"kind": gone.kind, "name": gone.name})
        return _view(gone)

    return await call.context.database.run(op)


@use("account.factors_clear", right="change", open_to="domain", about=named("address"))
async def factors_clear(call: Call, wanted: OfAddress) -> Cleared:
    """Remove all second factors of an account, whose owner lost the phone: the password alone signs in again."""
    require_fresh(call)

    def op(tx: Transaction) -> Cleared:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.factors_clear", account)
        removed = factors.clear(tx, account.id)
        _noticed(tx, call)
        note(tx, call.actor, "account.factors_clear", account.address, before={"factors": removed})
        return Cleared(account.address, removed)

    return await call.context.database.run(op)


async def _changing(call: Call) -> int:
    """The caller's account, once its owner proved to be there."""
    account = account_id(call)
    require_fresh(call)
    return account


async def _add(
    call: Call, use_name: str, kind: factors.Kind, *, name: str, mark: bytes, secret: str, counter: int
) -> Factor:
    at = now()

    def op(tx: Transaction) -> Factor:
        mine = account_in(tx, call)
        have = [each for each in factors.of_account(tx, mine.id) if each.kind != "recovery"]
        if len(have) >= factors.MOST_FACTORS:
            raise ManageError("refused", "You have 20 factors.", "Remove one that you do not use.")
        made = factors.add(tx, mine.id, kind, name=name, mark=mark, secret=secret, counter=counter, now=at)
        _noticed(tx, call)
        note(tx, call.actor, use_name, mine.address, after={"kind": kind, "name": name})
        return Factor(made, "totp" if kind == "totp" else "passkey", name, at, 0.0)

    try:
        return await call.context.database.run(op)
    except DuplicateKey:
        raise ManageError("exists", "This one is set up already.", "List factors to see it.") from None


def _noticed(tx: Transaction, call: Call) -> None:
    """How many factors an account has is among what sign-ins remember (setting ``signin.app_passwords``)."""
    bump(tx, DIRECTORY, call.context.feed)


def _view(found: Stored) -> Factor:
    kind: Literal["totp", "passkey"] = "totp" if found.kind == "totp" else "passkey"
    return Factor(found.id, kind, found.name, found.created_at, found.used_at)


def _name(text: str, otherwise: str) -> str:
    name = text.strip() or otherwise
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise ManageError("invalid", "The name must have at most 100 characters.", "Choose a shorter one.")
    return name


def _host(context: Context) -> str:
    return host_name(context)


def _run_out() -> ManageError:
    return ManageError("refused", "This was not begun, or more than ten minutes ago.", "Begin again.")
