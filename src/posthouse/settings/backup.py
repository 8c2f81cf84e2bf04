"""Settings of the backups."""

from __future__ import annotations

import re

from posthouse.settings.contract import Setting

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _times(text: str) -> str:
    bad = [part for part in text.replace(",", " ").split() if not _CLOCK.fullmatch(part)]
    return f"{bad[0]!r} is no time of day such as 03:15" if bad else ""


def _place(text: str) -> str:
    if not text or text.startswith(("s3://", "/")) or re.match(r"[A-Za-z]:[\\/]", text):
        return ""
    return "it is neither an absolute path nor s3://bucket/prefix"


PLACE = Setting(
    "backup.place",
    "",
    "Where backups are kept: a folder (an absolute path, best on another disk or machine) or s3://bucket/prefix.",
    check=_place,
)
RECIPIENT = Setting(
    "backup.recipient",
    "",
    "The public key that backups are encrypted for. `posthouse backup init` writes it; the private key is kept nowhere "
    "on the server.",
    check=lambda text: "" if not text or re.fullmatch("[0-9a-f]{64}", text) else "it is no public key",
)
SECRET = Setting(
    "backup.secret",
    "",
    "What names and signs the files of the backups. `posthouse backup init` writes it.",
    secret=True,
    check=lambda text: "" if not text or re.fullmatch("[0-9a-f]{64}", text) else "it is no such secret",
)
TIMES = Setting(
    "backup.times",
    "",
    "Times of day at which a backup is made, in the server's time zone, separated by blanks: 03:15, or 03:15 15:15.",
    check=_times,
)
INTERVAL = Setting(
    "backup.interval",
    0.0,
    "Make a backup this long after the last one began; 0 for none. It may be combined with backup.times.",
    unit="seconds",
    minimum=0,
    maximum=31 * 86400,
)
KEEP_LAST = Setting(
    "backup.keep_last", 3, "Newest backups kept in any case.", unit="backups", minimum=1, maximum=10_000
)
KEEP_DAILY = Setting(
    "backup.keep_daily",
    7,
    "Days of which the last backup is kept.",
    unit="days",
    minimum=0,
    maximum=10_000,
)
KEEP_WEEKLY = Setting(
    "backup.keep_weekly",
    4,
    "Weeks (Monday to Sunday) of which the last backup is kept.",
    unit="weeks",
    minimum=0,
    maximum=10_000,
)
KEEP_MONTHLY = Setting(
    "backup.keep_monthly",
    6,
    "Months of which the last backup is kept.",
    unit="months",
    minimum=0,
    maximum=10_000,
)
RATE = Setting(
    "backup.rate",
    32 << 20,
    "Bytes a second that a backup writes or reads at most, so that mail does not wait for it; 0 for no limit.",
    unit="bytes",
    minimum=0,
    maximum=1 << 40,
)
S3_ENDPOINT = Setting(
    "backup.s3_endpoint",
    "",
    "The address of an object store other than Amazon's: https://minio.example.org:9000.",
    check=lambda text: "" if not text or re.match("https?://", text) else "it does not begin with https://",
)
S3_REGION = Setting("backup.s3_region", "", "The region of the bucket; empty is us-east-1.")
S3_KEY_ID = Setting("backup.s3_key_id", "", "The access key's id for the object store.")
S3_SECRET_KEY = Setting(
    "backup.s3_secret_key", "", "The access key's secret for the object store.", secret=True
)
