"""DNS: whom the server asks, and what it publishes about its own domains."""

from __future__ import annotations

import ipaddress

from posthouse.settings.contract import Setting


def split_place(text: str, default_port: int) -> tuple[str, int]:
    """``192.0.2.1``, ``192.0.2.1:5353``, ``2001:db8::1`` or ``[2001:db8::1]:5353`` as address and port. Raises
    ValueError."""
    text = text.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError("misplaced bracket")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    number = int(port) if port else default_port
    if not 1 <= number <= 65535:
        raise ValueError("no such port")
    return str(ipaddress.ip_address(host)), number


def listed(text: str) -> list[str]:
    """The words of a setting that holds a list, separated by commas or blanks."""
    return text.replace(",", " ").split()


def _check_servers(text: str) -> str:
    for word in listed(text):
        try:
            split_place(word, 53)
        except ValueError:
            return f"{word!r} is no IP address (with or without a port)"
    return ""


SERVERS = Setting(
    "dns.servers",
    "",
    "The DNS resolvers to ask, as IP addresses separated by commas, with a port where it is not 53. Empty: those of "
    "the system. A resolver of your own that validates DNSSEC (unbound, for instance) is best for a mail server.",
    check=_check_servers,
)

TIMEOUT = Setting(
    "dns.timeout",
    5.0,
    "How long one question to the DNS may take, all its attempts together.",
    unit="seconds",
    minimum=0.1,
    maximum=60,
)

CACHE_TIME = Setting(
    "dns.cache_time",
    300.0,
    "The longest time an answer is remembered; its own time to live may be shorter.",
    unit="seconds",
    minimum=0,
    maximum=86400,
)

CACHE_SIZE = Setting(
    "dns.cache_size",
    20000,
    "How many answers are remembered; those not asked for longest go first. One takes about 500 bytes.",
    minimum=100,
    maximum=1000000,
)

TRUST_AD = Setting(
    "dns.trust_ad",
    "auto",
    "Whether the resolvers' word that they validated an answer with DNSSEC (the AD flag) is believed. `auto`: only if "
    "all of them run on this machine (loopback addresses), as anybody on the way could set it. `yes`: always; the "
    "network to the resolvers must be trusted. `no`: never. Without it there is no DANE.",
    choices=("auto", "yes", "no"),
)

RECORD_TTL = Setting(
    "dns.record_ttl",
    3600,
    "The time to live proposed for the records that are to be published for a domain.",
    unit="seconds",
    minimum=60,
    maximum=604800,
)

CERTIFICATE_AUTHORITY = Setting(
    "dns.certificate_authority",
    "letsencrypt.org",
    "Who may issue certificates for our names, as it stands in the proposed CAA record. Empty: propose none.",
)

MTA_STS_MODE = Setting(
    "mta_sts.mode",
    "testing",
    "What our domains' MTA-STS policy asks of other servers (RFC 8461): `enforce` TLS with a certificate that is valid "
    "for our host name, `testing` to report only, `none` to publish that there is no policy any more. Before "
    "`enforce`, the server needs a certificate that others accept.",
    choices=("none", "testing", "enforce"),
)

MTA_STS_MAX_AGE = Setting(
    "mta_sts.max_age",
    604800,
    "How long other servers remember our MTA-STS policy.",
    unit="seconds",
    minimum=86400,
    maximum=31557600,
)
