"""Settings of what the server says about itself: log lines, measurements and who may read them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from posthouse.settings.contract import Setting

SMTP = Setting(
    "log.smtp",
    False,
    "Log the conversations of SMTP, submission and LMTP: each command and each answer. Passwords and the "
    "content of messages are left out.",
)

IMAP = Setting(
    "log.imap",
    False,
    "Log the conversations of IMAP: each command and each answer. Passwords and the content of messages are "
    "left out.",
)

POP3 = Setting(
    "log.pop3",
    False,
    "Log the conversations of POP3: each command and each answer. Passwords and the content of messages are "
    "left out.",
)

CONNECTIONS = Setting(
    "log.connections",
    False,
    "Log each connection when it comes and when it goes, with the bytes that passed.",
)

DELIVERY = Setting(
    "log.delivery",
    True,
    "Log each message taken, refused and delivered. Warnings and errors are logged in any case.",
)

APPLICATION = Setting(
    "log.application",
    True,
    "Log what the server does otherwise: sign-ins, changes of certificates, its own jobs. Warnings and errors "
    "are logged in any case.",
)

DEBUG = Setting(
    "log.debug",
    False,
    "Log details for hunting errors, whatever log_level says in posthouse.toml.",
)

LINE_LENGTH = Setting(
    "log.line_length",
    500,
    "How much of one command or answer is logged.",
    unit="characters",
    minimum=100,
    maximum=8192,
)

TO_STDERR = Setting(
    "log.to_stderr",
    True,
    "Write log lines to standard error, where systemd's journal or the terminal takes them. Until the settings "
    "are read at start, and in the process that watches several workers, lines always go there.",
)

TO_FILES = Setting(
    "log.to_files",
    False,
    "Write log lines to posthouse.log in the log folder, too.",
)

FOLDER = Setting(
    "log.folder",
    "",
    "The folder of the log files. Empty means logs in the data folder.",
    check=lambda value: (
        "" if not value or value.startswith("/") or value[1:2] == ":" else "must be a full path"
    ),
)

FILE_FORMAT = Setting(
    "log.file_format",
    "text",
    "The form of lines in log files and to syslog: text for people, json for programs.",
    choices=("text", "json"),
)

ROTATE_SIZE = Setting(
    "log.rotate_size",
    50 * 1024 * 1024,
    "A new log file begins when the present one is this large, and at midnight (UTC) in any case.",
    unit="bytes",
    minimum=65536,
    maximum=2**31,
)

KEEP_DAYS = Setting(
    "log.keep_days",
    30,
    "How long finished log files are kept.",
    unit="days",
    minimum=1,
    maximum=3650,
)

KEEP_SIZE = Setting(
    "log.keep_size",
    1024 * 1024 * 1024,
    "How large finished log files may become together; the oldest are removed first.",
    unit="bytes",
    minimum=65536,
)


def _syslog_complaint(value: str) -> str:
    if value in ("", "local"):
        return ""
    parts = urlsplit(value)
    try:
        good = parts.scheme in ("udp", "tcp") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return "" if good else "must be empty, local, udp://HOST:PORT or tcp://HOST:PORT"


SYSLOG = Setting(
    "log.syslog",
    "",
    "Send log lines to syslog (RFC 5424): local for this machine's /dev/log, or udp://HOST:PORT or tcp://HOST:PORT. "
    "Empty sends nothing.",
    check=_syslog_complaint,
)

JOURNAL = Setting(
    "log.journal",
    False,
    "Send log lines to systemd's journal with their fields (`journalctl POSTHOUSE_TRACE=…`). Turn log.to_stderr "
    "off then, or each line stands there twice.",
)


def networks(value: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of a comma-separated text. Raises ValueError."""
    return [ipaddress.ip_network(each.strip()) for each in value.split(",") if each.strip()]


def _networks_complaint(value: str) -> str:
    try:
        networks(value)
    except ValueError as error:
        return f"must be networks such as 192.0.2.0/24, separated by commas ({error})"
    return ""


METRICS_FROM = Setting(
    "metrics.allowed_from",
    "127.0.0.0/8, ::1/128",
    "Networks that may read /metrics and the details of /health without a token. Others need an API token with "
    "the scope view. Behind a proxy on this machine everybody seems to come from it: empty this then.",
    check=_networks_complaint,
)

SAMPLE_DAYS = Setting(
    "metrics.keep_days",
    366,
    "How long the measurements behind the plots of the status page are kept: each minute for a day, means of five "
    "minutes for a week, means of an hour for the rest.",
    unit="days",
    minimum=8,
    maximum=3660,
)


def _endpoint_complaint(value: str) -> str:
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        return (
            ""
            if parts.scheme in ("http", "https") and parts.hostname
            else "must be a URL such as http://host:4318"
        )
    except ValueError:
        return "is no URL"


OTEL_ENDPOINT = Setting(
    "metrics.otel_endpoint",
    "",
    "Where measurements and one span per message go by OpenTelemetry (OTLP over HTTP), such as "
    "http://collector.example.org:4318. Needs the extra otel. Empty sends nothing.",
    effect="restart",
    check=_endpoint_complaint,
)
