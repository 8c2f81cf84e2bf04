"""Settings of DKIM: keys, their records, their rotation."""

from __future__ import annotations

from posthouse.settings.contract import Setting

AUTOMATIC = Setting(
    "dkim.automatic",
    True,
    "Make keys for every domain of ours that has none. They are used once their records are in the DNS.",
)

SIGN = Setting(
    "dkim.sign",
    True,
    "Sign mail that our people send, and seal (ARC) what is forwarded.",
)

RSA_BITS = Setting(
    "dkim.rsa_bits",
    2048,
    "The size of new RSA keys. 2048 is read by everybody; larger ones make records that some providers do not take.",
    unit="bits",
    minimum=2048,
    maximum=4096,
)

ROTATE_DAYS = Setting(
    "dkim.rotate_days",
    180,
    "After how long a key is followed by a new one. The new one is used once its record is in the DNS. 0: never.",
    unit="days",
    minimum=0,
    maximum=3650,
)

KEEP_DAYS = Setting(
    "dkim.keep_days",
    14,
    "How long the record of a key stays after its last signature, so that mail under way can still be verified; "
    "and as long again with an empty key (p=), which says that it is revoked.",
    unit="days",
    minimum=1,
    maximum=365,
)

LOOK_INTERVAL = Setting(
    "dkim.look_interval",
    60.0,
    "How often it is looked whether keys are to be made, published, used or put aside.",
    unit="seconds",
    minimum=0.1,
    maximum=3600,
)

CHECK_INTERVAL = Setting(
    "dkim.check_interval",
    3600.0,
    "How often the DNS is asked whether the records of keys in use are still there. Those of new keys are asked "
    "for at every look.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

PUBLISH = Setting(
    "dkim.publish",
    False,
    "Write and remove the records by dynamic update (RFC 2136), with the name server and key of "
    "certificates.dns_server. That key must be allowed to change TXT records below _domainkey.",
)
