"""Client settings. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What to enter for an address. `profile` is a link to a profile for Apple's devices ("" without https),
    `qr` the same as an SVG picture."""

    address: str
    user_name: str
    incoming: list[MailService]
    outgoing: list[MailService]
    profile: str
    qr: str


class MailService(msgspec.Struct, frozen=True, kw_only=True):
    """One server to enter: protocol `imap`, `pop3` or `smtp`; `tls` is `implicit` (SSL/TLS) or `starttls`.
    The user name is the whole address."""

    protocol: str
    host: str
    port: int
    tls: str


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile for Apple's devices. `signed` with the server's certificate."""

    name: str
    signed: bool
    data: bytes


class ClientSettingsCalls(Topic):
    """Calls of the topic Client settings."""

    def client_settings(self, *, address: str = "") -> ClientSettings:
        """Show what a mail program has to know for an address. Right: view."""
        return self._link.ask(
            "GET", "/client-settings", ClientSettings, query=given({}, ("address", address, ""))
        )

    def client_profile(self, *, address: str = "") -> Profile:
        """Make the profile by which an iPhone, iPad or Mac sets itself up for an address. It holds no
        password. Right: view."""
        return self._link.ask(
            "GET", "/client-settings/profile", Profile, query=given({}, ("address", address, ""))
        )
