"""Settings of certificates: the authority that makes them, the proofs it is shown, and when they are renewed."""

from __future__ import annotations

from posthouse.settings.contract import Setting

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def _url(value: str) -> str:
    if value.startswith("https://") and len(value) > len("https://") and not any(c.isspace() for c in value):
        return ""
    return "must be an https:// URL"


DIRECTORY = Setting(
    "certificates.directory",
    LETS_ENCRYPT,
    "The directory URL of the authority that certificates are ordered from (ACME).",
    check=_url,
)

CA_FILE = Setting(
    "certificates.ca_file",
    "",
    "A PEM file with the root certificate of a private authority, to reach its directory by. Empty: the "
    "authorities that this system trusts.",
)

CONTACT = Setting(
    "certificates.contact",
    "",
    "Mail addresses, separated by commas, that the authority may write to. Empty: none.",
)

TERMS_AGREED = Setting(
    "certificates.terms_agreed",
    False,
    "You have read the authority's terms of service and agree to them. Nothing is ordered before. "
    "`posthouse certificate account` shows where they stand.",
)

EAB_KEY_ID = Setting(
    "certificates.eab_key_id",
    "",
    "The key identifier for authorities that bind orders to a customer (External Account Binding).",
)

EAB_HMAC_KEY = Setting(
    "certificates.eab_hmac_key",
    "",
    "The key that belongs to certificates.eab_key_id, in base64, as the authority gives it.",
    secret=True,
)

KEY_KIND = Setting(
    "certificates.key_kind",
    "ecdsa-p256",
    "The kind of key that ordered certificates get.",
    choices=("ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096"),
)

DEFAULT_HOST = Setting(
    "certificates.default_host",
    "",
    "The host name whose certificate is shown to clients that ask for none, or for one we have no certificate "
    "for. Empty: the server's own name.",
)

LOOK_INTERVAL = Setting(
    "certificates.look_interval",
    60.0,
    "How often it is looked whether a certificate is to be renewed, or a failed order to be tried again.",
    unit="seconds",
    minimum=1,
    maximum=3600,
)

DNS_SERVER = Setting(
    "certificates.dns_server",
    "",
    "The zone's primary name server (an IP address, with :PORT unless it is 53) that takes dynamic updates (RFC "
    "2136), to prove names by DNS-01. Empty: not used.",
)

DNS_KEY_NAME = Setting(
    "certificates.dns_key_name",
    "",
    "The name of the TSIG key that updates are signed with. Empty: they are not signed.",
)

DNS_KEY_SECRET = Setting(
    "certificates.dns_key_secret",
    "",
    "The TSIG key itself, in base64.",
    secret=True,
)

DNS_KEY_ALGORITHM = Setting(
    "certificates.dns_key_algorithm",
    "hmac-sha256",
    "The algorithm of the TSIG key.",
    choices=("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha1"),
)

DNS_WAIT = Setting(
    "certificates.dns_wait",
    120.0,
    "How long the zone's name servers have to show a record that was written by dynamic update.",
    unit="seconds",
    minimum=1,
    maximum=540,
)

DNS_HOOK = Setting(
    "certificates.dns_hook",
    "",
    "A command that writes the record of DNS-01: it is called with `add NAME VALUE`, and with `remove NAME VALUE` "
    "afterwards, without a shell. It must end with status 0 once the record can be seen. Used where "
    "certificates.dns_server is empty.",
)

DNS_HOOK_TIME = Setting(
    "certificates.dns_hook_time",
    120.0,
    "How long that command may take.",
    unit="seconds",
    minimum=1,
    maximum=540,
)
