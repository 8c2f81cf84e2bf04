"""Settings of signing in."""

from __future__ import annotations

from posthouse.settings.contract import Setting

HASHES_AT_ONCE = Setting(
    "signin.hashes_at_once",
    2,
    "How many passwords one worker verifies at the same time. Each takes about 64 MiB and a core "
    "while it runs.",
    minimum=1,
    maximum=64,
    effect="restart",
)

REMEMBER = Setting(
    "signin.remember",
    120,
    "How long a verified password is remembered, so that the next connections of the same program need no "
    "new hash. A changed password or a removed account is noticed within a second all the same. 0 = never.",
    unit="seconds",
    minimum=0,
    maximum=3600,
)

LEAST_PASSWORD_LENGTH = Setting(
    "signin.least_password_length",
    8,
    "How many characters a new password must have at least. Passwords that are there already stay good.",
    unit="characters",
    minimum=1,
    maximum=64,
)

FREE_FAILURES = Setting(
    "signin.free_failures",
    2,
    "Failed sign-ins of one peer or one login that are answered without delay.",
    minimum=0,
    maximum=100,
)

FIRST_DELAY = Setting(
    "signin.first_delay",
    1.0,
    "How long the answer to the first failure beyond those waits; it doubles with each further one.",
    unit="seconds",
    minimum=0,
    maximum=60,
)

LONGEST_DELAY = Setting(
    "signin.longest_delay",
    15.0,
    "The longest wait before an answer to a sign-in.",
    unit="seconds",
    minimum=0,
    maximum=60,
)

REFUSAL_TIME = Setting(
    "signin.refusal_time",
    1.0,
    "How soon a wrong password is answered at the earliest, while there are accounts with an imported hash or a source "
    "outside: these take another time to check, which would tell that they exist. 0 = at once.",
    unit="seconds",
    minimum=0,
    maximum=30,
)

FORGET_FAILURES = Setting(
    "signin.forget_failures",
    600,
    "After this long without a failure a peer or login starts afresh.",
    unit="seconds",
    minimum=1,
    maximum=86400,
)

SCRAM = Setting(
    "signin.scram",
    "auto",
    "Whether SCRAM is announced, with which a password never leaves the mail program. It works only for accounts "
    "whose own password was set here or has been used since its import, not for those of an outside source and not "
    "with app passwords: with auto it is announced while there are none of these.",
    choices=("auto", "always", "never"),
)

CRAM_MD5 = Setting(
    "signin.cram_md5",
    False,
    "Whether CRAM-MD5 is offered, for old programs and devices that know nothing better. Leave it off: it is weak, and "
    "it makes the server keep a key for each account that is as good as the password to whoever steals it and signs in "
    "this way; with it, passwords can be guessed very fast. A key is made when a password is set or used the next time "
    "(not with app passwords or an outside source), and until then programs that choose CRAM-MD5 are refused. "
    "Switched off, all keys are removed within seconds.",
)

MASTER_USER = Setting(
    "signin.master_user",
    False,
    "Whether a server administrator may sign in to somebody else's mailbox with their own password, as "
    "somebody@example.org*admin@example.org or with the authorization identity of PLAIN. Each time is in the audit.",
)

APP_PASSWORDS = Setting(
    "signin.app_passwords",
    "own choice",
    "Who must use an app password in mail programs, so that the account's own password opens only the pages: nobody "
    "but the accounts marked so, also those with a second factor, or everybody.",
    choices=("own choice", "second factor", "everybody"),
)

PASSWORD_DAYS = Setting(
    "signin.password_days",
    0,
    "How long a password may be used before another must be set. 0 = for ever, which is what is advised today.",
    unit="days",
    minimum=0,
    maximum=3650,
)

PASSWORD_WARNING = Setting(
    "signin.password_warning",
    14,
    "How long before their password expires people are told: by one message, and on every page. 0 = not before.",
    unit="days",
    minimum=0,
    maximum=365,
)

EXPIRED_DAYS = Setting(
    "signin.expired_days",
    14,
    "How long mail programs may go on with a password that has expired. The pages let its owner do nothing but set "
    "another, from the moment it expires.",
    unit="days",
    minimum=0,
    maximum=365,
)

STRENGTH = Setting(
    "signin.least_strength",
    24,
    "How hard to guess a new password must be at least, in bits as estimated: words that everybody uses, repeated and "
    "neighbouring characters, dates and parts of the address count for little. 0 = do not estimate.",
    unit="bits",
    minimum=0,
    maximum=100,
)

BREACH_LIST = Setting(
    "signin.breach_list",
    "",
    "File with the SHA-1 hashes of passwords known from breaches, sorted, one on each line and perhaps a colon and a "
    "count after it, as haveibeenpwned.com offers it. New passwords in it are refused. Empty = do not look.",
)

CLIENT_CA = Setting(
    "signin.client_ca",
    "",
    "File in PEM with the authorities whose client certificates are asked for, and the certificates themselves that "
    "were made without one. Their owners can sign in with EXTERNAL, without a password. Empty = none are asked for.",
    effect="restart",
)

CERTIFICATE_ADDRESS = Setting(
    "signin.certificate_address",
    False,
    "Whether the address in a client certificate (rfc822Name) signs in to the account of that address. Only right "
    "if those authorities certify nobody an address that is not theirs. Otherwise certificates count that were "
    "registered with an account.",
)
