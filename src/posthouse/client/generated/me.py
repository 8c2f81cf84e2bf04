"""Me. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.generated.shared import Browser, Browsers, Forward
from posthouse.client.topic import Topic, given, path_of


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A mail program that signed in: how, from where, what it said it is ("" if it did not)."""

    protocol: str
    peer: str
    client: str
    first_seen: float
    last_seen: float


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """The latest first; those not seen for 90 days are forgotten."""

    devices: list[Device]


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What the authenticator program needs: the secret to type, the same as address, and as a QR code (an
    SVG element)."""

    secret: str
    uri: str
    qr: str


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """A factor. `last_used` 0 = not yet."""

    id: int
    kind: Literal["totp", "passkey"]
    name: str
    created_at: float
    last_used: float


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first, and how many recovery codes are left."""

    factors: list[Factor]
    recovery_codes: int


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is sent at `send_at` (seconds since 1970, as `received_at`)."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    send_at: float
    recipients: list[str]


class LaterList(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which they were handed in."""

    messages: list[Later]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in. `second_factors` counts authenticator programs and passkeys, `recovery_codes` those
    left. `fresh`: whether changes that ask for the password go through now. `rights` are those of the token
    or session in use."""

    address: str
    role: Literal["server", "domain", "user"]
    domains: list[str]
    rights: list[str]
    second_factors: int
    recovery_codes: int
    fresh: bool


class PasskeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options for `navigator.credentials.create`, as JSON text."""

    options: str


class PasswordChanged(msgspec.Struct, frozen=True, kw_only=True):
    """How many other browsers were signed out."""

    address: str
    sessions_ended: int


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Ten codes, each good once; shown this once."""

    codes: list[str]


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What the account holds, in bytes; quota 0 = no limit."""

    quota: int
    used: int
    messages: int


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """Who does not get it any more."""

    id: int
    trace: str
    recipients: list[str]


class MeCalls(Topic):
    """Calls of the topic Me."""

    def me_show(self) -> Me:
        """Show who is signed in, and how far the rights reach. Right: view."""
        return self._link.ask("GET", "/me", Me)

    def me_devices(self) -> Devices:
        """List the mail programs that signed in to your account, and from where. Right: view."""
        return self._link.ask("GET", "/me/devices", Devices)

    def me_factor_list(self) -> Factors:
        """List what proves you besides your password. Right: view."""
        return self._link.ask("GET", "/me/factors", Factors)

    def me_passkey_begin(self, *, origin: str, idempotency_key: str = "") -> PasskeyOptions:
        """Begin to make a passkey: the options for the browser's dialogue. Right: change."""
        return self._link.ask(
            "POST", "/me/factors/passkey", PasskeyOptions, body=given({"origin": origin}), key=idempotency_key
        )

    def me_passkey_finish(self, *, answer: str, name: str = "", idempotency_key: str = "") -> Factor:
        """Keep the passkey that the browser has made. Right: change."""
        return self._link.ask(
            "POST",
            "/me/factors/passkey/finish",
            Factor,
            body=given({"answer": answer}, ("name", name, "")),
            key=idempotency_key,
        )

    def me_totp_begin(self, *, idempotency_key: str = "") -> Enrolment:
        """Begin to set up an authenticator program; nothing changes before its first code is confirmed.
        Right: change."""
        return self._link.ask("POST", "/me/factors/totp", Enrolment, key=idempotency_key)

    def me_totp_confirm(self, *, code: str, name: str = "", idempotency_key: str = "") -> Factor:
        """Finish setting up an authenticator program with the code it shows. Right: change."""
        return self._link.ask(
            "POST",
            "/me/factors/totp/confirm",
            Factor,
            body=given({"code": code}, ("name", name, "")),
            key=idempotency_key,
        )

    def me_factor_remove(self, id: int) -> Factor:
        """Remove an authenticator program or a passkey; with the last one the recovery codes go, too. Right:
        change."""
        return self._link.ask("DELETE", path_of("/me/factors/{}", id), Factor)

    def me_forward_clear(self) -> Forward:
        """Remove your forward; your mail stays in your mailbox. Right: change."""
        return self._link.ask("DELETE", "/me/forward", Forward)

    def me_forward(self) -> Forward:
        """Show where your mail is forwarded to, and whether that works. Right: view."""
        return self._link.ask("GET", "/me/forward", Forward)

    def me_forward_set(self, *, targets: Sequence[str], keep: bool = True, active: bool = True) -> Forward:
        """Forward your mail. Where that fails, it is kept in your mailbox and you are told. Right: change."""
        return self._link.ask(
            "PUT",
            "/me/forward",
            Forward,
            body=given({"targets": targets}, ("keep", keep, True), ("active", active, True)),
        )

    def me_password(self, *, current: str, new: str) -> PasswordChanged:
        """Change your own password; it needs the current one, and ends all your other sessions. Right:
        change."""
        return self._link.ask(
            "PUT", "/me/password", PasswordChanged, body=given({"current": current, "new": new})
        )

    def me_quota(self) -> Room:
        """Show how much your mailboxes hold, and how much they may. Right: view."""
        return self._link.ask("GET", "/me/quota", Room)

    def me_recovery_codes(self, *, idempotency_key: str = "") -> RecoveryCodes:
        """Make ten new recovery codes; those you had are void. Right: change."""
        return self._link.ask("POST", "/me/recovery-codes", RecoveryCodes, key=idempotency_key)

    def me_scheduled(self) -> LaterList:
        """List your messages that are to be sent later. Right: view."""
        return self._link.ask("GET", "/me/scheduled", LaterList)

    def me_cancel(self, id: int) -> TakenBack:
        """Take back a message that was to be sent later; nobody gets it. Right: send."""
        return self._link.ask("DELETE", path_of("/me/scheduled/{}", id), TakenBack)

    def me_sessions(self) -> Browsers:
        """List the browsers that are signed in to your account. Right: view."""
        return self._link.ask("GET", "/me/sessions", Browsers)

    def me_session_end(self, id: int) -> Browser:
        """Sign a browser out of your account. Right: change."""
        return self._link.ask("DELETE", path_of("/me/sessions/{}", id), Browser)
