"""Settings of TLS towards other servers: what is demanded, what is remembered, what is reported."""

from __future__ import annotations

from posthouse.settings.contract import Setting

DEFAULT = Setting(
    "tls_out.default",
    "may",
    "What is asked of the hosts of domains that publish nothing about it: `may` uses TLS where it is offered and sends "
    "in the clear where it is not (RFC 7435); `encrypt` sends nothing in the clear, with any certificate. Routes say "
    "for themselves.",
    choices=("may", "encrypt"),
)

DANE = Setting(
    "tls_out.dane",
    True,
    "Follow the TLSA records of hosts in signed zones (DANE, RFC 7672). Needs a resolver that validates and is trusted "
    "(dns.trust_ad).",
)

MTA_STS = Setting(
    "tls_out.mta_sts",
    True,
    "Follow the MTA-STS policies of domains (RFC 8461).",
)

POLICY_PLACES = Setting(
    "tls_out.policy_places",
    "public",
    "Where policies of MTA-STS may be fetched from: `public` addresses on the Internet only, so that no stranger's "
    "domain makes this server ask its neighbours for something; `private` networks too, where such policies are served "
    "inside; `any` from this machine too. Their certificates must be good all the same (remote.authorities adds "
    "authorities).",
    choices=("public", "private", "any"),
)

MEMORY = Setting(
    "tls_out.memory",
    "warn",
    "What happens when a domain offers less TLS than it did before: `off` remembers nothing, `warn` sends and warns "
    "you, `refuse` keeps the mail until the domain offers as much as before, or until tls_out.memory_days are over.",
    choices=("off", "warn", "refuse"),
)

MEMORY_DAYS = Setting(
    "tls_out.memory_days",
    30,
    "How long the best TLS a domain offered is remembered after it was last seen.",
    unit="days",
    minimum=1,
    maximum=730,
)

REPORTS = Setting(
    "tlsrpt.send",
    True,
    "Send other domains a report a day of how TLS with their hosts went, where they ask for it (RFC 8460).",
)

SEND_INTERVAL = Setting(
    "tlsrpt.send_interval",
    3600.0,
    "How often it is looked for days that are over and whose reports are due.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

ORGANISATION = Setting(
    "tlsrpt.organisation",
    "",
    "Who we are in those reports; empty means the server's host name.",
)

CONTACT = Setting(
    "tlsrpt.contact",
    "",
    "The address in those reports that questions go to, and that they come from; empty means postmaster at the "
    "server's host name.",
)

KEEP_DAYS = Setting(
    "tlsrpt.keep_days",
    90,
    "How long reports that others send about us are kept.",
    unit="days",
    minimum=1,
    maximum=3650,
)

MAX_RECEIVED = Setting(
    "tlsrpt.max_received",
    2000,
    "How many reports of others are taken a day; further ones are not read.",
    minimum=10,
    maximum=1000000,
)
