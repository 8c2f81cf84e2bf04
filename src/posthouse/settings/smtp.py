"""Settings of receiving: SMTP, submission and LMTP."""

from __future__ import annotations

from posthouse.settings.contract import Setting

MAX_MESSAGE_SIZE = Setting(
    "smtp.max_message_size",
    50 * 1024 * 1024,
    "The largest message taken, as sent. Announced with SIZE; larger ones are refused with 552.",
    unit="bytes",
    minimum=65536,
    maximum=2**31,
)

MAX_RECIPIENTS = Setting(
    "smtp.max_recipients",
    1000,
    "Recipients of one message; further ones are answered 452, so that the sender uses a second message. "
    "RFC 5321 asks for 100 at least.",
    minimum=100,
    maximum=50000,
)

MAX_TRANSACTIONS = Setting(
    "smtp.max_transactions",
    10000,
    "Messages over one connection; then 421 and the connection is closed. 0 means no limit.",
    minimum=0,
)

MAX_COMMAND_LINE = Setting(
    "smtp.max_command_line",
    2048,
    "The longest command line with its CRLF; longer ones are answered 500. RFC 5321 asks for 512 at least.",
    unit="bytes",
    minimum=512,
    maximum=65536,
)

MAX_TEXT_LINE = Setting(
    "smtp.max_text_line",
    1024 * 1024,
    "The longest line within a message; messages with longer ones are refused. RFC 5321 asks for 1000 at "
    "least, real mail goes far beyond. 0 means no limit: lines are never held in memory whole.",
    unit="bytes",
    minimum=0,
    check=lambda value: "" if value == 0 or value >= 1000 else "must be 0, or 1000 or more",
)

MAX_ERRORS = Setting(
    "smtp.max_errors",
    20,
    "Errors of one connection (unknown commands, bad syntax, refused recipients of strangers); then 421 "
    "and the connection is closed.",
    minimum=1,
)

MAX_AUTH_FAILURES = Setting(
    "smtp.max_auth_failures",
    5,
    "Failed sign-ins of one connection; then 421 and the connection is closed.",
    minimum=1,
)

IDLE_TIMEOUT = Setting(
    "smtp.idle_timeout",
    300.0,
    "How long a client may be silent before 421. RFC 5321 asks for five minutes at least.",
    unit="seconds",
    minimum=1,
)

SESSION_TIMEOUT = Setting(
    "smtp.session_timeout",
    7200.0,
    "How long one connection may last in all, however busy it is; then 421.",
    unit="seconds",
    minimum=10,
)

MAX_HEADER_SIZE = Setting(
    "smtp.max_header_size",
    256 * 1024,
    "The largest header section of a message. It is held in memory while it arrives.",
    unit="bytes",
    minimum=16384,
    maximum=16 * 1024 * 1024,
)

MAX_HEADER_FIELDS = Setting(
    "smtp.max_header_fields",
    1000,
    "Fields in the header section of a message.",
    minimum=100,
)

MAX_RECEIVED = Setting(
    "smtp.max_received",
    50,
    "Received fields after which a message is taken to be in a loop and refused. RFC 5321 asks for 100 or "
    "so, and allows fewer.",
    minimum=10,
)

MAX_OWN_RECEIVED = Setting(
    "smtp.max_own_received",
    5,
    "Received fields of this very server after which a message is taken to be in a loop and refused.",
    minimum=1,
)

MAX_MIME_DEPTH = Setting(
    "smtp.max_mime_depth",
    50,
    "How deep the parts of a message may be nested.",
    minimum=10,
    maximum=60,
)

BARE_NEWLINES = Setting(
    "smtp.bare_newlines",
    "refuse",
    "What to do with a message that has a CR or LF on its own: refuse it, or normalise each to CRLF. "
    "Neither ever ends a message.",
    choices=("refuse", "normalise"),
)

AUTH_ON_MX = Setting(
    "smtp.auth_on_mx",
    False,
    "Offer AUTH on listeners of protocol smtp (port 25) too, under TLS. Off, passwords cannot be guessed "
    "there.",
)

SENDER_MUST_BE_OWN = Setting(
    "smtp.sender_must_be_own",
    True,
    "Refuse MAIL FROM of a signed-in user unless the address is theirs: the account's own, or an alias "
    "that leads to it.",
)

FROM_MUST_BE_OWN = Setting(
    "smtp.from_must_be_own",
    "refuse",
    "What becomes of a signed-in user's message whose From names somebody else: refuse it, add a Sender field that "
    "names the account, or off: let it pass. Without smtp.sender_must_be_own it always passes.",
    choices=("refuse", "sender", "off"),
)

HIDE_SUBMITTER = Setting(
    "smtp.hide_submitter",
    True,
    "Leave the address and the name of a signed-in user's computer out of the Received field. The trace keeps both.",
)

FUTURE_RELEASE = Setting(
    "smtp.future_release",
    30 * 86400.0,
    "How far ahead mail may be sent later (FUTURERELEASE, and send_at of the API). 0 means not at all.",
    unit="seconds",
    minimum=0,
    maximum=366 * 86400,
)

DELIVER_BY_MINIMUM = Setting(
    "smtp.deliver_by_minimum",
    60,
    "The shortest time within which a message may ask to be delivered or returned (DELIVERBY with mode R).",
    unit="seconds",
    minimum=1,
    maximum=999_999_999,
)

HIGHEST_PRIORITY = Setting(
    "smtp.highest_priority",
    3,
    "The highest priority that signed-in users may give their mail (MT-PRIORITY, -9 to 9). Strangers cannot raise "
    "theirs above 0.",
    minimum=0,
    maximum=9,
)
