"""Settings of sessions in the browser, API tokens, passkeys and single sign-on."""

from __future__ import annotations

from urllib.parse import urlsplit

from posthouse.settings.contract import Setting

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _issuer(value: str) -> str:
    """A complaint about an issuer, or ""."""
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    except ValueError:
        secure, parts = False, urlsplit("")
    if not secure or not parts.hostname or parts.query or parts.fragment:
        return "give the provider's https address, such as https://login.example.org"
    return ""


SESSION_IDLE = Setting(
    "identity.session_idle",
    14_400,
    "A browser that was signed in and not used for this long must sign in again.",
    unit="seconds",
    minimum=300,
    maximum=2_592_000,
)

SESSION_LIFETIME = Setting(
    "identity.session_lifetime",
    604_800,
    "A browser must sign in again this long after it did, however much it is used.",
    unit="seconds",
    minimum=600,
    maximum=7_776_000,
)

FRESH_TIME = Setting(
    "identity.fresh_time",
    600,
    "Changes of passkeys, authenticator programs and API tokens, and confirming a risky change, ask for the "
    "password again when it was given longer ago than this.",
    unit="seconds",
    minimum=60,
    maximum=86_400,
)

MOST_FAILURES = Setting(
    "identity.most_failures",
    50,
    "After so many failed sign-ins in the browser one peer gets no further try until signin.forget_failures has "
    "passed. Up to there it is only slowed down.",
    minimum=5,
    maximum=10_000,
)

TOKEN_DAYS = Setting(
    "identity.token_days",
    90,
    "How long a new API token is good for when nobody says otherwise.",
    unit="days",
    minimum=1,
    maximum=3650,
)

PASSKEY_DOMAIN = Setting(
    "identity.passkey_domain",
    "",
    "The domain that passkeys are made for. Empty: the server's host name where the web pages are on it or below "
    "it, else the name in the browser's address line. Passkeys made for one domain do not work for another.",
)

OIDC_ISSUER = Setting(
    "oidc.issuer",
    "",
    "Single sign-on: the address of the OpenID Connect provider. Empty: no single sign-on.",
    check=_issuer,
)

OIDC_NAME = Setting("oidc.name", "Single sign-on", "What the button of single sign-on says.")

OIDC_CLIENT_ID = Setting("oidc.client_id", "", "The client id that the provider gave to this server.")

OIDC_CLIENT_SECRET = Setting(
    "oidc.client_secret",
    "",
    "The client secret that the provider gave to this server. Empty for a public client.",
    secret=True,
)

OIDC_SCOPES = Setting("oidc.scopes", "openid email profile", "The scopes to ask the provider for.")

OIDC_CLAIM = Setting(
    "oidc.claim",
    "email",
    "The claim that holds the address of the account. `email` is believed only with `email_verified`.",
)

OIDC_DOMAINS = Setting(
    "oidc.domains",
    "",
    "Only accounts of these domains sign in by single sign-on (separated by commas). Empty: of all.",
)

OIDC_GROUPS_CLAIM = Setting("oidc.groups_claim", "groups", "The claim that holds the person's groups.")

OIDC_GROUPS = Setting(
    "oidc.groups",
    "",
    "Only members of one of these groups sign in by single sign-on (separated by commas). Empty: no group is needed.",
)

OIDC_EVERYBODY = Setting(
    "oidc.everybody",
    False,
    "Whether ordinary users sign in by single sign-on, too. Otherwise administrators only.",
)
