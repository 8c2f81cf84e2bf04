"""Settings of access tokens: those that an outside provider gives out, and those of this server."""

from __future__ import annotations

from urllib.parse import urlsplit

from posthouse.settings.contract import Setting
from posthouse.settings.identity import LOOPBACK


def _issuer(value: str) -> str:
    """A complaint about an issuer, or ""."""
    try:
        parts = urlsplit(value)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        secure = named = False
        parts = urlsplit("")
    plain = value.isascii() and value.isprintable() and " " not in value
    if value and not (
        secure and named and plain and not parts.query and not parts.fragment and not parts.username
    ):
        return "give an https address, such as https://login.example.org"
    return ""


SERVER = Setting(
    "oauth.server",
    False,
    "Whether this server gives out access tokens: a mail program then opens a page of ours in the browser, and its "
    "owner signs in there.",
)

ISSUER = Setting(
    "oauth.issuer",
    "",
    "The https address by which mail programs know this server. Empty: its host name and the port of https. Behind a "
    "proxy it is the proxy's, such as https://mail.example.org.",
    check=_issuer,
)

ACCESS_SECONDS = Setting(
    "oauth.access_seconds",
    3600,
    "How long an access token of ours is good for. The program gets the next one by itself.",
    unit="seconds",
    minimum=60,
    maximum=86_400,
)

REFRESH_DAYS = Setting(
    "oauth.refresh_days",
    90,
    "A program that has not been used for this long must be let in anew on the page.",
    unit="days",
    minimum=1,
    maximum=730,
)

REGISTRATION = Setting(
    "oauth.registration",
    True,
    "Whether programs may make themselves known to this server (dynamic registration). They get nothing by it before "
    "somebody signs in and agrees. Otherwise an administrator enters each program.",
)

REGISTRATIONS = Setting(
    "oauth.registrations_per_hour",
    10,
    "How many programs one address may make known in an hour.",
    minimum=1,
    maximum=1000,
)

PROVIDER = Setting(
    "oauth.provider",
    "",
    "The address (issuer) of an outside OpenID Connect provider whose access tokens sign in to mail. Empty: none.",
    check=_issuer,
)

PROVIDER_AUDIENCE = Setting(
    "oauth.provider_audience",
    "",
    "For whom the provider's tokens must be made out (`aud`), one of these words. Without one no token is taken.",
)

PROVIDER_CLIENTS = Setting(
    "oauth.provider_clients",
    "",
    "The client ids of programs whose tokens are taken (`azp` or `client_id`), with spaces between. Empty: of all.",
)

PROVIDER_CLAIM = Setting(
    "oauth.provider_claim",
    "email",
    "The claim of a token that holds the address of the account, such as email, preferred_username or upn. `email` is "
    "believed only with `email_verified`.",
)

PROVIDER_DOMAINS = Setting(
    "oauth.provider_domains",
    "",
    "Only accounts of these domains sign in with the provider's tokens (with spaces between). Empty: of all.",
)

PROVIDER_CHECK = Setting(
    "oauth.provider_check",
    "signature",
    "How a token of the provider is checked: by its signature, by asking the provider each time (introspection, which "
    "also finds out that it was revoked), or both.",
    choices=("signature", "introspection", "both"),
)

PROVIDER_CLIENT_ID = Setting(
    "oauth.provider_client_id", "", "The client id by which this server asks the provider about tokens."
)

PROVIDER_CLIENT_SECRET = Setting(
    "oauth.provider_client_secret", "", "The client secret that belongs to it.", secret=True
)

PROVIDER_BELIEVED = Setting(
    "oauth.provider_believed",
    60,
    "How long the provider's answer about a token is believed before it is asked again, so that a revoked token is "
    "refused after this time. 0 = ask for every sign-in.",
    unit="seconds",
    minimum=0,
    maximum=3600,
)
