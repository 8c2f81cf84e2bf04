"""Me. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.generated.shared import (
    Back,
    Browser,
    Browsers,
    Forward,
    GoneForGood,
    Masked,
    MaskedList,
    ShownArchive,
    ShownAutoReply,
    ShownSignature,
)
from posthouse.client.topic import Topic, given, path_of


class DeletedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted folder and what went with it."""

    id: str
    name: str
    messages: int
    size: int
    deleted_at: int
    until: int


class DeletedList(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted last comes first. `next` is the `after` of the page that follows, "" on the last;
    `total` and `size` count all messages; `days` is how long they are kept, 0 = not at all."""

    messages: list[DeletedMail]
    folders: list[DeletedFolder]
    next: str
    total: int
    size: int
    days: int


class DeletedMail(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted message. `folder` is where it was ("" when that is not known any more), `date` when it came,
    `deleted_at` and `until` (when it goes for good) in seconds since 1970."""

    id: str
    folder: str
    subject: str
    sender: str
    size: int
    date: int
    deleted_at: int
    until: int


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
    or session in use. `password_expires_at` in seconds since 1970, 0 = never."""

    address: str
    role: Literal["server", "domain", "user"]
    domains: list[str]
    rights: list[str]
    second_factors: int
    recovery_codes: int
    fresh: bool
    password_expires_at: float = 0.0


class PasskeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options for `navigator.credentials.create`, as JSON text."""

    options: str


class PasswordChanged(msgspec.Struct, frozen=True, kw_only=True):
    """How many other browsers were signed out."""

    address: str
    sessions_ended: int


class PersonalProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Who you are. `addresses` are further ones, which are as good as `address`."""

    address: str
    first_name: str
    last_name: str
    display_name: str
    language: str
    time_zone: str
    addresses: list[str]


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

    def me_archive_clear(self) -> ShownArchive:
        """Remove your archive rule; what was archived stays where it is. Right: change."""
        return self._link.ask("DELETE", "/me/archive", ShownArchive)

    def me_archive(self) -> ShownArchive:
        """Show your archive rule. Right: view."""
        return self._link.ask("GET", "/me/archive", ShownArchive)

    def me_archive_set(
        self,
        *,
        mail: Literal["all", "received", "sent"] = "all",
        action: Literal["copy", "move"] = "move",
        days: int = 365,
        folder: str = "Archive/%YEAR%/%MONTH%",
        active: bool = True,
    ) -> ShownArchive:
        """Set your archive rule. Right: change."""
        return self._link.ask(
            "PUT",
            "/me/archive",
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

    def me_auto_reply_clear(self) -> ShownAutoReply:
        """Remove your automatic reply. Right: change."""
        return self._link.ask("DELETE", "/me/auto-reply", ShownAutoReply)

    def me_auto_reply(self) -> ShownAutoReply:
        """Show what is answered automatically for you. Right: view."""
        return self._link.ask("GET", "/me/auto-reply", ShownAutoReply)

    def me_auto_reply_set(
        self,
        *,
        plain: str = "",
        html: str = "",
        subject: str = "",
        active: bool = True,
        starts_at: float = 0.0,
        ends_at: float = 0.0,
        days: int = 7,
        audience: Literal["everyone", "domain", "outside"] = "everyone",
    ) -> ShownAutoReply:
        """Set what is answered automatically for you. When its words change everybody may get it once more.
        Right: change."""
        return self._link.ask(
            "PUT",
            "/me/auto-reply",
            ShownAutoReply,
            body=given(
                {},
                ("plain", plain, ""),
                ("html", html, ""),
                ("subject", subject, ""),
                ("active", active, True),
                ("starts_at", starts_at, 0.0),
                ("ends_at", ends_at, 0.0),
                ("days", days, 7),
                ("audience", audience, "everyone"),
            ),
        )

    def me_deleted(self, *, limit: int = 50, after: str = "") -> DeletedList:
        """List your deleted messages and folders that can be brought back. Right: view."""
        return self._link.ask(
            "GET", "/me/deleted", DeletedList, query=given({}, ("limit", limit, 50), ("after", after, ""))
        )

    def me_deleted_purge(
        self,
        *,
        messages: Sequence[str] = (),
        folders: Sequence[str] = (),
        everything: bool = False,
        idempotency_key: str = "",
    ) -> GoneForGood:
        """Let deleted messages of yours go for good, now: the chosen ones, or everything. Right: change."""
        return self._link.ask(
            "POST",
            "/me/deleted/purge",
            GoneForGood,
            body=given(
                {}, ("messages", messages, ()), ("folders", folders, ()), ("everything", everything, False)
            ),
            key=idempotency_key,
        )

    def me_deleted_restore(
        self,
        *,
        messages: Sequence[str] = (),
        folders: Sequence[str] = (),
        everything: bool = False,
        idempotency_key: str = "",
    ) -> Back:
        """Bring deleted messages and folders of yours back; messages go where they were. Right: change."""
        return self._link.ask(
            "POST",
            "/me/deleted/restore",
            Back,
            body=given(
                {}, ("messages", messages, ()), ("folders", folders, ()), ("everything", everything, False)
            ),
            key=idempotency_key,
        )

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

    def me_forward_set(
        self,
        *,
        targets: Sequence[str],
        keep: bool = True,
        active: bool = True,
        not_spam: bool = False,
        sender: str = "",
        recipient: str = "",
        subject: str = "",
        max_size: int = 0,
        starts_at: float = 0.0,
        ends_at: float = 0.0,
    ) -> Forward:
        """Forward your mail. Where that fails, it is kept in your mailbox and you are told. Right: change."""
        return self._link.ask(
            "PUT",
            "/me/forward",
            Forward,
            body=given(
                {"targets": targets},
                ("keep", keep, True),
                ("active", active, True),
                ("not_spam", not_spam, False),
                ("sender", sender, ""),
                ("recipient", recipient, ""),
                ("subject", subject, ""),
                ("max_size", max_size, 0),
                ("starts_at", starts_at, 0.0),
                ("ends_at", ends_at, 0.0),
            ),
        )

    def me_masked(self) -> MaskedList:
        """List your masked addresses, and how they were used. Right: view."""
        return self._link.ask("GET", "/me/masked", MaskedList)

    def me_masked_add(
        self,
        *,
        prefix: str = "",
        note: str = "",
        expires_at: float = 0.0,
        last_day: str = "",
        most: int = 0,
        idempotency_key: str = "",
    ) -> Masked:
        """Make a masked address: mail for it comes to your mailbox until you switch it off. Right: change."""
        return self._link.ask(
            "POST",
            "/me/masked",
            Masked,
            body=given(
                {},
                ("prefix", prefix, ""),
                ("note", note, ""),
                ("expires_at", expires_at, 0.0),
                ("last_day", last_day, ""),
                ("most", most, 0),
            ),
            key=idempotency_key,
        )

    def me_masked_remove(self, masked: str) -> Masked:
        """Throw a masked address of yours away; mail for it is refused from then on. Right: change."""
        return self._link.ask("DELETE", path_of("/me/masked/{}", masked), Masked)

    def me_masked_change(
        self,
        masked: str,
        *,
        note: str | None = None,
        active: bool | None = None,
        expires_at: float | None = None,
        most: int | None = None,
    ) -> Masked:
        """Change the note, expiry or number of messages of your masked address, or switch it on or off.
        Right: change."""
        return self._link.ask(
            "PATCH",
            path_of("/me/masked/{}", masked),
            Masked,
            body=given(
                {},
                ("note", note, None),
                ("active", active, None),
                ("expires_at", expires_at, None),
                ("most", most, None),
            ),
        )

    def me_password(self, *, current: str, new: str) -> PasswordChanged:
        """Change your own password; it needs the current one, and ends all your other sessions. Right:
        change."""
        return self._link.ask(
            "PUT", "/me/password", PasswordChanged, body=given({"current": current, "new": new})
        )

    def me_profile(self) -> PersonalProfile:
        """Show your names, language, time zone and further addresses. Right: view."""
        return self._link.ask("GET", "/me/profile", PersonalProfile)

    def me_profile_change(
        self,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        language: str | None = None,
        time_zone: str | None = None,
    ) -> PersonalProfile:
        """Change your names, language or time zone. Right: change."""
        return self._link.ask(
            "PATCH",
            "/me/profile",
            PersonalProfile,
            body=given(
                {},
                ("first_name", first_name, None),
                ("last_name", last_name, None),
                ("display_name", display_name, None),
                ("language", language, None),
                ("time_zone", time_zone, None),
            ),
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

    def me_signature(self) -> ShownSignature:
        """Show your signature. Right: view."""
        return self._link.ask("GET", "/me/signature", ShownSignature)

    def me_signature_set(
        self,
        *,
        plain: str = "",
        html: str = "",
        active: bool = True,
        replies: bool = False,
        within: bool = True,
    ) -> ShownSignature:
        """Set or remove your signature. Right: change."""
        return self._link.ask(
            "PUT",
            "/me/signature",
            ShownSignature,
            body=given(
                {},
                ("plain", plain, ""),
                ("html", html, ""),
                ("active", active, True),
                ("replies", replies, False),
                ("within", within, True),
            ),
        )
